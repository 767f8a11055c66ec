"""Repricing: what the requests of a period cost by the prices of today, and the ledger and the budgets after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.plane import ControlPlane, now
from penstock.control.timestamps import as_text
from penstock.core.money import dollars_text
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import PriceBook
from penstock.stores.sql.balances.changes import add_changes
from penstock.stores.sql.balances.corrections import Budgets, corrections
from penstock.stores.sql.own_prices import read_own_prices
from penstock.stores.sql.reprice import CHUNK, Cursor, Period, Priced, end_of, priced, read_chunk, write_prices


class ModelSum(msgspec.Struct):
    """The rows of one model: their number, nanodollars before and after, how many rows have a price only now, how many
    still have none."""

    provider: str
    model: str
    rows: int = 0
    before: int = 0
    after: int = 0
    newly_priced: int = 0
    unpriced: int = 0

    def add(self, each: Priced) -> None:
        self.rows += 1
        self.before += each.row.amount or 0
        self.after += each.after or 0
        self.newly_priced += each.row.amount is None and each.after is not None
        self.unpriced += each.after is None

    def as_item(self) -> dict[str, Any]:
        """The sums in dollars, exact, as text."""
        return {
            "provider": self.provider,
            "model": self.model,
            "rows": self.rows,
            "before": dollars_text(self.before),
            "after": dollars_text(self.after),
            "difference": _signed(self.after - self.before),
            "newly_priced": self.newly_priced,
            "unpriced": self.unpriced,
        }


async def reprice(
    plane: ControlPlane, actor: Actor, book: PriceBook, period: Period, *, applies: bool = False
) -> dict[str, Any]:
    """The sums by model, and in all how many rows change and how many corrections budgets had. Nothing is written
    unless ``applies``: then a chunk of rows, the budgets' balances and a row of the audit log are one transaction."""
    async with plane.database.read() as connection:
        own = await read_own_prices(connection, {}, [])
    sums: dict[tuple[str, str], ModelSum] = {}
    changed = corrected = 0
    cursor: Cursor | None = None
    while True:
        if applies:
            chunk, budgets = await _apply(plane, actor, book, own, period, cursor)
            corrected += budgets
        else:
            async with plane.database.read() as connection:
                chunk = [priced(row, book, own) for row in await read_chunk(connection, period, cursor)]
        for each in chunk:
            name = (each.row.provider, each.row.model)
            sums.setdefault(name, ModelSum(*name)).add(each)
            changed += each.is_changed
        if len(chunk) < CHUNK:
            break
        cursor = end_of([each.row for each in chunk])
    items = [each.as_item() for _, each in sorted(sums.items())]
    return {
        "object": "list", "total": len(items), "data": items, "price_version": book.version, "applied": applies,
        "changed_rows": changed, "corrected_balances": corrected,
    }  # fmt: skip


async def _apply(
    plane: ControlPlane,
    actor: Actor,
    book: PriceBook,
    own: Mapping[str, OwnPrices],
    period: Period,
    cursor: Cursor | None,
) -> tuple[list[Priced], int]:
    """Carry out one chunk. Returns its rows as they were, and how many balances were corrected."""
    async with plane.change(actor, revises=False) as change:
        rows = await read_chunk(change.connection, period, cursor, locks=True)
        chunk = [priced(row, book, own) for row in rows]
        changed = [each for each in chunk if each.is_changed]
        if not changed:
            return chunk, 0
        await write_prices(change.connection, changed, change.now)
        budgets = await Budgets.read(change.connection, plane.in_file().limits_by_id())
        amounts = corrections(budgets, [(each.row, each.after or 0) for each in changed], change.now)
        await add_changes(change.connection, amounts, "reprice", change.now)
        change.record(_entry(period, book, changed, len(amounts)))
    return chunk, len(amounts)


def _entry(period: Period, book: PriceBook, changed: Sequence[Priced], corrected: int) -> Entry:
    before, difference = sum(each.row.amount or 0 for each in changed), sum(each.difference for each in changed)
    first, last = changed[0].row, changed[-1].row
    body = {
        "since": as_text(period.since), "until": as_text(period.until), "provider": period.provider,
        "model": period.model, "price_version": book.version, "rows": len(changed), "first_request": first.request_id,
        "last_request": last.request_id, "corrected_balances": corrected,
    }  # fmt: skip
    versions = sorted({str(each.row.price_version) for each in changed})
    return Entry(
        "reprice", "ledger", "", body=body,
        before={"cost": dollars_text(before), "price_versions": versions},
        after={"cost": dollars_text(before + difference), "price_versions": [book.version]},
    )  # fmt: skip


def _signed(nanos: int) -> str:
    return f"-{dollars_text(-nanos)}" if nanos < 0 else dollars_text(nanos)


def period_of(since: int, until: int | None, provider: str | None, model: str | None) -> Period:
    """A period that ends now unless something else is said."""
    return Period(since, now() if until is None else until, provider, model)
