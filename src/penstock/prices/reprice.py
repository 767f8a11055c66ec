"""Charges made again by another price book: what is to be added to a ledger so that it says what calls cost.

Rows of a ledger are never edited. A correction is a row of its own, with the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from penstock.core.usage import Usage
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import PriceBook
from penstock.prices.charge import NOTHING, Charge, Extras, charge
from penstock.prices.rates import STANDARD


class Charged(msgspec.Struct, frozen=True):
    """A row of a ledger: one attempt, made ``at`` (seconds since 1970), what it used, and its ``nanos`` so far, with
    earlier corrections. ``own`` are the prices of its provider's integration."""

    request_id: str
    attempt: int
    at: float
    provider: str
    model: str
    usage: Usage
    nanos: int
    price_version: str = ""
    region: str = ""
    mode: str = STANDARD
    extras: Extras = NOTHING
    own: OwnPrices | None = None


class Correction(msgspec.Struct, frozen=True):
    """What a row's charge changes by, in nanodollars, and the new charge."""

    request_id: str
    attempt: int
    nanos: int
    charge: Charge


def corrections(rows: Iterable[Charged], book: PriceBook) -> Iterator[Correction]:
    """The corrections of all rows whose charge is another one by this book. A row whose model the book doesn't know
    keeps its charge. Rows of answers that cost nothing, from the cache or shared, don't belong here."""
    for row in rows:
        price = book.look_up(row.provider, row.model, row.region, row.mode, row.own)
        if price is None:
            continue
        again = charge(row.usage, price, row.at, row.extras)
        if again.nanos != row.nanos or again.price_version != row.price_version:
            yield Correction(row.request_id, row.attempt, again.nanos - row.nanos, again)
