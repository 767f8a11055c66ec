"""Why requests failed, by error, provider and status: shares of the latest requests of a period.

No index finds errors, so the latest rows of the period are read: ``MOST_ROWS`` at most, which takes milliseconds. The
answer says how many were read. Rows of earlier releases may hold an error and the status of an answer: streams that
broke off after their head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.analytics.sums import ratio, span_of
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import for_actor
from penstock.control.plane import ControlPlane
from penstock.control.timestamps import as_text
from penstock.stores.sql.request_log.usage import FAILED
from penstock.stores.sql.schema import request_log

MOST_ROWS: Final = 5000
"""Requests that are looked at."""


async def failures(plane: ControlPlane, actor: Actor, query: Mapping[str, str]) -> dict[str, Any]:
    """The reasons of requests that failed, the commonest first. Raises Refusal."""
    wanted = read_filter(query, needs_time=True)
    span_of(wanted)
    row = request_log.c
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        rows = sa.select(row.id, row.at, row.error, row.provider, row.status)
        rows = rows.where(*wanted.conditions(request_log), *wanted.within(row.at))
        latest = (await connection.execute(rows.order_by(row.at.desc()).limit(MOST_ROWS))).all()
    return by_reason(latest)


def by_reason(latest: Sequence[Any]) -> dict[str, Any]:
    """The endpoint's answer for rows of the request log, the newest first: failed ones by error, provider and status,
    each with its share of all rows in per cent."""
    reasons: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in latest:
        if row.error is None and row.status < FAILED:
            continue
        newest = {
            "object": "analytics-failure",
            "error": row.error,
            "provider": row.provider,
            "status_code": row.status,
            "requests": 0,
            "last_id": row.id,
            "last_seen": as_text(row.at),
        }
        reasons.setdefault((row.error, row.provider, row.status), newest)["requests"] += 1
    items = [{**each, "share": ratio(100 * each["requests"], len(latest))} for each in reasons.values()]
    items.sort(key=lambda item: -item["requests"])
    return {"object": "list", "requests": len(latest), "total": len(items), "data": items}
