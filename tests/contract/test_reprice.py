"""Past requests by the prices of today, on every engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from administering import new_plane
from databases import fresh_address
from penstock.control import audit
from penstock.control.actor import CLI
from penstock.control.pages import Page
from penstock.control.plane import ControlPlane, now
from penstock.control.reprice import period_of, reprice
from penstock.core.usage import Usage
from penstock.limits.limit import SINGLE
from penstock.prices.book import Overlay, OverlayEntry, PriceBook
from penstock.prices.rates import Case, ModelPrices
from penstock.stores.sql import reprice as rows_of
from penstock.stores.sql import schema
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LedgerEntry

BUDGET = {"usage_limits": [{"type": "cost", "credit_limit": 1}]}
PRICES = ModelPrices((Case({"input": 2000, "output": 3000}), Case({"input": 500}, mode="batch")))
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
    bucket = {"limit_id": "api_key/k/usage/cost", "value": SINGLE, "epoch": 0, "window_start": 0, "value_key": "default",
              "settled": 16, "touched_at": 1}  # fmt: skip
    async with plane.database.write() as connection:
        common = {"created_at": created_at, "updated_at": 1, "created_by": "test", "updated_by": "test"}
        values = {"id": "l", "level": "api_key", "owner_id": "k", "definition": json.dumps(members), **common}
        await connection.execute(schema.limit.insert().values(**values))
        await connection.execute(schema.balance.insert().values(**bucket))
        await connection.execute(schema.bucket.insert().values(**bucket))


async def settled(plane: ControlPlane) -> list[int]:
    async with plane.database.read() as connection:
        return [
            (await connection.execute(sa.select(each.c.settled))).scalar_one()
            for each in (schema.balance, schema.bucket)
        ]


@pytest.mark.parametrize(
    ("created_at", "definition", "expected"),
    [
        (1, {}, 75),
        (AT + 1, {}, 16),
        (1, {"unknown_price": "reject"}, 40),
        (1, {"unknown_price": "tokens", "token_price": 1}, 0),
    ],
    ids=["open", "younger than the requests", "unknown ones were reserved", "never below zero"],
)
async def test_open_budgets_change_by_the_difference(
    created_at: int, definition: dict[str, Any], expected: int, plane: ControlPlane
) -> None:
    await budget(plane, created_at, **definition)
    answer = await repriced(plane, applies=True)
    assert await settled(plane) == [expected, expected]
    assert answer["corrected_balances"] == (expected != 16)
