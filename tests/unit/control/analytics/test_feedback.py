"""Feedback by group. tests/contract/test_request_log.py has figures of every engine."""

from __future__ import annotations

import pytest

from databases import with_tables
from logged import MINUTE, NOON, entry, write
from penstock.control.actor import CLI
from penstock.control.analytics import groups
from penstock.control.bootstrap import bootstrap
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane, workspace_for
from penstock.control.timestamps import as_text
from penstock.stores.sql.database import MEMORY
from penstock.stores.sql.keyring import parse_keyring
from penstock.stores.sql.schema import feedback


@pytest.mark.parametrize(("name", "value"), [("ai-models", "m"), ("users", "u")])
async def test_groups_look_at_the_latest_pieces_of_feedback(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST_OF_GROUPS", 2)
    async with with_tables(MEMORY) as database:
        await bootstrap(database)
        await write(database, *(entry(NOON + n, trace_id=str(n), metadata={"_user": "u"}) for n in range(3)))
        async with database.change() as connection:
            workspace = await workspace_for(connection, CLI, None)
            common = {"workspace_id": workspace, "weight": 1.0, "updated_at": 1, "created_by": "u"}
            pieces = [
                {"id": str(n), "trace_id": str(n), "value": n, "created_at": NOON + n, **common} for n in range(3)
            ]
            await connection.execute(feedback.insert(), pieces)
        query = {"time_of_generation_min": as_text(NOON - MINUTE), "time_of_generation_max": as_text(NOON + MINUTE)}
        page = await groups.group(ControlPlane(database, parse_keyring("")), CLI, name, query, Page())
    (only,) = page["data"]
    assert value in only.values()
    assert (only["requests"], only["requests_with_feedback"], only["avg_weighted_feedback"]) == (3, 2, 1.5)
