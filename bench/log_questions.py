"""What the console and callers of the admin API ask of the request log: paths by name, and how long a served gateway
takes for each, warm (bench/log_rows.py).

Each question is asked once, then ``times`` more, unless the first answer takes seconds. Told are the medians of these,
in milliseconds: the clock's time, and the processor's time of the gateway and of the database's server with all their
processes, which is the figure to look at on a machine that does something else at the same time.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from bench import accounting, local
from bench.disconnects import Answer
from bench.failure import MeasurementError
from bench.local import LocalGateway
from bench.log_days import DAY
from penstock.control.timestamps import as_text

ADMIN_KEY: Final = "penstock_admin_bench_of_the_request_log"
"""What the gateway is started with as PENSTOCK_ADMIN_KEY."""
BUDGET: Final = 300.0
"""Milliseconds that an answer may take."""
_SLOW: Final = 3000.0
"""Milliseconds of the processor after which a question isn't asked again."""
_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
PERIODS: Final = {"15 minutes": _HOUR // 4, "an hour": _HOUR, "24 hours": DAY, "7 days": 7 * DAY, "30 days": 30 * DAY,
                  "90 days": 90 * DAY}  # fmt: skip
"""The console's periods, in microseconds."""
_LISTS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {},
    ", counted": {"count": "true"},
    " by key": {"api_key_ids": "key-3"},
    " by a key that none has": {"api_key_ids": "none"},
    " by several keys": {"api_key_ids": "key-3,key-7,none"},
    " by status": {"status_code": "429"},
    " by 5xx": {"status_code": "5xx"},
    " by a rare status": {"status_code": "504"},
    " by several statuses": {"status_code": "429,504"},
    " of errors": {"is_success": "false"},
    " of answers": {"is_success": "true"},
    " by model": {"models": "gpt-5"},
    " by a rare model": {"models": "rare-model"},
    " by a model that none has": {"models": "none"},
    " by several models": {"models": "gpt-5,rare-model,none"},
    " by provider": {"providers": "openai"},
    " by a rare provider": {"providers": "groq"},
    " by provider and model": {"ai_org_model": "openai__gpt-5"},
    " by provider and a rare model": {"ai_org_model": "groq__rare-model"},
    " by provider and model that none has": {"ai_org_model": "openai__none"},
    " by user": {"metadata": '{"_user":"u-17"}'},
    " by a user that none is": {"metadata": '{"_user":"none"}'},
    " by team": {"metadata": '{"team":"team-3"}'},
    " by team, counted": {"metadata": '{"team":"team-3"}', "count": "true"},
    " by user and team": {"metadata": '{"_user":"u-17","team":"team-3"}'},
    " by team and a rare status": {"metadata": '{"team":"team-3"}', "status_code": "504"},
    " by team and errors": {"metadata": '{"team":"team-3"}', "is_success": "false"},
    " by team and cost": {"metadata": '{"team":"team-3"}', "cost_min": "100"},
    " by team and key": {"metadata": '{"team":"team-3"}', "api_key_ids": "key-3"},
    " by key and user": {"metadata": '{"_user":"u-17"}', "api_key_ids": "key-3"},
    " by cost": {"cost_min": "100"},
    " by cost, counted": {"cost_min": "100", "count": "true"},
    " by a low cost": {"cost_min": "0.01"},
    " by a cost that none has": {"cost_min": "100000"},
    " by a narrow cost": {"cost_min": "0.10001", "cost_max": "0.100011"},
    " by a narrow cost that many have": {"cost_min": "0.1", "cost_max": "0.11"},
    " by cost and key": {"cost_min": "100", "api_key_ids": "key-3"},
    " by cost and model": {"cost_min": "100", "models": "gpt-5"},
    " by cost and errors": {"cost_min": "100", "is_success": "false"},
    " by model, key, cost": {"models": "gpt-5", "api_key_ids": "key-3", "cost_min": "0.1", "cost_max": "0.2"},
    " by status, key, team, cost": {
        "status_code": "5xx", "api_key_ids": "key-3", "metadata": '{"team":"team-3"}', "cost_min": "0.001",
    },
    " by model and 5xx": {"models": "gpt-5", "status_code": "5xx"},
    " by model and a rare status": {"models": "gpt-5", "status_code": "504"},
    " by provider and errors": {"providers": "google", "is_success": "false"},
    " by key and a model that it never asked": {"models": "none", "api_key_ids": "key-3"},
    " by cache": {"cache_status": "hit"},
    " by a cache status that none has": {"cache_status": "replayed"},
    " by virtual key": {"virtual_keys": "prod"},
    " by a virtual key that none has": {"virtual_keys": "none"},
    " by a config that none has": {"configs": "none"},
    " by a span that none has": {"span_id": "none"},
    " by tokens": {"total_units_min": "3000"},
    " by tokens that none has": {"total_units_min": "300000"},
    " by feedback": {"weighted_feedback_min": "0.5"},
}  # fmt: skip
"""Filters by what they are called."""
GRAPHS: Final = ("requests", "errors", "cost", "tokens", "time-to-first-token", "latency")
"""The console's graphs."""
_OTHER_GRAPHS: Final = (
    "users", "users/requests", "errors/rate", "errors/stacks", "errors/status-codes", "requests/rescued",
    "cache/hit-rate", "cache/latency", "feedbacks", "feedbacks/scores", "feedbacks/weighted", "feedbacks/ai-models",
)  # fmt: skip
_GROUPS: Final = ("ai-models", "providers", "api-keys", "users", "metadata/team", "status-codes", "workspaces")


class Taken(NamedTuple):
    """What a question took, warm: the clock's time and the processor's, in milliseconds."""

    clock: float
    processor: float


def questions(end: int, days: int) -> dict[str, str]:
    """The paths by name. The rows are of so many days up to ``end``, in microseconds since 1970."""
    now = end + _SECOND
    periods = {f", {name}": _between(now - length, now) for name, length in PERIODS.items()}
    asked = {f"list{name}": _path("/logs", filters) for name, filters in _LISTS.items()}
    asked["list, last page"] = _path("/logs", {"time_of_generation_max": as_text(end - days * DAY + 60 * _SECOND)})
    for period, time_of in periods.items():
        asked |= {f"list{name}{period}": _path("/logs", {**time_of, **filters}) for name, filters in _LISTS.items()}
        asked |= _analytics(period, time_of)
    length = PERIODS["30 days"]
    asked["overview, the 30 days before"] = _path(
        "/analytics/summary/overview", _between(now - 2 * length, now - length)
    )
    noons = _between(end - 3 * DAY + DAY // 2, end - DAY // 2)
    asked["graph users, two days from noon to noon"] = _path("/analytics/graphs/users", noons)
    asked["groups by users, two days from noon to noon"] = _path("/analytics/groups/users", noons)
    return asked


def _analytics(period: str, time_of: Mapping[str, str]) -> dict[str, str]:
    """What the console's overview asks of a period, and the graphs and groups beside it."""
    page = {**time_of, "page_size": "50"}
    asked = {f"overview{period}": _path("/analytics/summary/overview", time_of)}
    asked |= {f"summary of the cache{period}": _path("/analytics/summary/cache", time_of)}
    asked |= {
        f"graph {name}{period}": _path(f"/analytics/graphs/{name}", time_of) for name in (*GRAPHS, *_OTHER_GRAPHS)
    }
    asked |= {f"groups by {name}{period}": _path(f"/analytics/groups/{name}", page) for name in _GROUPS}
    asked |= {f"{name}{period}": _path(f"/analytics/{name}", time_of) for name in ("failures", "guards")}
    by_model = {**time_of, "models": "gpt-5"}
    asked |= {f"graph latency of a model{period}": _path("/analytics/graphs/latency", by_model)}
    asked |= {f"first page of a file{period}": _path("/logs/download", {**time_of, "page_size": "500"})}
    return asked


def _between(since: int, until: int) -> dict[str, str]:
    return {"time_of_generation_min": as_text(since), "time_of_generation_max": as_text(until)}


def _path(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


async def ask(
    gateway: LocalGateway, asked: Mapping[str, str], *, times: int = 3, server: int | None = None
) -> dict[str, Taken]:
    """What each question took; told as it goes. ``server`` is the number of the process of PostgreSQL's server."""
    processes = [gateway.process.popen.pid, *([server] if server is not None else [])]
    took = {}
    for name, path in asked.items():
        taken = [await _timed(gateway, path, processes)]
        if taken[0].processor < _SLOW:
            taken = [await _timed(gateway, path, processes) for _ in range(times)]
        took[name] = Taken(*(statistics.median(each) for each in zip(*taken, strict=True)))
        mark = "  over" if took[name].processor > BUDGET else ""
        print(f"{took[name].clock:9.1f} {took[name].processor:9.1f} ms  {name}{mark}", flush=True)
    return took


async def _timed(gateway: LocalGateway, path: str, processes: list[int]) -> Taken:
    before, began = _used(processes), time.perf_counter()
    await fetch(gateway, path)
    clock = time.perf_counter() - began
    return Taken(clock * 1000, (_used(processes) - before) * 1000)


def _used(processes: list[int]) -> float:
    return sum(map(accounting.cpu_seconds, processes))


async def fetch(gateway: LocalGateway, path: str) -> bytes:
    """The body of an answer of the admin API."""
    async with local.connected(gateway.port) as connection:
        lines = (f"GET /v1{path} HTTP/1.1", f"host: {local.HOST}", f"x-portkey-api-key: {ADMIN_KEY}", "", "")
        connection.send("\r\n".join(lines).encode())
        answer = await connection.answer(Answer())
    if answer.status != 200 or not answer.complete:
        raise MeasurementError(f"{path} was answered with {answer.status}: {bytes(answer.body[:300])!r}")
    return bytes(answer.body)


async def of_rows(gateway: LocalGateway, end: int, days: int) -> dict[str, str]:
    """The questions that need a row's id, its trace or a place far back in the list."""
    until = quote(as_text(end - days * DAY // 2))
    newest: dict[str, Any] = json.loads(await fetch(gateway, "/logs"))
    far: dict[str, Any] = json.loads(await fetch(gateway, f"/logs?time_of_generation_max={until}"))
    row = newest["data"][-1]
    return {
        "one row": f"/logs/{row['id']}",
        "list by trace": _path("/logs", {"trace_id": row["trace_id"]}),
        "list by trace, 7 days": _path(
            "/logs", {"trace_id": row["trace_id"], **_between(end - 7 * DAY, end + _SECOND)}
        ),
        "list by a trace that none has": _path("/logs", {"trace_id": "none"}),
        "list, far page": _path("/logs", {"cursor": far["next_cursor"]}),
    }
