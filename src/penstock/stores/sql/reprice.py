"""What rows of the ledger cost by the prices of today: computed again a chunk at a time, and written where asked for.

A row keeps the amount and the version of the prices that it had first. Source: docs/prices.md#reprice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import read_json_or_none
from penstock.core.usage import Usage
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import Price, PriceBook
from penstock.prices.charge import Charge, charge
from penstock.prices.rates import CACHE_READ_IMAGE, IMAGE, IMAGE_IN, IMAGE_OUT, STANDARD, Case
from penstock.stores.sql.schema import ledger

CHUNK: Final = 1000
"""Rows of one transaction."""
_SECOND: Final = 1_000_000
_LARGEST: Final = (1 << 63) - 1
_SEARCHES: Final = "web_search"
_OF_PICTURES: Final = frozenset((IMAGE_IN, IMAGE_OUT, CACHE_READ_IMAGE))
_UNTOLD: Final = Usage(0, 0, cached=0, cache_written=0, reasoning=0, audio_in=0, audio_out=0, cache_written_1h=0)
"""A row of an answer that told no usage: without an amount its cost is unknown, whatever the price."""
Cursor = tuple[int, str, int]
"""Where a chunk ends: ``at``, ``request_id``, ``attempt`` of its last row."""


class Period(msgspec.Struct, frozen=True):
    """Which rows are meant: from ``since`` to before ``until``, in microseconds since 1970; of one provider, of one
    model, where they are named."""

    since: int
    until: int
    provider: str | None = None
    model: str | None = None


class Priced(msgspec.Struct, frozen=True):
    """A row of the ledger, and its charge by the book; None where it can't be computed again."""

    row: Any
    charge: Charge | None

    @property
    def after(self) -> int | None:
        """Nanodollars from now on: what the row says where it can't be computed again."""
        if self.charge is None:
            return None if self.row.amount is None else int(self.row.amount)
        return min(self.charge.nanos, _LARGEST)

    @property
    def difference(self) -> int:
        """Nanodollars by which the row costs more. An unknown cost counts 0."""
        return (self.after or 0) - (self.row.amount or 0)

    @property
    def is_changed(self) -> bool:
        """Whether the row's amount or its version of the prices is another one."""
        new = self.charge
        return new is not None and (self.after != self.row.amount or new.price_version != self.row.price_version)


async def read_chunk(
    connection: AsyncConnection, period: Period, after: Cursor | None, *, locks: bool = False
) -> Sequence[Any]:
    """The next rows of a period that were charged by prices, or couldn't be: free answers stay free. ``locks``: other
    transactions wait until this one has ended."""
    columns = ledger.c
    query = sa.select(ledger).where(
        columns.at >= period.since,
        columns.at < period.until,
        columns.is_cached.is_(False),
        sa.or_(columns.amount.is_(None), columns.price_version.is_not(None)),
        columns.model.is_not(None),
    )
    if period.provider is not None:
        query = query.where(columns.provider == period.provider)
    if period.model is not None:
        query = query.where(columns.model == period.model)
    order = (columns.at, columns.request_id, columns.attempt)
    if after is not None:
        query = query.where(sa.tuple_(*order) > sa.tuple_(*(sa.literal(each) for each in after)))
    query = query.order_by(*order).limit(CHUNK)
    return list(await connection.execute(query.with_for_update() if locks else query))


def end_of(rows: Sequence[Any]) -> Cursor:
    """Where the next chunk begins."""
    return rows[-1].at, rows[-1].request_id, rows[-1].attempt


def priced(row: Any, book: PriceBook, own: Mapping[str, OwnPrices]) -> Priced:
    """A row by a book; ``own`` are the prices of integrations by the slugs of their providers."""
    stored_units = read_json_or_none(row.units.encode())
    units = {} if not isinstance(stored_units, dict) else {name: int(count) for name, count in stored_units.items()}
    price = _price(row, book, own.get(row.virtual_key) if row.virtual_key else None, units)
    if price is None:
        return Priced(row, None)
    usage = _usage(row, units)
    if row.amount is None and usage == _UNTOLD:
        return Priced(row, None)
    return Priced(row, charge(usage, price, row.at / _SECOND))


def _price(row: Any, book: PriceBook, own: OwnPrices | None, units: Mapping[str, int]) -> Price | None:
    """The price of a row; None for a model whose pictures cost, where the ledger doesn't tell how many there were."""
    price = book.look_up(row.provider, row.model, row.region or "", row.mode or STANDARD, own)
    if price is None or any(map(_prices_tokens_of_pictures, price.cases)):
        return None
    return None if _tells_pictures(price.cases) and not _tells_pictures_in(units) else price


def _prices_tokens_of_pictures(case: Case) -> bool:
    return not _OF_PICTURES.isdisjoint(case.rates)


def _tells_pictures(cases: Sequence[Case]) -> bool:
    return any(_tells_pictures_in(case.rates) for case in cases)


def _tells_pictures_in(names: Iterable[str]) -> bool:
    return any(name.startswith(IMAGE) for name in names)


def _usage(row: Any, units: Mapping[str, int]) -> Usage:
    return Usage(
        prompt=row.input_tokens,
        completion=row.output_tokens,
        cached=row.cached_tokens,
        cache_written=row.cache_written_tokens,
        reasoning=row.reasoning_tokens,
        audio_in=row.audio_input_tokens,
        audio_out=row.audio_output_tokens,
        cache_written_1h=row.cache_written_1h_tokens,
        searches=units.get(_SEARCHES),
        units={name: count for name, count in units.items() if name != _SEARCHES},
    )


async def write_prices(connection: AsyncConnection, changed: Sequence[Priced], now: int) -> None:
    """Give rows their new cost, and keep what they said first."""
    if not changed:
        return
    columns = ledger.c
    is_first = columns.repriced_at.is_(None)
    statement = (
        ledger.update()
        .where(columns.request_id == sa.bindparam("b_request"), columns.attempt == sa.bindparam("b_attempt"))
        .values(
            first_amount=sa.case((is_first, columns.amount), else_=columns.first_amount),
            first_price_version=sa.case((is_first, columns.price_version), else_=columns.first_price_version),
            repriced_at=now,
            amount=sa.bindparam("b_amount"),
            price_version=sa.bindparam("b_version"),
            price_match=sa.bindparam("b_match"),
        )
    )
    values = [
        {
            "b_request": each.row.request_id,
            "b_attempt": each.row.attempt,
            "b_amount": each.after,
            "b_version": each.charge.price_version,
            "b_match": each.charge.price_match,
        }
        for each in changed
        if each.charge is not None
    ]
    await connection.execute(statement, values)
