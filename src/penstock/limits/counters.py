"""What a store of counters is to the rest of the gateway: one narrow protocol, and the values that pass through it.

Memory implements it (memory.py); a store in SQLite, PostgreSQL or Redis must do the same, and passes
tests/contract/test_counters.py. Every call is one atomic step of the store. A store with locks takes them in the order
of the buckets' keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

import msgspec

from penstock.limits.limit import Amounts, BucketKey, Limit

ReservationId = tuple[str, int]
"""A request's id, and the number of its attempt that can be billed by itself. The caller chooses both, so that a call
whose answer was lost can be sent again."""
T = TypeVar("T")


async def answered(answer: T) -> T:
    """The answer to a call that is carried out already, or has nothing to do."""
    return answer


class Hold(msgspec.Struct, frozen=True, gc=False):
    """An amount to be reserved in one bucket, in the limit's unit. The limit comes from the caller's catalogue, so an
    edited limit is in force with the next call. ``value_key`` is the bucket's name for people.

    ``gc=False``: a hold is in no reference cycle.
    """

    key: BucketKey
    limit: Limit
    amount: int
    value_key: str = "default"


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How full the counter of a rate is. ``resets_in`` is the time in microseconds until it is empty."""

    limit: Limit
    used: int
    resets_in: int

    @property
    def remaining(self) -> int:
        rest = self.limit.cap - self.used
        return rest if rest > 0 else 0


Reserved = tuple[Standing, ...]
"""The answer when everything fits: how the rates among the holds stand now."""


class Exceeded(msgspec.Struct, frozen=True):
    """The answer when something doesn't fit; then nothing is reserved anywhere.

    ``hold`` is the tightest: of those that don't fit, a budget before a rate, and the one with the longest wait.
    ``settled`` and ``reserved`` are its counter's. ``wait`` is the time in microseconds until the amount fits if
    nothing else comes; None if that is unknown, or never. ``standings`` are those of all rates among the holds.
    """

    hold: Hold
    settled: int
    reserved: int
    wait: int | None
    standings: tuple[Standing, ...]


class Alert(msgspec.Struct, frozen=True):
    """A budget has crossed a line. Each kind but ``overrun`` comes once for a bucket.

    ``threshold``: settled reached ``alert_at``. ``exhausted``: settled reached the cap. ``overrun``: a charge was
    ``amount`` larger than its reservation. ``overflow``: a limit has too many values, and further ones share a bucket.
    """

    kind: Literal["threshold", "exhausted", "overrun", "overflow"]
    limit: Limit
    key: BucketKey
    amount: int = 0


class BucketUsage(NamedTuple):
    """What a budget's bucket holds, in the limit's unit."""

    settled: int
    reserved: int


class CountersUnavailable(Exception):
    """The store can't be reached, and the holds have a limit that must not be passed without it. ``retry_after`` is in
    microseconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"the store of the counters can't be reached; next try in {retry_after} microseconds")


class Counters(Protocol):
    """Keeps buckets and reservations. A reservation is open until it is settled, released or lost.

    The holds of one call name each bucket once. ``reserve``, ``extend``, ``usage`` and ``open_balance`` raise
    CountersUnavailable; what the other methods are told is kept until the store is back.
    """

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        """Open a reservation: all holds or none. For a reservation that is open already, nothing is taken again."""
        ...

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        """Add to an open reservation, all holds or none: more of a bucket, or buckets that it doesn't have yet.

        Raises ValueError if the reservation isn't open.
        """
        ...

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        """Give some buckets of an open reservation back, as ``release`` does with all."""
        ...

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        """Charge what the attempt took, and close the reservation. Budgets are charged where they were reserved, even
        if their window has ended since.

        A reservation that was settled or released stays as it is. For a lost one, budgets are corrected by the
        difference. ``holds`` are all that the caller holds under this id: budgets of which the store doesn't know it
        (it was restarted, it was down) are charged as well.
        """
        ...

    async def release(self, reservation: ReservationId) -> None:
        """Close a reservation of which nothing was spent. Budgets, tokens and concurrency come back; a request stays
        counted in the windows of rates. Nothing happens unless the reservation is open."""
        ...

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        """Close the reservations that were opened more than ``older_than`` microseconds ago, as lost: budgets are
        charged at the estimate, or released, as ``on_loss`` of each limit says."""
        ...

    async def usage(self, key: BucketKey) -> BucketUsage:
        """What a budget's bucket holds; nothing, if there is none."""
        ...

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        """Set what is settled in a budget's bucket: 0 for a reset, an amount for an import. Reservations stay, and no
        alert is raised for it. Returns what was settled before.
        """
        ...


class ImmediateCounters(Protocol):
    """The steps of ``Counters`` that a request makes, as plain calls: for counters in this process's memory."""

    def reserve_at_once(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded | None:
        """As ``reserve``; None if the request has to wait: nothing is reserved then, and ``reserve`` must be called."""
        ...

    def settle_at_once(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        """As ``settle``."""
        ...

    def release_at_once(self, reservation: ReservationId) -> None:
        """As ``release``."""
        ...
