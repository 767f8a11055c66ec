"""What is to be added to the balances of budgets: one sum for each bucket, until it is written down."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.limits.limit import BucketKey

Balance = tuple[int, str, int | None]
"""What is to be added to a balance, in the limit's unit; the bucket's name for people; the end of its window in
microseconds since 1970, None without an end."""


class BalanceSums:
    """Amounts are added up by bucket; ``take`` gives the sums to whoever writes them down."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums: dict[BucketKey, Balance] = {}

    def add(self, key: BucketKey, amount: int, name: str, ends: int | None) -> None:
        earlier = self._sums.get(key)
        self._sums[key] = (amount if earlier is None else amount + earlier[0], name, ends)

    def __contains__(self, key: BucketKey) -> bool:
        return key in self._sums

    def take(self) -> dict[BucketKey, Balance]:
        """All sums, which begin anew."""
        sums, self._sums = self._sums, {}
        return sums

    def put_back(self, sums: Mapping[BucketKey, Balance]) -> None:
        """Add what was taken and could not be written down."""
        for key, balance in sums.items():
            self.add(key, *balance)
