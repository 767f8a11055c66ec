"""What users thought of an answer, by the trace of its request. A trace need not be known here.

Feedback is data of applications and no change of the control plane: the audit log does not tell of it.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.members import VALUE, Fields, Members
from penstock.control.plane import ControlPlane, workspace_for
from penstock.control.refusal import Problem, Problems, absent, invalid
from penstock.core.json_text import write_json
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.schema import feedback, feedback_value

FIELDS: Final = Fields(trace_id=VALUE, value=VALUE, weight=VALUE, metadata=VALUE)
_FARTHEST: Final = 10
_LONGEST_TRACE: Final = 256
_LARGEST_METADATA: Final = 16_384
_MOST: Final = 1000


async def create(plane: ControlPlane, actor: Actor, body: Any) -> dict[str, Any]:
    """Keep one piece of feedback, or a list of them: their ids in the same order. Raises Refusal."""
    rows = _read_all(body)
    async with plane.change(actor, revises=False) as change:
        workspace_id = await workspace_for(change.connection, actor, None)
        common = {
            "workspace_id": workspace_id,
            "created_at": change.now,
            "updated_at": change.now,
            "created_by": actor.name,
        }
        made = [{"id": random_id(), **row, **common} for row in rows]
        await change.connection.execute(feedback.insert(), made)
    return {"status": "success", "message": "Feedback saved.", "feedback_ids": [row["id"] for row in made]}


def _read_all(body: Any) -> list[dict[str, Any]]:
    items = body if isinstance(body, list) else [body]
    if not 0 < len(items) <= _MOST:
        raise invalid([Problem("", f"expected 1 to {_MOST} pieces of feedback")])
    problems = Problems()
    rows = []
    for index, item in enumerate(items):
        members = Members(item, FIELDS, f"/{index}" if isinstance(body, list) else "", problems)
        members.require("trace_id", "value")
        values = _read(members)
        rows.append({"weight": 1.0, "metadata": "{}", **values, "trace_id": members.text("trace_id", _LONGEST_TRACE)})
    problems.finish()
    return rows


def _read(members: Members) -> dict[str, Any]:
    """The columns of the members that are there."""
    values: dict[str, Any] = {"value": members.whole("value", -_FARTHEST, _FARTHEST)}
    weight = members.values.get("weight")
    if weight is not None:
        values["weight"] = weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            members.complain("weight", "expected a number from 0 to 1")
    metadata = members.values.get("metadata")
    if metadata is not None:
        values["metadata"] = write_json(metadata).decode()
        if not isinstance(metadata, dict) or len(values["metadata"]) > _LARGEST_METADATA:
            members.complain("metadata", f"expected an object of at most {_LARGEST_METADATA} bytes")
    return {name: value for name, value in values.items() if value is not None}


async def update(plane: ControlPlane, actor: Actor, id_: str, body: Any) -> dict[str, Any]:
    """Change the value, the weight or the metadata of a piece of feedback. Raises Refusal."""
    members = Members(body, FIELDS)
    values = _read(members)
    members.finish()
    where = feedback.c.id == id_
    if actor.workspace_id is not None:
        where = sa.and_(where, feedback.c.workspace_id == actor.workspace_id)
    async with plane.change(actor, revises=False) as change:
        query = feedback.update().where(where).values(**values, updated_at=change.now)
        if not (await change.connection.execute(query)).rowcount:
            raise absent("feedback", id_)
        weighted = sa.select(feedback.c.value * feedback.c.weight).where(feedback.c.id == id_).scalar_subquery()
        kept = feedback_value.update().where(feedback_value.c.feedback_id == id_)
        await change.connection.execute(kept.values(weighted=weighted))
    return {"status": "success", "message": "Feedback updated.", "feedback_ids": [id_]}
