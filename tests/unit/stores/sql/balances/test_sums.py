"""Sums of what is to be added to balances."""

from __future__ import annotations

from penstock.limits.limit import BucketKey
from penstock.stores.sql.balances.sums import BalanceSums

MONEY, TOKENS = (BucketKey(limit, b"", 0, 0) for limit in ("money", "tokens"))


def test_amounts_add_up_by_bucket_until_they_are_taken() -> None:
    sums = BalanceSums()
    sums.add(MONEY, 10, "default", 7)
    sums.add(TOKENS, 1, "default", None)
    sums.add(MONEY, -3, "default", 7)
    assert sums.take() == {MONEY: (7, "default", 7), TOKENS: (1, "default", None)}
    assert sums.take() == {}


def test_what_could_not_be_written_is_added_to_what_came_since() -> None:
    sums = BalanceSums()
    sums.add(MONEY, 10, "default", 7)
    taken = sums.take()
    sums.add(MONEY, 5, "default", 7)
    sums.put_back(taken)
    assert sums.take() == {MONEY: (15, "default", 7)}
