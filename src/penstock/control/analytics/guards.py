"""What the checks of guards decided, by check: shares of the latest requests of a period.

Verdicts stand in the details of a request's row, which nobody searches: so many rows are read that it takes
milliseconds, and how many is told with the shares. Source: docs/guardrails.md#what-is-recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.analytics.sums import ratio, span_of
from penstock.control.logs.filter_reader import read_filter
from penstock.control.logs.filters import for_actor
from penstock.control.plane import ControlPlane
from penstock.stores.sql.schema import request_log

MOST_ROWS: Final = 5000
"""Requests that are looked at."""
_ERRORS: Final = frozenset({"error_passed", "error_denied", "error_failed"})
_DENIALS: Final = frozenset({"denied", "error_denied"})
_FAILURES: Final = frozenset({"failed", "error_failed", *_DENIALS})
_SHADOWS: Final = frozenset({"would_deny", "would_fail", "would_change"})


class _Verdict(msgspec.Struct):
    check: str = ""
    verdict: str = ""


class _Details(msgspec.Struct):
    guards: list[_Verdict] = []


_DETAILS: Final = msgspec.json.Decoder(_Details)


async def denials(plane: ControlPlane, actor: Actor, query: Mapping[str, str]) -> dict[str, Any]:
    """The checks that did not simply pass, those with the most denials first. Raises Refusal."""
    wanted = read_filter(query, needs_time=True)
    span_of(wanted)
    async with plane.database.read() as connection:
        wanted = await for_actor(connection, actor, wanted)
        rows = sa.select(request_log.c.details).where(*wanted.conditions(request_log), *wanted.within(request_log.c.at))
        latest = rows.order_by(request_log.c.at.desc()).limit(MOST_ROWS)
        details = (await connection.execute(latest)).scalars().all()
    return told(details)


def told(details: Iterable[str]) -> dict[str, Any]:
    """The answer of the endpoint for the details of requests. A request counts once for each check and verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    requests = 0
    for text in details:
        requests += 1
        try:
            guards = _DETAILS.decode(text).guards
        except msgspec.MsgspecError:
            continue
        counts.update({(each.check, each.verdict) for each in guards})
    checks = {check for check, _ in counts}
    items = [_item(check, counts, requests) for check in checks]
    items.sort(key=lambda item: (-item["denied"], -item["failed"], item["check"]))
    return {"object": "list", "requests": requests, "total": len(items), "data": items}


def _item(check: str, counts: Counter[tuple[str, str]], requests: int) -> dict[str, Any]:
    def of(verdicts: frozenset[str]) -> int:
        return sum(counts[check, verdict] for verdict in verdicts)

    denied = of(_DENIALS)
    return {
        "object": "analytics-guard",
        "check": check,
        "denied": denied,
        "denied_share": ratio(100 * denied, requests),
        "failed": of(_FAILURES),
        "errors": of(_ERRORS),
        "shadow": of(_SHADOWS),
        "unread": counts[check, "unread"],
    }
