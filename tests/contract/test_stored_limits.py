"""Limits and policies of the database in the catalogue, on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from databases import fresh_address, make_tables
from limiting import NOON
from penstock.control.limits.limits import limits_of, put_limits, reset_usage
from penstock.control.policies import create_policy, list_policies
from penstock.limits.in_force import Owner
from penstock.limits.limit import Level
from penstock.limits.windows import CalendarWindow, WeekStart
from penstock.stores.catalogue import Catalogue, GatewayKey, VirtualKey
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.limits import LimitLoader
from penstock.stores.sql.database import Database

COMMON = {"created_at": 1, "updated_at": 1, "created_by": "t", "updated_by": "t"}
BEFORE = Catalogue({"prod": VirtualKey("prod", "openai")}, {}, (GatewayKey("a", b"1", id="k1"), GatewayKey("b", b"2")))


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    opened = Database(address)
    await make_tables(opened)
    async with opened.change() as connection:
        await connection.execute(schema.workspace.insert().values(id="w1", slug="ws", name="W", **COMMON))
        integration = {"id": "i1", "slug": "openai-i", "name": "I", "provider": "openai"}
        await connection.execute(schema.integration.insert().values(**integration, **COMMON))
        provider = {"id": "p1", "slug": "prod", "name": "P", "workspace_id": "w1", "integration_id": "i1"}
        await connection.execute(schema.provider.insert().values(**provider, **COMMON))
    yield opened
    await opened.close()


async def put(database: Database, level: Level, owner: str, **members: Any) -> None:
    async with database.change() as connection:
        await put_limits(connection, level, owner, members, by="t", now=NOON)


@pytest.mark.parametrize(("week_starts", "days"), [(None, ("sunday", "monday")), ("monday", ("monday",) * 2)])
async def test_weeks_begin_on_the_operators_day(
    database: Database, week_starts: WeekStart | None, days: tuple[WeekStart, WeekStart]
) -> None:
    weekly = {"type": "cost", "credit_limit": 5, "periodic_reset": "weekly"}
    await put(database, "api_key", "k1", usage_limits=weekly)
    async with database.change() as connection:
        policy = {**weekly, "conditions": [], "group_by": []}
        await create_policy(connection, "usage", policy, workspace_id=None, name="", by="t", now=NOON)
    operators = Database(database.url.render_as_string(hide_password=False), week_starts)
    catalogue, problems = await load(operators)
    async with operators.read() as connection:
        (told,) = (await limits_of(connection, "api_key", ["k1"])).values()
        (listed,) = (await list_policies(connection, "usage")).items
    await operators.close()
    of_key, of_policy = catalogue.keys[0].limits[0].limit, catalogue.limits.policies[0].limit
    assert (of_key.window, of_policy.window, problems) == (*(CalendarWindow("week", day) for day in days), [])
    assert (told.limits[0].window, listed.policy.limit.window) == (of_key.window, of_policy.window)


async def load(database: Database, loader: LimitLoader | None = None) -> tuple[Catalogue, list[str]]:
    """The catalogue with its limits, and what is wrong with them."""
    problems: list[str] = []
    loader = loader or LimitLoader()
    async with database.read() as connection:
        of_keys = await loader.of_keys(connection, None, problems)
        keys = tuple([replace(key, limits=of_keys.get(key.id or "", ())) for key in BEFORE.keys])
        return await loader.add(connection, replace(BEFORE, keys=keys), problems), problems


async def test_without_rows_the_catalogue_is_as_it_was(database: Database) -> None:
    catalogue, problems = await load(database)
    assert catalogue.limits.is_empty
    assert (replace(catalogue, limits=BEFORE.limits), problems) == (BEFORE, [])


async def test_a_policy_may_ask_for_the_organisation(database: Database) -> None:
    async with database.change() as connection:
        organisation_id = (await connection.execute(sa.select(schema.organisation.c.id))).scalar()
        if organisation_id is None:
            organisation_id = "o1"
            await connection.execute(schema.organisation.insert().values(id="o1", name="O", **COMMON))
        for number, value in enumerate((organisation_id, "*", "another"), start=1):
            conditions = [{"key": "organisation_id", "value": value}]
            members = {"type": "requests", "credit_limit": number, "conditions": conditions, "group_by": []}
            await create_policy(connection, "usage", members, workspace_id=None, name="", by="t", now=NOON)
    catalogue, _ = await load(database)
    assert sorted(policy.limit.amount for policy in catalogue.limits.of(Owner()).of_requests) == [1, 2]


async def test_every_level_is_found_where_requests_look_for_it(database: Database) -> None:
    owners: list[tuple[Level, str]] = [
        ("api_key", "k1"), ("workspace", "w1"), ("organisation", "o"), ("provider", "p1"), ("integration", "i1"),
        ("integration", "i1/w1"), ("integration", "i1/other"),
    ]  # fmt: skip
    for level, owner in owners:
        await put(database, level, owner, concurrency_limit=2)
    catalogue, _ = await load(database)
    assert [[each.limit.owner for each in key.limits] for key in catalogue.keys] == [["k1"], []]
    assert [each.limit.owner for each in catalogue.limits.virtual_keys["prod"]] == ["p1", "i1", "i1/w1"]
    assert [each.limit.owner for each in catalogue.limits.workspaces["w1"]] == ["w1"]
    assert [each.limit.owner for each in catalogue.limits.organisation] == ["o"]
    assert (await load(database))[0] == catalogue


async def test_a_reset_is_in_the_limit(database: Database) -> None:
    await put(database, "api_key", "k1", usage_limits={"type": "tokens", "credit_limit": 5})
    async with database.change() as connection:
        await reset_usage(connection, "api_key", "k1", by="t", now=NOON)
    assert (await load(database))[0].keys[0].limits[0].limit.epoch == 1


async def test_a_row_that_can_not_be_used_keeps_what_it_meant(database: Database) -> None:
    await put(database, "api_key", "k1", concurrency_limit=2)
    loader = LimitLoader()
    before, _ = await load(database, loader)
    async with database.change() as connection:
        await connection.execute(schema.limit.update().values(definition='{"concurrency_limit": "two"}'))
    after, problems = await load(database, loader)
    assert after == before
    assert problems == [
        "the limits of api_key k1: concurrency_limit: expected a whole number from 1 to 9007199254740991"
    ]


async def test_of_keys_that_changed_the_limits_are_read_and_the_others_stay(database: Database) -> None:
    for key in ("k1", "k2", "k3"):
        await put(database, "api_key", key, concurrency_limit=2)
    loader = LimitLoader()
    async with database.read() as connection:
        before = dict(await loader.of_keys(connection, None, []))
    await put(database, "api_key", "k1", concurrency_limit=3)
    async with database.change() as connection:
        await connection.execute(schema.limit.delete().where(schema.limit.c.owner_id == "k2"))
        broken = schema.limit.update().where(schema.limit.c.owner_id == "k3").values(definition="[")
        await connection.execute(broken)
    for changed in ({"k1", "k2", "k3"}, set[str]()):
        problems: list[str] = []
        async with database.read() as connection:
            after = await loader.of_keys(connection, changed, problems)
        assert {id_: [each.limit.cap for each in applied] for id_, applied in after.items()} == {"k1": [3], "k3": [2]}
        assert after["k3"] is before["k3"]
        assert [problem.partition(":")[0] for problem in problems] == ["the limits of api_key k3"]


async def test_policies_are_those_that_are_active(database: Database) -> None:
    members = {"conditions": [], "group_by": [], "type": "tokens", "credit_limit": 5}
    async with database.change() as connection:
        for name in ("one", "two"):
            more: dict[str, Any] = {"workspace_id": "w1", "name": name, "by": "t", "now": NOON}
            await create_policy(connection, "usage", members, **more)
        table = schema.policy
        await connection.execute(table.update().where(table.c.name == "two").values(status="archived"))
    (policy,) = (await load(database))[0].limits.policies
    assert (policy.applies({"workspace_id": "w1"}), policy.applies({"workspace_id": "w2"})) == (True, False)
