"""Past requests by the prices of today, on every engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

import limiting
from administering import new_plane
from databases import fresh_address
from penstock.control import audit
from penstock.control.actor import CLI
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane, now
from penstock.control.policies import create_policy
from penstock.control.reprice import period_of, reprice
from penstock.core.usage import Usage
from penstock.limits.applied import Applied
from penstock.limits.limit import SINGLE, BucketKey
from penstock.prices.book import Overlay, OverlayEntry, PriceBook
from penstock.prices.rates import Case, ModelPrices
from penstock.stores.catalogue import Catalogue, GatewayKey
from penstock.stores.sql import reprice as rows_of
from penstock.stores.sql import schema
from penstock.stores.sql.balances.changes import key_of
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LedgerEntry

BUDGET = {"usage_limits": [{"type": "cost", "credit_limit": 1}]}
PRICES = ModelPrices(
    (
        Case({"input": 2000, "output": 3000}),
        Case({"input": 5000, "output": 3000}, regions=("eu",)),
        Case({"input": 500}, mode="batch"),
    )
)
PICTURES = ModelPrices((Case({"input": 2000, "image.default.default": 10**9}),))
BOOK = PriceBook(
    (), Overlay("overlay@new", {("openai", "m"): OverlayEntry(PRICES), ("openai", "painter"): OverlayEntry(PICTURES)})
)
AT = now()
ROW = LedgerEntry("r1", 1, AT, "openai", Usage(10, 5), 15, "old", "exact", model="m", key_id="k")


def row(id_: str, **changes: Any) -> LedgerEntry:
    return msgspec.structs.replace(ROW, request_id=id_, **changes)


ENTRIES = (
    ROW,
    row("r2", nanos=None, price_version=None, price_match="none"),
    row("r3", model="nobody", nanos=None, price_version=None),
    row("r4", is_cached=True, nanos=0, price_version=None),
    row("r5", mode="batch", nanos=1),
    row("r6", at=AT - 10**12),
    row("r7", usage=Usage(), nanos=0, price_version=None),
    row("r8", model="painter"),
)


@pytest.fixture(params=["memory", "file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


@pytest.fixture
async def plane(address: str) -> AsyncIterator[ControlPlane]:
    opened = await new_plane(address)
    await write_ledger(opened.database, ENTRIES)
    yield opened
    await opened.database.close()


async def repriced(plane: ControlPlane, *, applies: bool, **period: Any) -> dict[str, Any]:
    named = {"provider": None, "model": None, **period}
    return await reprice(plane, CLI, BOOK, period_of(AT - 1, AT + 1, **named), applies=applies)


async def ledger(plane: ControlPlane) -> dict[str, Any]:
    async with plane.database.read() as connection:
        return {each.request_id: each for each in await connection.execute(sa.select(schema.ledger))}


async def test_sums_are_told_and_nothing_is_written(plane: ControlPlane) -> None:
    before = await ledger(plane)
    answer = await repriced(plane, applies=False)
    assert answer["data"] == [
        {
            "provider": "openai", "model": "m", "rows": 3, "before": "0.000000016", "after": "0.000000075",
            "difference": "0.000000059", "newly_priced": 1, "unpriced": 0,
        },
        {
            "provider": "openai", "model": "nobody", "rows": 1, "before": "0", "after": "0", "difference": "0",
            "newly_priced": 0, "unpriced": 1,
        },
        {
            "provider": "openai", "model": "painter", "rows": 1, "before": "0.000000015", "after": "0.000000015",
            "difference": "0", "newly_priced": 0, "unpriced": 0,
        },
    ]  # fmt: skip
    assert (answer["changed_rows"], answer["applied"]) == (3, False)
    assert await ledger(plane) == before


async def test_rows_get_their_cost_and_keep_what_they_said_first(plane: ControlPlane) -> None:
    await repriced(plane, applies=True)
    rows = await ledger(plane)
    found = {id_: (each.amount, each.price_version, each.first_amount) for id_, each in rows.items()}
    assert found == {
        "r1": (35, "overlay@new", 15), "r2": (35, "overlay@new", None), "r3": (None, None, None),
        "r4": (0, None, None), "r5": (5, "overlay@new", 1), "r6": (15, "old", None), "r7": (0, None, None),
        "r8": (15, "old", None),
    }  # fmt: skip
    assert (rows["r1"].first_price_version, rows["r1"].price_match) == ("old", "overlay")
    assert rows["r2"].repriced_at is not None
    assert (await repriced(plane, applies=True))["changed_rows"] == 0


async def test_the_region_counts_and_an_unknown_usage_stays_unknown(plane: ControlPlane) -> None:
    entries = (row("eu", region="eu"), row("untold", usage=Usage(), nanos=None, price_version=None))
    await write_ledger(plane.database, entries)
    answer = await repriced(plane, applies=True, model="m")
    assert answer["data"][0]["unpriced"] == 1
    rows = await ledger(plane)
    assert (rows["eu"].amount, rows["untold"].amount) == (65, None)


async def test_the_audit_log_tells_it_once(plane: ControlPlane) -> None:
    await repriced(plane, applies=True)
    await repriced(plane, applies=True)
    records = (await audit.list_rows(plane.database, {"action": "reprice"}, Page(0, 100)))["records"]
    assert [(each["user_id"], each["resource_type"]) for each in records] == [("cli", "ledger")]
    assert json.loads(records[0]["request_body"])["rows"] == 3
    assert (await audit.verify(plane.database)).problem is None


async def test_chunks_follow_each_other(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_of, "CHUNK", 1)
    monkeypatch.setattr("penstock.control.reprice.CHUNK", 1)
    answer = await repriced(plane, applies=True)
    assert (answer["changed_rows"], sum(each["rows"] for each in answer["data"])) == (3, 5)


@pytest.mark.parametrize(("named", "rows"), [({"model": "nobody"}, 1), ({"provider": "azure"}, 0)])
async def test_one_provider_or_model_alone(named: dict[str, str], rows: int, plane: ControlPlane) -> None:
    answer = await repriced(plane, applies=False, **named)
    assert sum(each["rows"] for each in answer["data"]) == rows


async def budget(plane: ControlPlane, created_at: int, **definition: Any) -> None:
    members = {"usage_limits": [{**BUDGET["usage_limits"][0], **definition}]}
    async with plane.database.write() as connection:
        common = {"created_at": created_at, "updated_at": 1, "created_by": "test", "updated_by": "test"}
        values = {"id": "l", "level": "api_key", "owner_id": "k", "definition": json.dumps(members), **common}
        await connection.execute(schema.limit.insert().values(**values))


async def changes(plane: ControlPlane) -> dict[BucketKey, int]:
    async with plane.database.read() as connection:
        rows = list(await connection.execute(sa.select(schema.balance_change)))
    assert {row.source for row in rows} <= {"reprice"}
    return {key_of(row): row.amount for row in rows}


@pytest.mark.parametrize(
    ("created_at", "definition", "expected"),
    [
        (1, {}, 59),
        (AT + 1, {}, None),
        (1, {"unknown_price": "reject"}, 24),
        (1, {"unknown_price": "tokens", "token_price": 1}, -14941),
    ],
    ids=["open", "younger than the requests", "unknown ones were reserved", "unknown ones were tokens"],
)
async def test_open_budgets_change_by_the_difference(
    created_at: int, definition: dict[str, Any], expected: int | None, plane: ControlPlane
) -> None:
    await budget(plane, created_at, **definition)
    await forget_budgets(plane)
    answer = await repriced(plane, applies=True)
    key = BucketKey("api_key/k/usage/cost", SINGLE, 0, 0)
    assert await changes(plane) == ({} if expected is None else {key: expected})
    assert answer["corrected_balances"] == (expected is not None)


async def forget_budgets(plane: ControlPlane) -> None:
    """Have the rows of the ledger be those of an earlier release, which don't name their budgets."""
    async with plane.database.write() as connection:
        await connection.execute(schema.ledger.update().values(budgets=None))


async def test_a_row_corrects_the_budgets_that_it_names_also_of_policies_and_of_the_file(plane: ControlPlane) -> None:
    policy = {"conditions": [], "group_by": [{"key": "metadata._user"}], "type": "cost", "credit_limit": 1}
    async with plane.database.change() as connection:
        made = await create_policy(connection, "usage", policy, workspace_id=None, name="", by="t", now=1)
    assert made.policy is not None
    bob = BucketKey(made.policy.limit.id, b"b" * 32, 0, 0)
    of_file = limiting.budget(id="api_key/app/usage/cost", owner="app")
    file = BucketKey(of_file.id, SINGLE, 0, 0)
    gone, ended = BucketKey("gone", SINGLE, 0, 0), BucketKey(of_file.id, SINGLE, 3, 0)
    await write_ledger(plane.database, [row("named", key_id=None, budgets=(bob, file, gone, ended))])
    key = GatewayKey("app", b"1", limits=(Applied(of_file),))
    plane.in_file = lambda: Catalogue({}, {}, (key,))
    await repriced(plane, applies=True)
    assert await changes(plane) == {bob: 20, file: 20}
