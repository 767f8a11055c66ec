"""Policies in the database: made, listed, changed, archived; what each combination of values has used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from databases import make_tables
from limiting import NOON, Clock
from penstock.control.limits.limits import LimitsRefused
from penstock.control.policies import (
    StoredPolicy,
    archive_policy,
    change_policy,
    create_policy,
    entities,
    find_policy,
    list_policies,
    reset_entity,
)
from penstock.limits.limit import BucketKey
from penstock.limits.memory import MemoryCounters
from penstock.stores.sql import schema
from penstock.stores.sql.database import MEMORY, Database

PER_USER = {
    "conditions": [{"key": "metadata._user", "value": "*"}],
    "group_by": [{"key": "metadata._user"}],
    "type": "cost",
    "credit_limit": 2,
    "alert_threshold": 1,
    "periodic_reset": "monthly",
}
MONTH = 20_454 * 86_400_000_000


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = Database(MEMORY)
    await make_tables(opened)
    yield opened
    await opened.close()


async def made(database: Database, members: dict[str, Any] | None = None, **more: Any) -> StoredPolicy:
    given = {"workspace_id": None, "name": "per user", "by": "tester", "now": NOON, **more}
    async with database.change() as connection:
        return await create_policy(connection, "usage", members or PER_USER, **given)


async def found(database: Database, id_: str) -> StoredPolicy:
    async with database.read() as connection:
        policy = await find_policy(connection, "usage", id_)
    assert policy is not None
    return policy


async def used(database: Database, policy: StoredPolicy, user: str, settled: int) -> None:
    async with database.write() as connection:
        await connection.execute(
            schema.balance.insert().values(
                limit_id=f"policy/{policy.id}/usage/cost", value=user.encode(), epoch=0, window_start=MONTH,
                value_key=f"metadata._user:{user}", settled=settled, touched_at=NOON,
            )
        )  # fmt: skip


async def test_a_policy_is_made_and_found_with_what_it_means(database: Database) -> None:
    policy = await found(database, (await made(database)).id)
    assert policy.policy is not None
    assert (policy.name, policy.status, policy.policy.limit.cap) == ("per user", "active", 2_000_000_000)
    assert policy.next_reset(NOON) == "2026-02-01T00:00:00.000Z"
    async with database.read() as connection:
        assert await find_policy(connection, "rate", policy.id) is None
        assert await find_policy(connection, "usage", policy.id, ["another"]) is None


async def test_a_definition_with_problems_makes_nothing(database: Database) -> None:
    with pytest.raises(LimitsRefused) as caught:
        await made(database, {**PER_USER, "credit_limit": -1, "group_by": "all"})
    assert {problem.path for problem in caught.value.problems} == {"policy.credit_limit", "policy.group_by"}
    async with database.read() as connection:
        assert (await list_policies(connection, "usage")).total == 0


async def test_a_list_has_pages_the_newest_first_by_status_and_type(database: Database) -> None:
    first, second = await made(database), await made(database, {**PER_USER, "type": "tokens"}, now=NOON + 1)
    async with database.change() as connection:
        await archive_policy(connection, first, by="tester", now=NOON)
    third = await made(database, now=NOON + 2)
    async with database.read() as connection:
        assert [each.id for each in (await list_policies(connection, "usage")).items] == [third.id, second.id]
        page = await list_policies(connection, "usage", page=1, page_size=1)
        assert ([each.id for each in page.items], page.total) == ([second.id], 2)
        assert [each.id for each in (await list_policies(connection, "usage", status="archived")).items] == [first.id]
        assert [each.id for each in (await list_policies(connection, "usage", type_="tokens")).items] == [second.id]
    archived = (await found(database, first.id)).policy
    assert archived is not None
    assert not archived.is_active


async def test_a_change_keeps_what_is_absent_and_refuses_another_kind(database: Database) -> None:
    policy = await made(database)
    async with database.change() as connection:
        changes = {"credit_limit": 3, "periodic_reset": None}
        await change_policy(connection, policy, changes, name="renamed", by="tester", now=NOON)
    changed = await found(database, policy.id)
    assert changed.policy is not None
    assert (changed.name, changed.policy.limit.cap, changed.next_reset(NOON)) == ("renamed", 3_000_000_000, None)
    with pytest.raises(LimitsRefused, match="another policy"):
        async with database.change() as connection:
            await change_policy(connection, changed, {"type": "tokens"}, by="tester", now=NOON)


async def test_a_policy_of_a_workspace_is_for_its_requests(database: Database) -> None:
    common = {"created_at": 1, "updated_at": 1, "created_by": "t", "updated_by": "t"}
    async with database.change() as connection:
        await connection.execute(schema.workspace.insert().values(id="w1", slug="ws", name="W", **common))
    policy = (await made(database, workspace_id="w1")).policy
    assert policy is not None
    assert policy.applies({"metadata._user": "bob", "workspace_id": "w1"})
    assert not policy.applies({"metadata._user": "bob", "workspace_id": "w2"})


async def test_entities_are_the_values_of_the_window_that_is_open(database: Database) -> None:
    policy = await made(database)
    await used(database, policy, "bob", 500_000_000)
    await used(database, policy, "eve", 2_000_000_000)
    async with database.read() as connection:
        page = await entities(connection, policy, NOON, search="bob")
        assert [(each.value_key, each.current_usage, each.is_exhausted) for each in page.items] == [
            ("metadata._user:bob", 0.5, False)
        ]
        assert [each.value_key for each in (await entities(connection, policy, NOON, status="exhausted")).items] == [
            "metadata._user:eve"
        ]
        assert (await entities(connection, policy, NOON, status="active")).total == 1
        assert (await entities(connection, policy, NOON + 40 * 86_400_000_000)).total == 0


async def test_the_usage_of_one_value_is_set_to_nothing_in_the_counters(database: Database) -> None:
    policy = await made(database)
    await used(database, policy, "bob", 500_000_000)
    assert policy.policy is not None
    counters, limit = MemoryCounters(Clock().read), policy.policy.limit
    key = BucketKey(limit.id, b"bob", 0, MONTH)
    await counters.open_balance(key, limit, 500_000_000)
    async with database.read() as connection:
        assert not await reset_entity(connection, counters, policy, "nobody", NOON)
        assert await reset_entity(connection, counters, policy, b"bob".hex(), NOON)
    assert (await counters.usage(key)).settled == 0
