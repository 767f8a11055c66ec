"""One line of the ledger as a value."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from penstock.core.usage import Usage
from penstock.limits.counters import ReservationId
from penstock.limits.limit import BucketKey
from penstock.limits.slices import is_lease
from penstock.stores.stored_counters import LostCharge

_LOG: Final = logging.getLogger("penstock")


class LedgerEntry(msgspec.Struct, frozen=True):
    """One attempt. ``at`` is in microseconds since 1970; ``nanos`` in nanodollars, None if the price is unknown. Ids of
    workspace and key are those of their rows. ``units`` are what the attempt used beside tokens, by name. ``budgets``
    are the buckets of budgets in dollars that it was charged to."""

    request_id: str
    attempt: int
    at: int
    provider: str
    usage: Usage
    nanos: int | None
    price_version: str | None = None
    price_match: str = "none"
    is_estimated: bool = False
    is_cached: bool = False
    status: int = 0
    error: str | None = None
    model: str | None = None
    operation: str | None = None
    virtual_key: str | None = None
    config: str | None = None
    workspace_id: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    trace_id: str = ""
    labels: Mapping[str, str] = {}
    units: Mapping[str, int] = {}
    mode: str | None = None
    budgets: tuple[BucketKey, ...] = ()


LOST: Final = "lost"
"""The error of an entry of a reservation whose worker was killed: what it had reserved is charged. Better news of the
same attempt takes its place."""


def lost_entry(reservation: ReservationId, nanos: int, now: int, budgets: tuple[BucketKey, ...] = ()) -> LedgerEntry:
    """The entry of a reservation whose worker was killed, with what its budgets were charged. It is that of a gateway
    key if a budget of the key is among them."""
    key_id = next((_key_of(key.limit) for key in budgets if key.limit.startswith(_OF_KEY)), None)
    return LedgerEntry(
        *reservation, now, "", Usage(), nanos, is_estimated=True, error=LOST, key_id=key_id, budgets=budgets
    )


def lost_entries(charges: Iterable[LostCharge], now: int) -> list[LedgerEntry]:
    """The entries of reservations that a store has counted as lost, one for each: budgets of one request are charged
    alike."""
    of: dict[ReservationId, list[LostCharge]] = {}
    for charge in charges:
        of.setdefault(charge.reservation, []).append(charge)
    return [
        lost_entry(reservation, max(each.amount for each in every), now, tuple([each.key for each in every]))
        for reservation, every in of.items()
    ]


def shared_entries(charges: Iterable[LostCharge], now: int) -> list[LedgerEntry]:
    """The entries of charges of which it isn't known which requests they were for: what was charged to a gateway key's
    budget was charged to those of its workspace and its organisation, too. The sums of each budget are the charges'.
    A lease of which nothing is left has an entry: it takes the place of one that says what all of the lease was."""
    entries: list[tuple[ReservationId, int, list[BucketKey]]] = []
    for charge in sorted(charges, key=lambda each: not each.key.limit.startswith(_OF_KEY)):
        rest, level = charge.amount, charge.key.limit.partition("/")[0]
        for number, (reservation, amount, keys) in enumerate(entries):
            if 0 < amount <= rest and all(key.limit.partition("/")[0] != level for key in keys):
                entries[number] = (reservation, amount, [*keys, charge.key])
                rest -= amount
        if rest or is_lease(charge.reservation):
            entries.append((charge.reservation, rest, [charge.key]))
    return [lost_entry(reservation, amount, now, tuple(keys)) for reservation, amount, keys in entries]


def _key_of(limit: str) -> str:
    """The gateway key of a limit's id, such as ``api_key/ID/usage/cost``."""
    return limit.removeprefix(_OF_KEY).partition("/")[0]


_OF_KEY: Final = "api_key/"
KEPT: Final = "ledger"
"""How the files are called in which entries wait for the ledger (stores/kept_entries.py)."""


def encode_entry(entry: LedgerEntry) -> bytes | None:
    """An entry as such a file holds it, without what the ledger doesn't; None for texts that no file holds."""
    if entry.usage.native:
        entry = msgspec.structs.replace(entry, usage=msgspec.structs.replace(entry.usage, native={}))
    try:
        return _ENCODER.encode(entry)
    except (UnicodeError, OverflowError):
        return None


def decode_entries(kept: Iterable[bytes]) -> list[LedgerEntry]:
    """The entries of such a file, without those that can't be read: of another release, or damaged."""
    entries: list[LedgerEntry] = []
    for data in kept:
        try:
            entries.append(_DECODER.decode(data))
        except msgspec.MsgspecError:
            _LOG.error("an entry of the ledger that a killed worker has left can't be read")
    return entries


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(LedgerEntry)
