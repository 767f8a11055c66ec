"""Limits of owners in the database: set, read, reset, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from databases import make_tables
from limiting import NOON
from penstock.control.limits import owners
from penstock.control.limits.limits import (
    NO_LIMITS,
    LimitsRefused,
    check_limits,
    drop_limits,
    limits_of,
    put_limits,
    reset_usage,
)
from penstock.control.members import Members
from penstock.stores.sql.database import MEMORY, Database

BUDGET = {"type": "cost", "credit_limit": 2.5, "periodic_reset": "monthly"}
RATES = [{"type": "requests", "unit": "rpm", "value": 60}]


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = Database(MEMORY)
    await make_tables(opened)
    yield opened
    await opened.close()


async def put(database: Database, **members: Any) -> None:
    async with database.change() as connection:
        await put_limits(connection, "api_key", "k1", members, by="tester", now=NOON)


async def stored(database: Database) -> Any:
    async with database.read() as connection:
        return (await limits_of(connection, "api_key", ["k1", "other"])).get("k1", NO_LIMITS)


async def test_absent_members_stay_null_removes_and_a_value_replaces(database: Database) -> None:
    await put(database, usage_limits=BUDGET, rate_limits=RATES, name="of no concern here")
    await put(database, rate_limits=None, concurrency_limit=3)
    found = await stored(database)
    assert found.members == {"usage_limits": BUDGET, "concurrency_limit": 3}
    assert [limit.kind for limit in found.limits] == ["cost", "concurrency"]
    await put(database, usage_limits={**BUDGET, "credit_limit": 5})
    assert (await stored(database)).limits[0].cap == 5_000_000_000


async def test_an_owner_without_limits_has_no_row_and_nothing_given_changes_nothing(database: Database) -> None:
    await put(database, usage_limits=None)
    await put(database)
    assert await stored(database) is NO_LIMITS
    async with database.read() as connection:
        assert await limits_of(connection, "api_key", []) == {}


async def test_every_problem_is_told_and_nothing_is_kept(database: Database) -> None:
    with pytest.raises(LimitsRefused) as caught:
        await put(
            database, usage_limits={"type": "cost"}, rate_limits=[{"type": "requests", "unit": "rpx", "value": 1}]
        )
    assert [problem.path for problem in caught.value.problems] == ["usage_limits.credit_limit", "rate_limits[0].unit"]
    assert "usage_limits.credit_limit" in str(caught.value)
    assert await stored(database) is NO_LIMITS
    assert [problem.path for problem in check_limits("api_key", {"concurrency_limit": 0})] == ["concurrency_limit"]


async def test_a_reset_begins_another_epoch(database: Database) -> None:
    await put(database, usage_limits=BUDGET)
    async with database.change() as connection:
        assert await reset_usage(connection, "api_key", "k1", by="tester", now=NOON + 1)
        assert not await reset_usage(connection, "api_key", "nobody", by="tester", now=NOON)
    found = await stored(database)
    assert (found.limits[0].epoch, found.last_reset_at) == (1, NOON + 1)


async def test_dropped_limits_are_gone(database: Database) -> None:
    await put(database, usage_limits=BUDGET)
    async with database.change() as connection:
        await drop_limits(connection, "api_key", "k1")
    assert await stored(database) is NO_LIMITS


async def test_an_answer_tells_the_next_reset_and_can_be_put_back(database: Database) -> None:
    await put(database, usage_limits=BUDGET, rate_limits=RATES)
    answer = (await stored(database)).answer(NOON)
    assert answer["usage_limits"]["next_usage_reset_at"] == "2026-02-01T00:00:00.000Z"
    assert (answer["rate_limits"], answer["concurrency_limit"]) == (RATES, None)
    await put(database, **answer)
    assert (await stored(database)).answer(NOON) == answer
    await put(database, usage_limits=[{"type": "tokens", "credit_limit": 1000}], rate_limits=None)
    answer = (await stored(database)).answer(NOON)
    assert answer["usage_limits"] == [{"type": "tokens", "credit_limit": 1000}]
    assert NO_LIMITS.answer(NOON) == {"usage_limits": None, "rate_limits": [], "concurrency_limit": None}


@pytest.mark.parametrize("value", [[{"Type": "requests"}] * 10_000, {f"kA{index}": 1 for index in range(10_000)}])
def test_a_member_that_is_too_large_is_refused_unread(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(value: Any) -> Any:
        raise AssertionError(value)

    monkeypatch.setattr(owners, "respelled", never)
    members = Members({"usage_limits": value}, owners.FIELDS)
    owners.read("api_key", members)
    assert [(each.pointer, each.text) for each in members.problems] == [("/usage_limits", "expected at most 64 KiB")]
