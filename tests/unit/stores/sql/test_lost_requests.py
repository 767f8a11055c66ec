"""Entries of the ledger for requests whose worker was killed."""

from __future__ import annotations

import pytest

from penstock.limits.limit import BucketKey
from penstock.stores.sql.ledger_entry import LedgerEntry
from penstock.stores.sql.lost_requests import lost_entries, shared_entries
from penstock.stores.stored_counters import LostCharge

KEY = BucketKey("api_key/k/usage/cost", b"", 0, 0)
OTHER_KEY = BucketKey("api_key/l/usage/cost", b"", 0, 0)
WORKSPACE = BucketKey("workspace/w/usage/cost", b"", 0, 0)


def sums(entries: list[LedgerEntry]) -> dict[BucketKey, int]:
    """What the entries say that each budget was charged."""
    found: dict[BucketKey, int] = {}
    for entry in entries:
        for key in entry.budgets:
            found[key] = found.get(key, 0) + (entry.nanos or 0)
    return found


def test_a_lost_reservation_is_one_entry_of_its_key() -> None:
    (entry,) = lost_entries([LostCharge(("r", 1), WORKSPACE, 5), LostCharge(("r", 1), KEY, 5)], 7)
    assert (entry.request_id, entry.attempt, entry.nanos, entry.at, entry.error) == ("r", 1, 5, 7, "lost")
    assert (entry.key_id, entry.is_estimated, entry.budgets) == ("k", True, (WORKSPACE, KEY))


@pytest.mark.parametrize("amounts", [(5, 3, 8), (5, 3, 5), (5, 3, 20), (5, 3, 1), (0, 0, 4)])
def test_what_several_requests_held_is_shared_out(amounts: tuple[int, int, int]) -> None:
    """The sums of each budget are what it was charged; what was charged to keys stands once."""
    charges = [
        LostCharge((name, 1), key, amount)
        for name, key, amount in zip("abc", (KEY, OTHER_KEY, WORKSPACE), amounts, strict=True)
    ]
    entries = shared_entries(charges, 7)
    assert sums(entries) == {each.key: each.amount for each in charges if each.amount}
    assert sum(entry.nanos or 0 for entry in entries) <= max(sum(amounts[:2]), 0) + amounts[2]
    assert len({(entry.request_id, entry.attempt) for entry in entries}) == len(entries)
