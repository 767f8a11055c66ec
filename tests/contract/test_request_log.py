"""The request log and analytics over a real socket, on every engine."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import itertools
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from administering import ADMIN, RunningAdmin, running_admin
from databases import fresh_address
from logged import MINUTE, NOON, by_member, entry, write
from penstock.background import in_slices
from penstock.control.analytics import feedback as analytics_feedback
from penstock.control.analytics import graphs as analytics
from penstock.control.analytics import groups as analytics_groups
from penstock.control.analytics.graphs import ALIASES
from penstock.control.logs import narrowing
from penstock.control.logs.logs import rows_of
from penstock.control.timestamps import as_text
from penstock.stores.sql import schema
from penstock.stores.sql.database_error import DatabaseError, ValueRefused
from penstock.stores.sql.ids import id_at
from penstock.stores.sql.request_log.feedback_values import match_feedback
from penstock.stores.sql.request_log.partitions import Partitions, drop_before
from penstock.stores.sql.request_log.retention import Retention, delete_old
from penstock.stores.sql.request_log.stored_content import StoredContent, packed
from penstock.stores.sql.request_log.usage_users import MONDAY, WEEK, add_up_users
from penstock.stores.sql.schema.request_log import COST_CLASS, cost_class

HOUR = 60 * MINUTE
DAY = 24 * HOUR
FILES = "penstock.control.logs.files"


@pytest.fixture(params=["memory", "postgres"])
def admin(request: pytest.FixtureRequest) -> Iterator[RunningAdmin]:
    with running_admin(fresh_address(request)) as running:
        yield running


def felt(admin: RunningAdmin, trace: str, value: int, **more: float) -> None:
    admin.made("/feedback", {"trace_id": trace, "value": value, **more})


def put(admin: RunningAdmin, *entries: Any, **how: Any) -> None:
    admin.run(write(admin.plane.database, *entries, **how))


def listed(admin: RunningAdmin, **query: Any) -> dict[str, Any]:
    reply = admin.call("GET", f"/logs?{urlencode(query)}")
    assert reply.status == 200, reply.text
    return dict(reply.body)


def traces(admin: RunningAdmin, **query: Any) -> list[str]:
    return [item["trace_id"] for item in listed(admin, **query)["data"]]


def within(hours: float = 1, **more: Any) -> str:
    return urlencode(
        {
            "time_of_generation_min": as_text(NOON),
            "time_of_generation_max": as_text(NOON + round(hours * HOUR)),
            **more,
        }
    )


def test_a_list_is_read_in_pages_the_newest_first(admin: RunningAdmin) -> None:
    put(admin, *(entry(NOON + number // 2 * MINUTE, trace_id=f"t{number}") for number in range(7)))
    seen, cursor = [], dict[str, Any]()
    for _ in range(4):
        page = listed(admin, page_size=2, **cursor)
        seen += page["data"]
        cursor = {"cursor": page["next_cursor"]}
        assert page["has_more"] == (page["next_cursor"] is not None)
    assert len({item["trace_id"] for item in seen}) == 7
    assert [item["created_at"] for item in seen] == sorted((item["created_at"] for item in seen), reverse=True)
    assert not page["has_more"]
    assert (page["total"], listed(admin, count="true")["total"]) == (None, 7)
    assert admin.call("GET", "/logs?cursor=x").problems.keys() == {"/cursor"}


def test_filters_find_what_they_say(admin: RunningAdmin) -> None:
    put(
        admin,
        entry(NOON, trace_id="good", key_id="k1", metadata={"team": "a", "_user": "u"}),
        entry(NOON + 1, trace_id="slow", status=503, error="x", model="other", provider="azure", amount=None),
        entry(NOON + 2, trace_id="dear", amount=5_000_000_000, total_tokens=99, cache="HIT", metadata={"team": "b"}),
    )
    assert traces(admin, trace_id="slow,dear") == ["dear", "slow"]
    assert traces(admin, api_key_ids="k1") == ["good"]
    assert traces(admin, providers="azure") == traces(admin, models="other") == ["slow"]
    assert traces(admin, ai_org_model="openai__m") == ["dear", "good"]
    assert traces(admin, status_code="5xx") == traces(admin, status_code="503,429") == ["slow"]
    assert traces(admin, is_success="false") == ["slow"]
    assert traces(admin, cost_min=100) == traces(admin, total_units_min=20) == ["dear"]
    assert traces(admin, cost_max=2) == ["good"]
    assert traces(admin, cache_status="hit") == ["dear"]
    assert traces(admin, metadata='{"team":"a"}') == traces(admin, metadata='{"_user":"u","team":"a"}') == ["good"]
    assert traces(admin, metadata='{"team":"a","_user":"v"}') == traces(admin, prompt_slug="p") == []
    assert traces(admin, time_of_generation_min=as_text(NOON + MINUTE)) == []


def test_members_of_metadata_are_found_with_what_else_is_asked_for(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rarest of several members, or by the rows that have all else where these are few: the answer is one."""
    put(
        admin,
        *(entry(NOON + n, trace_id=f"t{n}", metadata={"team": "a", "_user": f"u{n % 3}"}) for n in range(9)),
        entry(NOON + 9, trace_id="bad", status=500, metadata={"team": "a", "_user": "u0"}),
        entry(NOON + 10, trace_id="other", status=500, metadata={"team": "b"}),
    )
    for few in (2000, 0):
        monkeypatch.setattr("penstock.control.logs.candidates.FEW", few)
        monkeypatch.setattr("penstock.control.logs.logs.FEW", few)
        assert traces(admin, metadata='{"team":"a","_user":"u1"}') == ["t7", "t4", "t1"]
        assert traces(admin, metadata='{"_user":"u1","team":"a"}', cost_min="100") == []
        assert traces(admin, metadata='{"team":"a"}', status_code="500") == ["bad"]
        assert traces(admin, metadata='{"team":"a"}', status_code="5xx", models="m") == ["bad"]
        assert traces(admin, metadata='{"team":"a"}', is_success="false") == ["bad"]
        assert traces(admin, metadata='{"team":"a"}', trace_id="t4") == ["t4"]
        page = listed(admin, metadata='{"team":"a"}', page_size=4, count="true")
        assert page["total"] == 10
        rest = listed(admin, metadata='{"team":"a"}', page_size=9, cursor=page["next_cursor"])
        assert [each["trace_id"] for each in (*page["data"], *rest["data"])] == [
            "bad",
            *(f"t{8 - n}" for n in range(9)),
        ]


def test_costs_and_statuses_find_the_same_rows_by_an_index_and_in_the_order_of_time(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = (None, 0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 2_000_000, 19_999_999, 20_000_000, 10**15, 10**17)
    statuses = (200, 200, 200, 101, 204, 301, 404, 429, 500, 504)
    put(
        admin,
        *(
            entry(NOON + n * MINUTE, trace_id=f"t{n}", amount=costs[n % len(costs)], status=statuses[n % len(statuses)])
            for n in range(len(costs) * len(statuses))
        ),
    )
    rows = [(f"t{n}", costs[n % len(costs)], statuses[n % len(statuses)]) for n in range(len(costs) * len(statuses))]

    def expected(least: int, most: int, fits: Any) -> list[str]:
        return [trace for trace, cost, status in rows if cost is not None and least <= cost <= most and fits(status)]

    for few in (2000, 0):
        monkeypatch.setattr("penstock.control.logs.candidates.FEW", few)
        monkeypatch.setattr("penstock.control.logs.logs.FEW", few)
        for least, most in ((0, 1 << 62), (10, 100), (11, 99), (1_500_000, 20_000_000), (9, 9), (12, 98), (-5, 9)):
            bounds = {"cost_min": f"{least / 1e7:.7f}", "cost_max": f"{most / 1e7:.7f}"}
            assert sorted(traces(admin, **bounds, page_size=1000)) == sorted(expected(least, most, lambda _: True))
            found = sorted(traces(admin, **bounds, is_success="false", page_size=1000))
            assert found == sorted(expected(least, most, lambda status: status >= 400))
        for text, fits in (
            ("404", lambda status: status == 404),
            ("200", lambda status: status == 200),
            ("2xx", lambda status: 200 <= status < 300),
            ("4xx,504", lambda status: status in {404, 429, 504}),
            ("101,200", lambda status: status in {101, 200}),
            ("204", lambda status: status == 204),
        ):
            found = sorted(traces(admin, status_code=text, page_size=1000))
            assert found == sorted(trace for trace, _, status in rows if fits(status))
        for text in ("true", "false"):
            found = sorted(traces(admin, is_success=text, page_size=1000))
            assert found == sorted(trace for trace, _, status in rows if (status < 400) is (text == "true"))


def test_the_class_of_a_cost_is_the_same_in_sql(admin: RunningAdmin) -> None:
    amounts = sorted({0, *(10**digits + more for digits in range(19) for more in (-1, 0, 1, 4)), (1 << 63) - 1})

    async def classes(amounts: list[int]) -> list[int]:
        async with admin.plane.database.read() as connection:
            values = " UNION ALL ".join(f"SELECT {amount} AS amount" for amount in amounts)
            query = sa.text(f"SELECT amount, {COST_CLASS} AS class FROM ({values}) AS one")  # noqa: S608 (constants)
            return [row[1] for row in sorted(await connection.execute(query))]

    found = admin.run(classes(amounts))
    assert found == [cost_class(amount) for amount in amounts]
    assert found == sorted(found)
    assert admin.run(classes([-5000])) == [cost_class(5000)]  # no row is refused


def test_all_wrong_filters_are_told_at_once(admin: RunningAdmin) -> None:
    query = urlencode({"cost_min": "x", "status_code": "ok", "metadata": "[", "time_of_generation_min": "then"})
    wrong = admin.call("GET", f"/logs?{query}&is_success=maybe&ai_org_model=m")
    assert wrong.status == 400
    assert wrong.problems.keys() == {
        "/cost_min", "/status_code", "/metadata", "/time_of_generation_min", "/is_success", "/ai_org_model",
    }  # fmt: skip


def test_one_row_has_its_attempts_its_content_and_the_feedback_on_its_trace(admin: RunningAdmin) -> None:
    details = {"attempts": [{"number": 1, "status": 429, "began": 1.5, "nanos": 0}], "dropped": ["logit_bias"]}
    content = packed(StoredContent({"x-portkey-trace-id": "t1"}, '{"model":"m"}', {}, "data: 1\n\n"))
    row = entry(trace_id="t1", details=details, content=content, metadata={"team": "a"})
    put(admin, row)
    felt(admin, "t1", 5, weight=0.5)
    told = admin.call("GET", f"/logs/{row.id}").body
    assert (told["_id"], told["request"]["body"], told["response"]["body"]) == (row.id, {"model": "m"}, "data: 1\n\n")
    assert told["request"]["portkeyHeaders"] == {"x-portkey-trace-id": "t1"}
    assert (told["attempts"][0]["status"], told["attempts"][0]["cost"], told["attempts"][0]["is_shared"]) == (
        429, 0, False,
    )  # fmt: skip
    assert told["metrics"]["cost"] == 2
    assert (told["metrics"]["metadata.key"], told["metrics"]["metadata.value"]) == (["team"], ["a"])
    assert (told["dropped_parameters"], told["feedback"][0]["value"]) == (["logit_bias"], 5)
    assert traces(admin, weighted_feedback_min=2) == ["t1"]
    assert traces(admin, weighted_feedback_min=3) == []
    for id_ in ("nothing", "00000000-0000-7000-8000-000000000000", "00000000-0000-4000-8000-000000000000"):
        assert admin.call("GET", f"/logs/{id_}").status == 404


def test_a_row_that_comes_twice_is_kept_and_counted_once(admin: RunningAdmin) -> None:
    first, second = entry(trace_id="a", metadata={"_user": "u"}), entry(NOON + 1, trace_id="b")
    put(admin, first)
    put(admin, first, second, is_repeated=True)
    assert traces(admin) == ["b", "a"]
    graph = admin.call("GET", f"/analytics/graphs/requests?{within(24)}").body
    assert graph["summary"] == {"total": 2}


def test_texts_that_a_database_refuses_cost_no_row(admin: RunningAdmin) -> None:
    put(admin, entry(trace_id="a\x00b" + "x" * 5000, model="\ud800", message="\x00", metadata={"\x00": "\ud800"}))
    (item,) = listed(admin)["data"]
    assert item["trace_id"].startswith("a?bxx")
    assert (item["ai_model"], item["error_message"]) == ("?", "?")


def test_a_sum_that_a_column_can_not_hold_is_refused_and_not_waited_for(admin: RunningAdmin) -> None:
    """The sums of an hour hold what 64 bits do. PostgreSQL refuses more, and would each time."""
    put(admin, entry(trace_id="first", amount=1 << 62))
    is_postgres = not admin.plane.database.is_sqlite
    with pytest.raises(ValueRefused) if is_postgres else contextlib.nullcontext():
        put(admin, entry(trace_id="second", amount=1 << 62))
    put(admin, entry(trace_id="third", amount=0))
    assert {"first", "third"} <= set(traces(admin))


def test_graphs_agree_with_the_rows_in_buckets_of_every_size(admin: RunningAdmin) -> None:
    put(
        admin,
        entry(NOON, metadata={"_user": "u"}),
        entry(NOON + MINUTE, status=500, latency=400_000, amount=None, metadata={"_user": "v"}),
        entry(NOON + 2 * MINUTE, cache="HIT", saved=10_000_000, latency=10_000, retries=1, attempts=2),
    )
    for hours, size in ((2, MINUTE), (24, HOUR), (24 * 30, DAY), (24 * 100, 7 * DAY)):

        def graph(name: str, hours: float = hours, **more: Any) -> dict[str, Any]:
            return dict(admin.call("GET", f"/analytics/graphs/{name}?{within(hours, **more)}").body)

        requests = graph("requests")
        assert requests["object"] == "analytics-graph"
        assert requests["summary"] == {"total": 3}
        assert sum(point["total"] for point in requests["data_points"]) == 3
        assert len(requests["data_points"]) >= hours * HOUR // size
        assert graph("errors")["summary"] == {"total": 1}
        assert graph("errors/rate")["summary"] == {"rate": 33.3333}
        assert graph("cost")["summary"] == {"total": 4, "avg": 1.333333}
        assert graph("tokens")["summary"]["total"] == 45
        assert graph("users")["summary"] == {"total": 2}
        assert graph("users/requests")["summary"] == {"total": 2, "unique": 2, "avg": 1.0}
        assert graph("cache/hit-rate")["summary"] == {"total": 1, "rate": 33.3333}
        assert graph("cache/hit-rate")["data_points"][-1]["cumulative_simple_cache_savings"] == 1
        assert graph("requests/rescued")["summary"] == {"retry": 1, "fallback": 0}
        assert graph("latency")["summary"]["avg"] == 186.667
        assert graph("errors/status-codes")["data_points"] == [{"status_code": 500, "count": 1}]
        assert graph("errors/stacks")["summary"] == {"total": 1}
        assert graph("requests", metadata='{"_user":"u"}')["summary"] == {"total": 1}
        assert graph("cost", cost_min=1, models="m")["summary"]["total"] == 4
        assert graph("users", models="m")["summary"] == {"total": 2}
        assert graph("requests", status_code="500", models="m")["summary"] == {"total": 1}


def test_the_paths_of_both_clients_answer_the_same(admin: RunningAdmin) -> None:
    put(admin, entry(status=500))
    for alias, name in ALIASES.items():
        first, second = (admin.call("GET", f"/analytics/graphs/{each}?{within()}") for each in (alias, name))
        assert (first.status, first.text) == (200, second.text)
    assert admin.call("GET", "/analytics/graphs/requests").problems.keys() == {
        "/time_of_generation_min", "/time_of_generation_max",
    }  # fmt: skip


@pytest.mark.parametrize("hours", [1, 24, 24 * 30])
def test_groups_tell_who_asked_for_what(admin: RunningAdmin, hours: int) -> None:
    put(
        admin,
        entry(NOON, metadata={"_user": "u", "team": "a"}, trace_id="t1"),
        entry(NOON + 1, metadata={"_user": "u"}, model="n"),
        entry(NOON + 2, metadata={"_user": "v"}, status=400),
    )
    felt(admin, "t1", 10)

    def group(name: str) -> list[Any]:
        return list(admin.call("GET", f"/analytics/groups/{name}?{within(hours)}").body["data"])

    assert [(each["user"], each["requests"]) for each in group("users")] == [("u", 2), ("v", 1)]
    models = by_member(group("ai-models"), "ai_model")
    assert (models["m"]["requests"], models["m"]["errors"], models["m"]["cost"], models["n"]["avg_tokens"]) == (
        2, 1, 4, 15,
    )  # fmt: skip
    assert group("metadata/team")[0]["metadata_value"] == "a"
    assert {each["status_code"] for each in group("status-codes")} == {200, 400}
    assert group("workspaces")[0]["workspace_slug"].startswith("ws-")
    assert admin.call("GET", f"/analytics/groups/colours?{within(hours)}").status == 404
    summary = admin.call("GET", f"/analytics/summary/overview?{within(hours)}").body["summary"]
    assert (summary["requests"], summary["errors"], summary["cost"], summary["tokens"]) == (3, 1, 6, 45)
    assert admin.call("GET", f"/analytics/summary/cache?{within(hours)}").body["summary"]["hits"] == 0


_FILTERS = {
    "trace_id": "t1", "span_id": "s", "prompt_slug": "p", "api_key_ids": "key", "virtual_keys": "prod", "configs": "c",
    "providers": "openai", "models": "m", "ai_org_model": "openai__m", "status_code": "2xx", "cache_status": "miss",
    "metadata": '{"team": "a"}', "cost_min": "0", "total_units_max": "9", "prompt_token_min": "0",
    "completion_token_max": "9", "weighted_feedback_min": "1", "is_success": "true",
}  # fmt: skip


@pytest.mark.parametrize("hours", [1, 24 * 30])
def test_every_figure_takes_every_filter(admin: RunningAdmin, hours: int) -> None:
    put(admin, entry(NOON, metadata={"_user": "u", "team": "a"}, trace_id="t1"))
    felt(admin, "t1", 10)
    figures = [f"graphs/{name}" for name in analytics.GRAPHS]
    figures += [f"groups/{name}" for name in (*analytics_groups.GROUPS, "metadata/team")]
    figures += ["summary/overview", "summary/cache", "guards", "failures"]
    for figure in figures:
        for name, value in _FILTERS.items():
            reply = admin.call("GET", f"/analytics/{figure}?{within(hours, **{name: value})}")
            assert reply.status == 200, (figure, name, reply.text)


def test_groups_tell_the_feedback_on_what_a_filter_means(admin: RunningAdmin) -> None:
    now = as_text(time.time_ns() // 1000 + HOUR)
    query = {"time_of_generation_min": as_text(NOON), "time_of_generation_max": now}
    put(admin, entry(NOON, trace_id="t1"), entry(NOON + 1, trace_id="t1", model="n"), entry(NOON + 2, trace_id="t2"))
    felt(admin, "t1", 10)
    felt(admin, "t2", 4)

    def feedback(**more: str) -> dict[str, tuple[float, int]]:
        groups = admin.call("GET", f"/analytics/groups/ai-models?{urlencode({**query, **more})}").body["data"]
        return {each["ai_model"]: (each["avg_weighted_feedback"], each["requests_with_feedback"]) for each in groups}

    assert feedback() == {"m": (7, 2), "n": (10, 1)}
    assert feedback(trace_id="t1") == {"m": (10, 1), "n": (10, 1)}
    assert feedback(models="m") == {"m": (7, 2)}


def test_totals_are_the_sums_of_their_parts(admin: RunningAdmin) -> None:
    put(admin, entry(NOON), entry(NOON + 1, model="n", status=500), entry(NOON + HOUR, cache="HIT"), entry(NOON + DAY))
    put(admin, entry(NOON + 2, key_id="other", latency=20_000))

    async def sums(table: sa.Table) -> dict[Any, Any]:
        key = [table.c.start, table.c.workspace_id, table.c.cache]
        measures = [column for column in schema.total_day.c if column.name not in schema.total_day.primary_key.columns]
        told = [(sa.func.max if column.name == "last_at" else sa.func.sum)(table.c[column.name]) for column in measures]
        async with admin.plane.database.read() as connection:
            rows = await connection.execute(sa.select(*key, *told).group_by(*key))
            return {tuple(row[:3]): tuple(map(int, row[3:])) for row in rows}

    for parts, totals in ((schema.usage_hour, schema.total_hour), (schema.usage_day, schema.total_day)):
        found = admin.run(sums(totals))
        assert found == admin.run(sums(parts))
        assert len(found) == 3


def another_workspace(admin: RunningAdmin) -> None:
    async def make() -> None:
        async with admin.plane.database.write() as connection:
            row = {"id": "another", "slug": "another", "name": "Another", "created_at": 0, "updated_at": 0}
            await connection.execute(schema.workspace.insert().values(**row, created_by="t", updated_by="t"))

    admin.run(make())


def test_users_of_a_month_are_told_apart_over_days_and_workspaces(admin: RunningAdmin) -> None:
    another_workspace(admin)
    put(
        admin,
        *(entry(NOON + day * DAY, metadata={"_user": user}) for day, user in ((0, "u"), (0, "v"), (1, "u"), (9, "u"))),
        entry(NOON, metadata={"_user": "u"}),
        entry(NOON, metadata={"_user": "u"}, workspace_id="another"),
    )
    for hours in (24 * 30, 24 * 100):
        graph = admin.call("GET", f"/analytics/graphs/users?{within(hours)}").body
        of_requests = admin.call("GET", f"/analytics/graphs/users-requests?{within(hours)}").body
        assert graph["summary"] == {"total": 2}
        assert of_requests["summary"] == {"total": 6, "unique": 2, "avg": 3.0}
        totals = [point["total"] for point in graph["data_points"] if point["total"]]
        assert totals[0] == 2
        assert set(totals[1:]) == {1}
        of_one = admin.call("GET", f"/analytics/graphs/users-requests?{within(hours, workspace_slug='another')}").body
        assert of_one["summary"] == {"total": 1, "unique": 1, "avg": 1.0}
    page = admin.call("GET", f"/analytics/groups/users?{within(24 * 30)}&page_size=1&current_page=1").body
    assert (page["total"], [each["user"] for each in page["data"]]) == (2, ["v"])
    beyond = admin.call("GET", f"/analytics/groups/users?{within(24 * 30)}&page_size=1&current_page=7").body
    assert (beyond["total"], beyond["data"]) == (2, [])


def of_users(admin: RunningAdmin, since: int, until: int) -> tuple[Any, ...]:
    """What the graphs and the groups tell of the users of a time."""
    query = urlencode({"time_of_generation_min": as_text(since), "time_of_generation_max": as_text(until)})
    graph, of_requests = (
        admin.call("GET", f"/analytics/graphs/{name}?{query}").body for name in ("users", "users/requests")
    )
    groups = admin.call("GET", f"/analytics/groups/users?{query}").body["data"]
    return graph["summary"], graph["data_points"], of_requests, groups


@pytest.mark.parametrize("workspaces", [1, 2])
def test_users_are_the_same_before_and_after_they_are_added_up(admin: RunningAdmin, workspaces: int) -> None:
    midnight = NOON // DAY * DAY
    begin = midnight - (midnight - MONDAY) % WEEK - 3 * WEEK
    made = [
        entry(
            begin + number * 7 * HOUR + number, metadata={"_user": f"u{number % 11}"}, status=200 + 300 * (number % 2)
        )
        for number in range(80)
    ]
    if workspaces > 1:
        another_workspace(admin)
        made += [msgspec.structs.replace(each, id=id_at(each.at), workspace_id="another") for each in made[::3]]
    put(admin, *made)
    now = begin + 80 * 7 * HOUR
    times = [
        (now - 26 * HOUR, now), (now - 70 * HOUR - 5 * MINUTE, now + HOUR), (begin + 3 * DAY, now + DAY),
        (begin, now), (begin - 100 * DAY + HOUR, now - 2 * DAY),
    ]  # fmt: skip

    def told() -> list[tuple[Any, ...]]:
        return [of_users(admin, *time) for time in times]

    before = told()
    units = admin.run(add_up_users(admin.plane.database, now, 0))
    assert units > 30
    assert admin.run(add_up_users(admin.plane.database, now, 0)) == 0
    assert told() == before
    # A request that comes late: its hour, its day and its week are read by their rows until they are added up again.
    put(admin, entry(now - 25 * HOUR, metadata={"_user": "late"}), entry(begin + DAY, metadata={"_user": "late"}))
    later = told()
    assert later[0][0]["total"] == before[0][0]["total"] + 1
    assert admin.run(add_up_users(admin.plane.database, now, 0)) == 4  # an hour, two days, a week
    assert told() == later


def test_pages_of_groups_by_user_tell_all_of_each_user(admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a time of weeks, days, hours and rows: which users are on a page is told apart from what they asked."""
    monkeypatch.setattr(analytics_groups, "_AT_ONCE", 2)
    begin = NOON // DAY * DAY
    begin += -(begin - MONDAY) % WEEK - 2 * DAY - 5 * HOUR
    put(
        admin,
        *(
            entry(
                begin + number * 3 * HOUR + number, metadata={"_user": f"u{number % 7 % 5}", "team": "a"},
                status=200 + 300 * (number % 2), amount=number * 10_000_000, total_tokens=number, latency=number * 1000,
            )
            for number in range(100)
        ),
        entry(begin + HOUR, model="nobody's"),
    )  # fmt: skip
    now = begin + 300 * HOUR
    admin.run(add_up_users(admin.plane.database, now - 40 * HOUR, 0))
    for since, until in ((begin, now), (now - 70 * HOUR, now - 2 * HOUR), (now - 50 * HOUR, now - 3 * HOUR)):
        query = {"time_of_generation_min": as_text(since), "time_of_generation_max": as_text(until)}
        size = HOUR if until - since <= 3 * DAY else DAY
        first, last = since // size * size, -(-until // size) * size
        expected: dict[str, list[int]] = {}
        for number in range(100):
            if first <= begin + number * 3 * HOUR + number < last:
                expected.setdefault(f"u{number % 7 % 5}", []).append(number)
        path = f"/analytics/groups/users?{urlencode(query)}"
        pages = [admin.call("GET", f"{path}&page_size=3&current_page={number}").body for number in range(2)]
        assert {page["total"] for page in pages} == {len(expected)} == {5}
        groups = [group for page in pages for group in page["data"]]
        assert [group["user"] for group in groups] == sorted(expected, key=lambda user: (-len(expected[user]), user))
        for group in groups:
            numbers = expected[group["user"]]
            assert (group["requests"], group["errors"]) == (len(numbers), sum(number % 2 for number in numbers))
            assert (group["cost"], group["tokens"]) == (sum(numbers), sum(numbers))
            assert group["avg_latency"] == pytest.approx(sum(numbers) / len(numbers), abs=0.001)
            assert group["last_seen"] == as_text(begin + numbers[-1] * 3 * HOUR + numbers[-1])


def test_what_is_added_up_of_users_goes_with_what_it_counts(admin: RunningAdmin) -> None:
    put(admin, *(entry(NOON + number * HOUR, metadata={"_user": "u"}) for number in range(24 * 15)))
    database = admin.plane.database
    end = NOON + 15 * DAY
    admin.run(add_up_users(database, end, 0))

    async def lengths() -> dict[int, int]:
        async with database.read() as connection:
            counted = schema.usage_user.c
            query = sa.select(counted.length, sa.func.count()).group_by(counted.length)
            return {row[0]: row[1] for row in await connection.execute(query)}

    assert admin.run(lengths()) == {HOUR: 4 * 24 - 1, WEEK: 2}  # an hour that has just ended may lack rows
    admin.run(delete_old(database, Retention(90, 30), end + 4 * DAY, pause=0))
    assert admin.run(lengths()) == {WEEK: 2}
    admin.run(delete_old(database, Retention(90, 30), end + 100 * DAY, pause=0))
    assert admin.run(lengths()) == {}
    assert admin.run(add_up_users(database, end + 100 * DAY, Retention(90, 30).begin(end + 100 * DAY))) == 0


@pytest.mark.parametrize("few", [2000, 1])
def test_several_conditions_find_what_all_of_them_mean(
    admin: RunningAdmin, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever index finds the rows, and whatever the sums by day say before."""
    monkeypatch.setattr(narrowing, "FEW", few)
    chance = random.Random(15)
    rows = [
        entry(
            NOON + chance.randrange(5) * DAY + chance.randrange(DAY // 2),
            trace_id=f"t{number}",
            key_id=chance.choice(["k1", "k2", None]),
            model=chance.choice(["m1", "m2", None]),
            provider=chance.choice(["openai", "groq"]),
            status=chance.choice([200, 200, 429, 500, 503]),
            amount=chance.choice([None, 10, 1000]),
            metadata={"team": chance.choice(["a", "b"])},
        )
        for number in range(120)
    ]
    put(admin, *rows)
    conditions: dict[str, list[tuple[str, Callable[[Any], bool]]]] = {
        "api_key_ids": [("k1", lambda row: row.key_id == "k1"), ("k1,k2", lambda row: row.key_id is not None)],
        "models": [("m1", lambda row: row.model == "m1"), ("none", lambda row: False)],
        "providers": [("groq", lambda row: row.provider == "groq")],
        "status_code": [("5xx", lambda row: row.status >= 500), ("429", lambda row: row.status == 429)],
        "is_success": [("false", lambda row: row.status >= 400), ("true", lambda row: row.status < 400)],
        "metadata": [('{"team": "a"}', lambda row: row.metadata["team"] == "a")],
        "cost_min": [("0.0001", lambda row: (row.amount or 0) >= 1000)],
        "time_of_generation_min": [(as_text(NOON + 2 * DAY + HOUR), lambda row: row.at >= NOON + 2 * DAY + HOUR)],
        "time_of_generation_max": [(as_text(NOON + 3 * DAY + HOUR), lambda row: row.at < NOON + 3 * DAY + HOUR)],
    }
    for names in [*itertools.combinations(conditions, 2), *chance.sample([*itertools.combinations(conditions, 4)], 25)]:
        chosen = {name: chance.choice(conditions[name]) for name in names}
        meant = sorted(
            (row for row in rows if all(holds(row) for _, holds in chosen.values())), key=lambda row: -row.at
        )
        query = {name: value for name, (value, _) in chosen.items()}
        found = listed(admin, **query, page_size=200, count="true")
        assert [item["trace_id"] for item in found["data"]] == [row.trace_id for row in meant], query
        assert found["total"] == len(meant), query


CENT = 10_000_000
SOUGHT: list[tuple[dict[str, str], Callable[[Any], bool]]] = [
    ({"virtual_keys": "v"}, lambda row: row.virtual_key == "v"),
    ({"virtual_keys": "none"}, lambda row: False),
    ({"total_units_min": "90"}, lambda row: row.total_tokens >= 90),
    ({"virtual_keys": "v", "models": "m1"}, lambda row: row.virtual_key == "v" and row.model == "m1"),
    ({"virtual_keys": "a", "metadata": '{"team": "a"}'}, lambda row: row.virtual_key == row.metadata["team"] == "a"),
    (
        {"metadata": '{"team": "a"}', "api_key_ids": "k1"},
        lambda row: row.metadata["team"] == "a" and row.key_id == "k1",
    ),
    ({"weighted_feedback_min": "5"}, lambda row: False),
    ({"cost_min": "2.4", "cost_max": "2.6"}, lambda row: row.amount == CENT * 5 // 2),
    ({"cost_max": "2.2"}, lambda row: row.amount <= CENT * 2),
    (
        {"cost_min": "2.4", "cost_max": "7", "models": "m1"},
        lambda row: CENT * 5 // 2 <= row.amount <= CENT * 7 and row.model == "m1",
    ),
    (
        {
            "configs": "c",
            "time_of_generation_min": as_text(NOON + DAY + HOUR // 3),
            "time_of_generation_max": as_text(NOON + 3 * DAY + HOUR // 2),
        },
        lambda row: row.config == "c" and NOON + DAY + HOUR // 3 <= row.at < NOON + 3 * DAY + HOUR // 2,
    ),
]


@pytest.mark.parametrize("few", [1, 7, 40, 1000])
def test_a_page_searches_as_far_back_as_it_says_and_the_next_one_goes_on(
    admin: RunningAdmin, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page ends, and all together have each row once, in the order of the list."""
    for module in ("logs.READ", "logs.CROSSED", "crossing.CROSSED", "crossing.FEW", "reach.PASSED"):
        monkeypatch.setattr(f"penstock.control.logs.{module}", few)
    monkeypatch.setattr("penstock.control.logs.narrowing.FEW", 1)  # feedback on two traces is not found by these
    chance = random.Random(15)
    rows = [
        entry(
            NOON + chance.randrange(5) * DAY + chance.randrange(30) * 7 * MINUTE,
            trace_id=f"t{number}",
            key_id=chance.choice(["k1", "k2"]),
            model=chance.choice(["m1", "m2"]),
            virtual_key=chance.choice(["v", "a", None, None]),
            config=chance.choice(["c", None, None]),
            total_tokens=chance.randrange(100),
            amount=chance.choice([CENT * 2, CENT * 5 // 2, CENT * 7, CENT * 30]),
            metadata={"team": chance.choice(["a", "b"])},
        )
        for number in range(150)
    ]
    put(admin, *rows)
    for trace in ("t1", "t2"):
        felt(admin, trace, 1)
    for query, holds in SOUGHT:
        seen, cursor, pages = list[Any](), dict[str, Any](), 0
        while True:
            page = listed(admin, **query, **cursor, page_size=4, count="true")
            seen += page["data"]
            pages += 1
            assert page["has_more"] == (page["next_cursor"] is not None)
            if page["searched_since"] is not None:
                assert page["has_more"]
                assert page["total_is_capped"]
                assert all(item["created_at"] >= page["searched_since"] for item in page["data"])
            if not page["has_more"]:
                break
            assert cursor.get("cursor") != page["next_cursor"]
            assert pages < 200
            cursor = {"cursor": page["next_cursor"]}
        ids = [item["id"] for item in seen]
        meant = [row.id for row in rows if holds(row)]
        assert len(set(ids)) == len(ids), query
        assert sorted(ids) == sorted(meant), query
        assert [item["created_at"] for item in seen] == sorted((item["created_at"] for item in seen), reverse=True)
        assert pages > 1 or few == 1000, query
        whole = admin.call("GET", f"/logs/download?{urlencode(query)}")
        assert len(whole.text.splitlines()) == len(meant)


def test_a_page_of_all_workspaces_or_of_several_conditions_ends_early_too(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Indexes begin with the workspace, and hold the rows of one value in the order of their time."""
    for name in ("READ", "CROSSED", "FEW"):
        monkeypatch.setattr(f"penstock.control.logs.logs.{name}", 1)
    rows = [
        entry(NOON + number * HOUR, trace_id=f"t{number}", key_id=f"k{number % 2}", metadata={"team": f"t{number % 2}"})
        for number in range(8)
    ]
    put(admin, *rows)
    page = listed(admin, is_success="true", models="x,y")
    assert (page["data"], page["searched_since"]) == ([], as_text(NOON + 7 * HOUR))
    for query in ({"models": "x"}, {"cost_min": "1"}, {"status_code": "5xx"}, {"metadata": '{"team": "x"}'}):
        assert listed(admin, **query)["searched_since"] is None
    admin.made("/admin/workspaces", {"name": "Second"})
    alone: list[dict[str, str]] = [
        {"models": "x"}, {"cost_min": "100000"}, {"status_code": "5xx"}, {"metadata": '{"team": "x"}'},
        {"is_success": "false"}, {"api_key_ids": "x,y"},
    ]  # fmt: skip
    for query in alone:
        page, pages = listed(admin, **query), 1
        while page["has_more"]:
            assert page["data"] == []
            page, pages = listed(admin, **query, cursor=page["next_cursor"]), pages + 1
        assert pages == 8, query
    of_key = listed(admin, api_key_ids="k1")
    assert [item["trace_id"] for item in of_key["data"]] == ["t7", "t5", "t3", "t1"]
    assert not of_key["has_more"]
    assert not listed(admin, page_size=8)["has_more"]


def test_a_page_of_costs_ends_early_where_its_range_cuts_what_an_index_tells(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.control.logs.reach.PASSED", 3)
    put(admin, *(entry(NOON + number * HOUR, trace_id=f"t{number}", amount=CENT * 25 // 10) for number in range(8)))
    page = listed(admin, cost_min="2.6", cost_max="2.7")
    assert (page["data"], page["searched_since"]) == ([], as_text(NOON + 4 * HOUR))
    page = listed(admin, cost_min="2.6", cost_max="2.7", cursor=page["next_cursor"])
    assert (page["data"], page["searched_since"]) == ([], as_text(NOON))
    assert not listed(admin, cost_min="2.6", cost_max="2.7", cursor=page["next_cursor"])["has_more"]
    for whole in ({"cost_min": "2", "cost_max": "2.9999999"}, {"cost_min": "2"}, {"cost_min": "3"}, {"cost_max": "0"}):
        assert listed(admin, **whole)["searched_since"] is None


def test_a_page_doesnt_end_early_where_sums_say_that_there_is_no_such_request(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.control.logs.logs.READ", 1)
    put(admin, *(entry(NOON + number * HOUR, cache="MISS") for number in range(8)))
    page = listed(admin, cache_status="hit")
    assert (page["data"], page["has_more"], page["searched_since"]) == ([], False, None)


def test_rows_with_rare_feedback_are_found_by_their_traces_however_far_back(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("READ", "CROSSED"):
        monkeypatch.setattr(f"penstock.control.logs.logs.{name}", 1)
    put(admin, *(entry(NOON + number * HOUR, trace_id=f"t{number}", virtual_key="v") for number in range(9)))
    for trace in ("t1", "t4"):
        felt(admin, trace, 3)
    for query in ({}, {"virtual_keys": "v"}, {"trace_id": "t1,t4,t7"}):
        page = listed(admin, weighted_feedback_min="2", **query)
        assert [item["trace_id"] for item in page["data"]] == ["t4", "t1"]
        assert (page["has_more"], page["searched_since"]) == (False, None)


def test_why_requests_failed(admin: RunningAdmin) -> None:
    put(
        admin,
        entry(NOON, status=429, error="rate_limited", provider="openai"),
        entry(NOON + 1, status=429, error="rate_limited", provider="openai"),
        entry(NOON + 2, status=200, error="upstream_truncated", provider="openai"),
        entry(NOON + 3),
    )
    answer = admin.call("GET", f"/analytics/failures?{within()}").body
    assert answer["requests"] == 4
    limited, broken = answer["data"]
    assert (limited["error"], limited["requests"], limited["share"]) == ("rate_limited", 2, 50)
    assert (broken["error"], broken["status_code"], broken["share"]) == ("upstream_truncated", 200, 25)
    newest = listed(admin, status_code="429", page_size=1)["data"][0]
    assert (limited["last_id"], limited["last_seen"]) == (newest["id"], newest["created_at"])
    assert admin.call("GET", "/analytics/failures").status == 400


def test_guards_tell_what_they_decided(admin: RunningAdmin) -> None:
    verdict = {"phase": "before", "guard": "g", "check": "default.contains", "verdict": "denied"}
    put(admin, entry(NOON, status=446, details={"guards": [verdict]}), entry(NOON + 1))
    answer = admin.call("GET", f"/analytics/guards?{within()}").body
    assert answer["requests"] == 2
    [item] = answer["data"]
    assert (item["check"], item["denied"], item["denied_share"]) == ("default.contains", 1, 50)
    assert admin.call("GET", "/analytics/guards").status == 400


def test_feedback_is_counted_by_score_and_model(admin: RunningAdmin) -> None:
    put(admin, entry(trace_id="t1"))
    for value in (4, 4, -2):
        felt(admin, "t1", value)
    query = urlencode(
        {"time_of_generation_min": "2020-01-01T00:00:00Z", "time_of_generation_max": "2029-01-01T00:00:00Z"}
    )
    told = {
        name: admin.call("GET", f"/analytics/graphs/feedbacks{name}?{query}").body
        for name in ("", "/scores", "/weighted", "/ai-models")
    }
    assert told[""]["summary"] == {"total": 3}
    assert told["/scores"]["data_points"] == [{"score": -2, "total": 1}, {"score": 4, "total": 2}]
    assert told["/weighted"]["summary"] == {"avg": 2.0}
    assert told["/ai-models"]["data_points"] == [{"ai_model": "m", "total": 3, "avg_weighted_feedback": 2.0}]


DIMENSIONS = ("ai-models", "providers", "api-keys", "status-codes", "workspaces", "users", "metadata/team")


def feedback_of_groups(admin: RunningAdmin) -> dict[str, Any]:
    """The feedback of every group, and by model, over years."""
    query = urlencode(
        {"time_of_generation_min": "2020-01-01T00:00:00Z", "time_of_generation_max": "2029-01-01T00:00:00Z"}
    )
    groups = {name: admin.call("GET", f"/analytics/groups/{name}?{query}").body["data"] for name in DIMENSIONS}
    graph = admin.call("GET", f"/analytics/graphs/feedbacks/ai-models?{query}").body["data_points"]
    return {**groups, "graph": sorted(graph, key=lambda point: str(point["ai_model"]))}


def test_feedback_of_groups_is_the_same_kept_and_looked_up(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether feedback comes before its request or after it, changes, or loses its request, and is kept or not yet."""
    database, chance = admin.plane.database, random.Random(15)
    ids: list[str] = []

    def ask() -> None:
        traces = [f"t{chance.randrange(12)}" for _ in range(6)]
        put(
            admin,
            *(
                entry(
                    NOON + chance.randrange(4) * DAY + chance.randrange(3) * HOUR,
                    trace_id=trace,
                    model=chance.choice(["m1", "m2", None]),
                    provider=chance.choice(["openai", "groq"]),
                    key_id=chance.choice(["k1", None]),
                    status=chance.choice([200, 500]),
                    metadata=chance.choice([{}, {"team": ""}, {"team": "a", "_user": "u1"}, {"_user": "u2"}]),
                )
                for trace in traces
            ),
        )

    def feel() -> None:
        piece = {
            "trace_id": f"t{chance.randrange(14)}",
            "value": chance.randrange(-5, 6),
            "weight": chance.choice([0.25, 0.5, 1]),
        }
        ids.extend(admin.made("/feedback", piece)["feedback_ids"])

    def change() -> None:
        if ids:
            value = {"value": chance.randrange(-5, 6), "weight": chance.choice([0.25, 0.5, 1])}
            assert admin.call("PUT", f"/feedback/{chance.choice(ids)}", value).status == 200

    def match() -> None:
        admin.run(match_feedback(database, NOON + chance.randrange(6) * DAY))

    def forget() -> None:
        admin.run(delete_old(database, Retention(1, 1), NOON + chance.randrange(1, 4) * DAY, pause=0))

    for step in [ask, feel, match, *chance.choices([ask, feel, change, match, forget], [6, 6, 3, 4, 1], k=40)]:
        step()
        kept = feedback_of_groups(admin)
        with monkeypatch.context() as context:
            context.setattr(analytics_feedback, "_MOST_STALE", -1)
            looked_up = feedback_of_groups(admin)
        for name, groups in kept.items():
            assert groups == looked_up[name], (step, name)
    assert sum(group["requests_with_feedback"] for group in kept["ai-models"]) > 10


def test_feedback_that_is_kept_is_not_looked_up(admin: RunningAdmin) -> None:
    put(admin, entry(trace_id="t1", metadata={"team": "a"}), entry(NOON + HOUR, trace_id="t2"))
    felt(admin, "t1", 4)
    assert admin.run(match_feedback(admin.plane.database, NOON + DAY)) == 3
    assert admin.run(match_feedback(admin.plane.database, NOON + DAY)) == 0
    put(admin, entry(NOON + HOUR + 1, trace_id="t1", metadata={"team": "b"}))
    felt(admin, "t2", 2)
    assert admin.run(match_feedback(admin.plane.database, NOON + HOUR)) == 1
    assert [group["requests_with_feedback"] for group in feedback_of_groups(admin)["ai-models"]] == [2]
    assert admin.run(match_feedback(admin.plane.database, NOON + DAY)) == 1

    async def values() -> list[Any]:
        async with admin.plane.database.write() as connection:
            kept = schema.feedback_value.c
            query = sa.select(kept.name, kept.value, kept.weighted).where(kept.name.in_(("metadata.team", "model")))
            rows = [tuple(row) for row in await connection.execute(query.order_by(kept.name, kept.value))]
            await connection.execute(schema.request_log.update().values(trace_id="gone"))
            return rows

    assert sorted(admin.run(values())) == [
        ("metadata.team", "a", 4), ("metadata.team", "b", 4), ("model", "m", 2), ("model", "m", 4),
    ]  # fmt: skip
    assert [group["requests_with_feedback"] for group in feedback_of_groups(admin)["ai-models"]] == [2]


def inserted(**more: Any) -> dict[str, Any]:
    return {
        "request": {"url": "https://host/v1/chat/completions", "method": "post", "body": {"model": "m"}},
        "response": {"status": 200, "body": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, "responseTime": 5},
        "metadata": {"traceId": "own", "team": "x", "number": 3},
        **more,
    }


def test_clients_insert_rows(admin: RunningAdmin) -> None:
    made = admin.call("POST", "/logs", [inserted(), inserted(metadata={})]).body
    assert (made["status"], len(made["ids"])) == ("success", 2)
    told = admin.call("GET", f"/logs/{made['ids'][0]}").body
    metrics = told["metrics"]
    assert (metrics["trace_id"], metrics["ai_model"], metrics["total_units"]) == ("own", "m", 5)
    assert (metrics["source"], metrics["response_time"], told["has_content"]) == ("client", 5.0, False)
    assert told["metrics"]["metadata.key"] == ["team", "number"]
    wrong = admin.call("POST", "/logs", {"request": {"method": "GET"}, "response": {"status": "x"}, "meta": 1})
    assert wrong.problems.keys() == {"/request/url", "/response/status", "/meta"}
    # The admin's key may do everything, so its header switches content on.
    with_content = admin.call("POST", "/logs", inserted(), headers={"x-portkey-debug": "true"}).body["ids"][0]
    assert admin.call("GET", f"/logs/{with_content}").body["request"]["body"] == {"model": "m"}


def test_inserted_rows_count_tokens_and_cost_as_the_gateways_own_do(admin: RunningAdmin) -> None:
    """Tokens are those of prompt and answer, whatever the total; without a usage a good answer's cost is unknown."""
    odd = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 50}}
    responses = ({"body": odd}, {"status": 200, "body": {}}, {"status": 500, "body": {}})
    made = admin.call("POST", "/logs", [inserted(response=each) for each in responses]).body["ids"]
    figures = [admin.call("GET", f"/logs/{each}").body["metrics"] for each in made]
    assert [(each["total_units"], each["cost"]) for each in figures] == [(5, None), (0, None), (0, 0)]


@pytest.mark.parametrize(
    ("workspace", "key", "header", "kept"),
    [
        (None, None, None, False),
        (1, None, None, True),
        (1, False, None, False),
        (0, True, None, True),
        (1, None, "false", False),
        (None, None, "true", False),
    ],
)
def test_what_is_kept_of_inserted_contents_follows_the_rule_of_requests(
    admin: RunningAdmin, workspace: int | None, key: bool | None, header: str | None, kept: bool
) -> None:
    (home,) = admin.call("GET", "/admin/workspaces").body["data"]
    settings = {} if workspace is None else {"debug_log": workspace}
    assert admin.call("PUT", f"/admin/workspaces/{home['id']}", {"settings": settings}).status == 200
    body = {"name": "k", "log_content": key, "scopes": ["logs.write", "completions.write"]}
    inserter = str(admin.made("/api-keys/workspace/service", body)["key"])
    headers = {} if header is None else {"x-portkey-debug": header}
    (made,) = admin.call("POST", "/logs", inserted(), key=inserter, headers=headers).body["ids"]
    assert admin.call("GET", f"/logs/{made}").body["has_content"] is kept


def test_scopes_and_workspaces(admin: RunningAdmin) -> None:
    another_workspace(admin)
    put(admin, entry(trace_id="ours"), entry(trace_id="theirs", workspace_id="another"))
    (row,) = [item for item in listed(admin)["data"] if item["trace_id"] == "theirs"]
    assert set(traces(admin)) == {"ours", "theirs"}
    assert traces(admin, workspace_slug="another") == ["theirs"]

    def key(*scopes: str) -> str:
        body = {"name": "k", "scopes": list(scopes)}
        return str(admin.made("/api-keys/workspace/service", body)["key"])

    reader = key("logs.list", "logs.view", "logs.export", "analytics.view", "logs.write")
    seen = admin.call("GET", "/logs", key=reader).body["data"]
    assert [item["trace_id"] for item in seen] == ["ours"]
    assert admin.call("GET", f"/logs/{row['id']}", key=reader).status == 404
    assert admin.call("GET", "/logs?workspace_id=another", key=reader).status == 404
    total = admin.call("GET", f"/analytics/graphs/requests?{within()}", key=reader).body["summary"]["total"]
    assert total == 1
    assert admin.call("POST", "/logs", inserted(), key=reader).status == 403
    caller = key("completions.write")
    for method, path in (
        ("GET", "/logs"),
        ("GET", f"/logs/{row['id']}"),
        ("POST", "/logs"),
        ("GET", "/logs/exports"),
        ("GET", "/logs/download"),
        ("GET", f"/analytics/graphs/cost?{within()}"),
        ("GET", f"/analytics/groups/users?{within()}"),
        ("GET", f"/analytics/guards?{within()}"),
        ("GET", f"/analytics/failures?{within()}"),
    ):
        assert admin.call(method, path, inserted() if method == "POST" else None, key=caller).status == 403


def fetched(admin: RunningAdmin, path: str, **headers: str) -> httpx.Response:
    with httpx.Client(base_url=admin.url, trust_env=False, timeout=300) as client:
        return client.get(f"/v1{path}", headers=headers)


def test_an_export_is_drafted_started_and_fetched_by_its_link_alone(admin: RunningAdmin) -> None:
    signs = ["=", "=", "=", "=", "\uff1d"]
    put(
        admin,
        *(entry(NOON + at, trace_id=f"{sign}t{at}", status=200 + 300 * (at % 2)) for at, sign in enumerate(signs)),
    )
    body = {
        "filters": {"status_code": [200], "page_size": 2},
        "requested_data": ["id", "trace_id", "cost"],
        "format": "csv",
    }
    made = admin.made("/logs/exports", body)
    path = f"/logs/exports/{made['id']}"
    assert (made["total"], made["object"]) == (2, "export")
    assert admin.call("GET", f"{path}/download").status == 409
    assert admin.call("PUT", path, {"description": "d"}).body["id"] == made["id"]
    assert admin.call("POST", f"{path}/start").status == 200
    assert admin.call("PUT", path, {"description": "d"}).status == 409
    shown = admin.call("GET", path).body
    assert (shown["status"], shown["filters"], shown["description"]) == (
        "success",
        {"status_code": "200", "page_size": "2"},
        "d",
    )
    assert admin.call("GET", "/logs/exports").body["total"] == 1
    link = urlsplit(admin.call("GET", f"{path}/download").body["signed_url"])
    answer = fetched(admin, f"{link.path.removeprefix('/v1')}?{link.query}")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["id", "trace_id", "cost"]
    assert [row[1:] for row in rows[1:]] == [["'\uff1dt4", "2"], ["'=t2", "2"]]
    forgeries = [("signature=", "signature=0"), ("signature=", "signature=%C3%A9"), ("expires=1", "expires=2")]
    for forged in ("", *(link.query.replace(*each) for each in forgeries)):
        assert fetched(admin, f"{link.path.removeprefix('/v1')}?{forged}").status_code == 404
    assert admin.call("POST", f"{path}/cancel").status == 200
    assert fetched(admin, f"{link.path.removeprefix('/v1')}?{link.query}").status_code == 403


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (' "=1+1"', '\' "=1+1"'),
        ("a;=1+1", "a;'=1+1"),
        ("a\" ;\"=cmd|'/C x'!A0", "a\" ;\"'=cmd|'/C x'!A0"),
        ("a\n@SUM(1)\tb\r\n\uff0d2", "a\n'@SUM(1)\tb\r\n'\uff0d2"),
        ("\tb", "'\tb"),
        ('gpt-5, "a" = b; c', 'gpt-5, "a" = b; c'),
        (";" * 100_000, ";" * 100_000),
    ],
    ids=["alone", "led in", "behind a semicolon", "behind marks", "behind breaks", "a tab", "none", "many"],
)
def test_no_cell_of_a_csv_file_is_a_formula(text: str, cell: str, admin: RunningAdmin) -> None:
    """https://owasp.org/www-community/attacks/CSV_Injection: also where semicolons separate cells."""
    put(admin, entry(NOON, metadata={"team": text}, model=text[:255]))
    answer = fetched(admin, "/logs/download?format=csv", **{"x-portkey-api-key": ADMIN})
    heading, row = csv.reader(io.StringIO(answer.text, newline=""))
    shown = dict(zip(heading, row, strict=True))
    assert shown["ai_model"] == cell[:255]
    assert "team" in shown["metadata"]
    assert not any(part.lstrip('" ').startswith("=") for part in answer.text.split("\n")[1].split(";")[1:])


def test_what_is_wrong_with_an_export_is_told_at_once(admin: RunningAdmin) -> None:
    body = {"filters": {"colour": 1, "cost_min": "x"}, "requested_data": ["sound"], "format": "xml"}
    wrong = admin.call("POST", "/logs/exports", body)
    assert wrong.problems.keys() == {"/filters/colour", "/filters/cost_min", "/requested_data/0", "/format"}


def test_a_file_holds_all_rows_of_a_filter_in_pages(admin: RunningAdmin) -> None:
    put(admin, *(entry(NOON + number, trace_id=f"t{number}") for number in range(1100)))
    answer = fetched(admin, "/logs/download?page_size=1050", **{"x-portkey-api-key": ADMIN})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["trace_id"] for line in lines] == [f"t{number}" for number in range(1099, 49, -1)]
    cursor = listed(admin, page_size=1000)["next_cursor"]
    rest = fetched(admin, f"/logs/download?cursor={cursor}", **{"x-portkey-api-key": ADMIN})
    assert [json.loads(line)["trace_id"] for line in rest.text.splitlines()] == [f"t{n}" for n in range(99, -1, -1)]
    for wrong in ("format=xml", "cursor=x", "page_size=0"):
        assert fetched(admin, f"/logs/download?{wrong}", **{"x-portkey-api-key": ADMIN}).status_code == 400


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_file_whose_rows_cannot_be_had_is_refused_and_one_without_rows_is_whole(
    admin: RunningAdmin, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, shown = f"/logs/download?format={format_}", {"x-portkey-api-key": ADMIN}
    lines = fetched(admin, path, **shown).text.splitlines()
    assert [line.split(",")[0] for line in lines] == (["id"] if format_ == "csv" else [])

    async def broken(*_: Any) -> None:
        raise DatabaseError("the database is gone")

    monkeypatch.setattr(f"{FILES}.rows_of", broken)
    assert fetched(admin, path, **shown).status_code == 503


def test_a_file_that_breaks_off_has_no_end(admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch) -> None:
    put(admin, *(entry(NOON + number, trace_id=f"t{number}") for number in range(1100)))
    pages = itertools.count()

    async def breaking(*arguments: Any) -> Any:
        if next(pages) == 1:
            raise DatabaseError("the database is gone")
        return await rows_of(*arguments)

    monkeypatch.setattr(f"{FILES}.rows_of", breaking)
    with pytest.raises(httpx.RemoteProtocolError):
        fetched(admin, "/logs/download?format=csv", **{"x-portkey-api-key": ADMIN})


def test_a_file_skips_no_row_that_stays_while_others_are_deleted(
    admin: RunningAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(admin, *(entry(NOON + number, trace_id=f"t{number}") for number in range(1300)))

    async def deleting(rows: deque[Any], add: Callable[[Any], None]) -> None:
        """Make the lines of a page; then the oldest rows, some of the page and its last one are gone."""
        gone = [row.id for row in itertools.islice(rows, 0, None, 7)] + [rows[-1].id]
        await in_slices(rows, add)
        async with admin.plane.database.write() as connection:
            old = sa.or_(schema.request_log.c.at < NOON + 100, schema.request_log.c.id.in_(gone))
            await connection.execute(schema.request_log.delete().where(old))

    monkeypatch.setattr(f"{FILES}.in_slices", deleting)
    answer = fetched(admin, "/logs/download", **{"x-portkey-api-key": ADMIN})
    traces_ = [json.loads(line)["trace_id"] for line in answer.text.splitlines()]
    assert traces_ == [f"t{number}" for number in range(1299, 99, -1)]


def test_values_of_one_index_are_merged_in_the_order_of_the_list(admin: RunningAdmin) -> None:
    """Rows of one moment, more of them than a page holds, are shown once each, by costs, statuses, keys and models."""
    statuses, amounts, models = (404, 429, 500), (7, 80, 900, 5000), ("m1", "m2", "m3")
    rows = [(f"t{n}", statuses[n % 3], amounts[n % 4], models[n % 3 if n < 20 else 0], f"k{n % 5}") for n in range(60)]
    put(
        admin,
        *(
            entry(NOON + n // 20, trace_id=trace, status=status, amount=amount, model=model, key_id=key)
            for n, (trace, status, amount, model, key) in enumerate(rows)
        ),
    )
    cases: tuple[tuple[dict[str, str], Any], ...] = (
        ({"cost_min": "0.000005", "cost_max": "0.0001"}, lambda row: 50 <= row[2] <= 1000),
        ({"status_code": "404,5xx"}, lambda row: row[1] in {404, 500}),
        ({"is_success": "false"}, lambda row: True),
        ({"models": "m3,m2,m3"}, lambda row: row[3] in {"m2", "m3"}),
        ({"api_key_ids": "k1,k4,none"}, lambda row: row[4] in {"k1", "k4"}),
        ({"models": "m1,m2", "status_code": "404,429"}, lambda row: row[3] in {"m1", "m2"} and row[1] < 500),
        ({"status_code": "404,5xx", "cost_max": "0.00001"}, lambda row: row[1] in {404, 500} and row[2] <= 100),
    )
    for query, fits in cases:
        expected = [row[0] for row in rows if fits(row)]
        seen, cursor = [], dict[str, Any]()
        while True:
            page = listed(admin, **query, **cursor, page_size=3, count="true")
            assert page["total"] == len(expected)
            seen += [(each["created_at"], each["id"], each["trace_id"]) for each in page["data"]]
            if not page["has_more"]:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == sorted(seen, reverse=True)
        assert sorted(trace for *_, trace in seen) == sorted(expected)


def test_old_rows_are_deleted_in_steps_and_what_is_added_up_by_day_stays(admin: RunningAdmin) -> None:
    now = NOON + 100 * DAY
    content = packed(StoredContent(request="x"))
    put(admin, *(entry(NOON + number, metadata={"team": "a"}, content=content) for number in range(250)))
    put(
        admin,
        entry(now - 40 * DAY, trace_id="middle", content=content),
        entry(now - DAY, trace_id="new", content=content),
    )
    admin.run(delete_old(admin.plane.database, Retention(90, 30), now, pause=0))
    assert traces(admin) == ["new", "middle"]
    middle = next(item for item in listed(admin)["data"] if item["trace_id"] == "middle")
    assert admin.call("GET", f"/logs/{middle['id']}").body["request"]["body"] is None

    async def counts() -> list[int]:
        async with admin.plane.database.read() as connection:
            tables = (schema.request_content, schema.log_metadata, schema.usage_day)
            queries = [sa.select(sa.func.count()).select_from(table) for table in tables]
            return [int((await connection.execute(query)).scalar_one()) for query in queries]

    contents, members, days = admin.run(counts())
    assert (contents, members) == (1, 0)
    assert days == 3
    admin.run(delete_old(admin.plane.database, Retention(0, 0), now * 2, pause=0))
    assert traces(admin) == ["new", "middle"]


async def partitions(admin: RunningAdmin) -> int:
    """How many months the request log has."""
    if admin.plane.database.is_sqlite:
        return 0
    query = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'request_log_%'"
    async with admin.plane.database.read() as connection:
        return int((await connection.execute(sa.text(query))).scalar_one())


def test_months_are_partitions_of_postgresql_alone(admin: RunningAdmin) -> None:
    put(admin, entry(NOON), entry(NOON + 40 * DAY))
    admin.run(Partitions().make(admin.plane.database, [NOON]))
    assert admin.run(partitions(admin)) == (0 if admin.plane.database.is_sqlite else 2)


def test_who_makes_a_month_keeps_nobody_waiting_whose_month_is_there(admin: RunningAdmin) -> None:
    put(admin, entry(NOON, trace_id="first"))
    database = admin.plane.database
    if database.is_sqlite:
        return

    async def write_beside() -> None:
        async with database.write() as other, asyncio.timeout(300):
            await other.execute(sa.select(sa.func.pg_advisory_xact_lock(0x70656E6C6F6773)))
            await write(database, entry(NOON + 1, trace_id="second"))

    admin.run(write_beside())
    assert set(traces(admin)) == {"first", "second"}


def test_workers_that_begin_a_month_at_once_make_it_once(admin: RunningAdmin) -> None:
    async def write_at_once() -> None:
        rows = [entry(NOON + number, trace_id=f"t{number}") for number in range(4)]
        await asyncio.gather(*(write(admin.plane.database, row) for row in rows))

    admin.run(write_at_once())
    assert len(traces(admin)) == 4
    assert admin.run(partitions(admin)) == (0 if admin.plane.database.is_sqlite else 1)


def test_a_month_that_somebody_reads_is_dropped_later_and_keeps_nobody_waiting(admin: RunningAdmin) -> None:
    put(admin, entry(NOON, trace_id="old"), entry(NOON + 40 * DAY, trace_id="new"))
    database, after = admin.plane.database, NOON + 32 * DAY
    count = sa.select(sa.func.count()).select_from(schema.request_log)

    async def drop() -> None:
        async with database.read() as reader:
            await reader.execute(count)
            with pytest.raises(DatabaseError, match="lock timeout"):
                await drop_before(database, after, schema.request_log.name)
            async with database.read() as other:
                assert (await other.execute(count)).scalar_one() == 2
        assert await drop_before(database, after, schema.request_log.name)
        assert not await drop_before(database, after, schema.request_log.name)

    if not database.is_sqlite:
        admin.run(drop())
    assert traces(admin) == (["new", "old"] if database.is_sqlite else ["new"])


def test_feedback_in_another_workspace_says_nothing_of_ours(admin: RunningAdmin) -> None:
    async def another() -> None:
        async with admin.plane.database.write() as connection:
            row = {"id": "another", "slug": "another", "name": "Another", "created_at": 0, "updated_at": 0}
            await connection.execute(schema.workspace.insert().values(**row, created_by="t", updated_by="t"))

    admin.run(another())
    put(admin, entry(trace_id="t"), entry(trace_id="t", workspace_id="another"))
    felt(admin, "t", 5)
    assert traces(admin, weighted_feedback_min=1) == ["t"]
    assert traces(admin, weighted_feedback_min=1, workspace_id="another") == []


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "'; drop table feedback; --", "%", "\\"])
def test_no_text_of_a_filter_is_the_gateways_failure(admin: RunningAdmin, text: str) -> None:
    for name, value in (("metadata", json.dumps({"a": text})), ("metadata", json.dumps({text: "a"}))):
        assert admin.call("GET", f"/logs?{urlencode({name: value})}").status in {200, 400}
        query = f"{within()}&{urlencode({name: value})}"
        assert admin.call("GET", f"/analytics/graphs/requests?{query}").status in {200, 400}
    for filters in ({"metadata": {"a": text}}, {"ai_model": text}, {"models": text}, {"trace_id": [text]}):
        assert admin.call("POST", "/logs/exports", {"filters": filters}).status in {200, 201, 400}, filters
    told = {"request": {"url": text, "provider": text}, "response": {"body": {"model": text}}, "metadata": {text: text}}
    assert admin.call("POST", "/logs", told).status in {200, 400}
    assert admin.call("POST", "/feedback", {"trace_id": "t", "value": 1, "metadata": {text: text}}).status in {200, 400}
    assert len(traces(admin)) <= 1


@pytest.mark.parametrize("number", [-1, 2**32, 2**63, 2**64, 10**400, 1e308, "7", None, True, []])
def test_no_number_that_a_client_tells_is_the_gateways_failure(admin: RunningAdmin, number: Any) -> None:
    usage = {"prompt_tokens": number, "completion_tokens": number, "total_tokens": number}
    for told in ({"usage": usage}, {"usage": {"input_tokens": number, "output_tokens": number}}):
        item = {"request": {"url": "u", "provider": "openai"}, "response": {"body": {"model": "gpt-4o", **told}}}
        for _ in range(2):
            assert admin.call("POST", "/logs", item).status in {200, 400}
    for row in listed(admin)["data"]:
        assert row["total_units"] >= 0
        assert row["cost"] is None or row["cost"] >= 0
    for name in ("response_time", "status"):
        item = {"request": {"url": "u"}, "response": {name: number}}
        assert admin.call("POST", "/logs", item).status in {200, 400}
