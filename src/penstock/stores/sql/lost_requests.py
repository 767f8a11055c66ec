"""Entries of the ledger for requests whose worker was killed: they are charged what they had reserved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.core.usage import Usage
from penstock.limits.counters import ReservationId
from penstock.limits.limit import BucketKey
from penstock.limits.slices import is_lease
from penstock.stores.sql.ledger_entry import LOST, LedgerEntry
from penstock.stores.stored_counters import LostCharge

_OF_KEY: Final = "api_key/"


def lost_entries(charges: Iterable[LostCharge], now: int) -> list[LedgerEntry]:
    """The entries of charges whose reservations are known, one for each reservation: its budgets are charged alike.
    ``now`` is in microseconds since 1970."""
    by_reservation: dict[ReservationId, list[LostCharge]] = {}
    for charge in charges:
        by_reservation.setdefault(charge.reservation, []).append(charge)
    return [
        _entry(reservation, max(each.amount for each in some), now, tuple([each.key for each in some]))
        for reservation, some in by_reservation.items()
    ]


def shared_entries(charges: Iterable[LostCharge], now: int) -> list[LedgerEntry]:
    """The entries of charges of which it isn't known which requests they were for, so that the sums of each budget are
    the charges'.

    A request is charged to one budget of each level: of its gateway key, its workspace, its organisation. So a charge
    of a workspace belongs, as far as it goes, to the entries of keys that no workspace has yet, and what is left of it
    is an entry of its own. A lease of which nothing is left has an entry: it takes the place of one that says what all
    of the lease was.
    """
    entries: list[tuple[ReservationId, int, list[BucketKey]]] = []
    for charge in sorted(charges, key=lambda each: not each.key.limit.startswith(_OF_KEY)):
        rest, level = charge.amount, _level_of(charge.key)
        for _, amount, keys in entries:
            if 0 < amount <= rest and all(_level_of(key) != level for key in keys):
                keys.append(charge.key)
                rest -= amount
        if rest or is_lease(charge.reservation):
            entries.append((charge.reservation, rest, [charge.key]))
    return [_entry(reservation, amount, now, tuple(keys)) for reservation, amount, keys in entries]


def _entry(reservation: ReservationId, nanos: int, now: int, budgets: tuple[BucketKey, ...]) -> LedgerEntry:
    """An entry with what its budgets were charged, in nanodollars. It is that of a gateway key if a budget of the key
    is among them."""
    key_id = next((_key_of(key.limit) for key in budgets if key.limit.startswith(_OF_KEY)), None)
    return LedgerEntry(
        *reservation, now, "", Usage(), nanos, is_estimated=True, error=LOST, key_id=key_id, budgets=budgets
    )


def _level_of(key: BucketKey) -> str:
    return key.limit.partition("/")[0]


def _key_of(limit: str) -> str:
    """The gateway key of a limit's id, such as ``api_key/ID/usage/cost``."""
    return limit.removeprefix(_OF_KEY).partition("/")[0]
