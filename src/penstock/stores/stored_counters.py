"""What a store of counters offers that several workers share, beside the steps of ``Counters``.

The lease of a worker says that the worker lives: of reservations whose worker's lease has ended nobody will ever hear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from penstock.limits.counters import Counters, Hold, ReservationId
from penstock.limits.limit import BucketKey
from penstock.limits.windows import DAY, SECOND

LEASE: Final = 15 * SECOND
"""How long a lease lasts, in microseconds."""
RENEWAL: Final = 5.0
"""Seconds between two renewals of the lease in a database."""
KEPT: Final = 35 * DAY
"""How long the bucket of a budget is kept after the end of its window, in microseconds."""
CLOSED_KEPT: Final = 3600 * SECOND
"""How long a closed reservation is known for certain: a settlement that comes twice is charged once."""
LOST_KEPT: Final = DAY
"""How long a lost reservation is known, so that a late settlement corrects its charge."""
BATCH: Final = 500
"""Reservations, or buckets, that one step loses or forgets."""

StoreClock = Callable[[], int]
"""Microseconds since 1970, in place of the store's own time: for tests."""


class Charge(msgspec.Struct, frozen=True):
    """What the store has added to what is settled in a budget's bucket; below 0 for what came back. ``name`` is the
    bucket's name for people, ``ends`` the end of its window."""

    key: BucketKey
    name: str
    amount: int
    ends: int | None


class LostCharge(msgspec.Struct, frozen=True):
    """What a budget in dollars was charged for a reservation that was lost, in nanodollars; 0 if it was given back."""

    reservation: ReservationId
    key: BucketKey
    amount: int


class BalanceKeeper(Protocol):
    """Keeps outside the store what is settled in budgets, for a store that has lost its counters."""

    def note(self, charges: Sequence[Charge]) -> None:
        """Keep what the store has charged."""
        ...

    async def read(self) -> Sequence[tuple[Hold, int]]:
        """What is settled in budgets whose windows last, each with a hold of nothing in its bucket.

        Raises StoreDown if it can't be read.
        """
        ...


def tell_nobody(charges: Sequence[LostCharge]) -> None:
    """Where no ledger is kept."""


class StoreDown(Exception):
    """The store can't be reached, or refuses to write. Whether the step was made is unknown."""


class StoredCounters(Counters, Protocol):
    """Counters in a store. Every call may raise StoreDown. ``lose`` also closes reservations whose worker is dead.
    ``worker`` is the name under which the lease is kept. ``told_lost`` gets what lost reservations were charged; what
    was cut off between the charge and the telling is told by the next call, of whichever worker."""

    worker: str
    told_lost: Callable[[Sequence[LostCharge]], None]
    renewal: float
    """Seconds between two renewals of the lease."""

    async def renew(self) -> int:
        """Renew the lease of this worker. Returns how many workers have a lease."""
        ...

    async def forget(self, ended_before: int, most: int = BATCH) -> int:
        """Drop up to ``most`` counters, and as many closed reservations, that nobody needs any more, as
        ``MemoryCounters.forget`` does. Returns how many counters were dropped."""
        ...

    async def generation(self) -> str | None:
        """Which loading the counters come from: another text after they were lost and loaded, None as long as they
        are lost. Raises StoreDown also if the store can't be written."""
        ...

    async def restore(self, held: Mapping[ReservationId, Mapping[BucketKey, Hold]]) -> None:
        """Reserve what this worker holds in a store that has lost it, whether or not it fits. Nothing happens to
        reservations that the store knows. Steps are made in the generation that was read last from then on."""
        ...

    async def load(self) -> bool:
        """Load a store that has lost its counters. Returns whether it is ready; False while another worker loads it."""
        ...

    async def close(self) -> None:
        """Close connections, and give the lease back."""
        ...
