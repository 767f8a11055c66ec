"""What a store of counters offers that several workers share, beside the steps of ``Counters``.

The lease of a worker says that the worker lives: of reservations whose worker's lease has ended nobody will ever hear.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from penstock.limits.counters import Counters, Hold, ReservationId
from penstock.limits.windows import DAY, SECOND

LEASE: Final = 15 * SECOND
"""How long a lease lasts, in microseconds."""
RENEWAL: Final = 5.0
"""Seconds between two renewals of the lease."""
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


class Rebuilt(msgspec.Struct, frozen=True):
    """What the ledger says of the windows that last: settled amounts of budgets, and the reservations of the last hour
    that are a part of them. These are closed, so that a settlement that was kept for the store isn't charged twice."""

    balances: Sequence[tuple[Hold, int]] = ()
    settled: Sequence[ReservationId] = ()


Rebuild = Callable[[], Awaitable[Rebuilt]]


class StoreDown(Exception):
    """The store can't be reached, or refuses to write. Whether the step was made is unknown."""


class StoredCounters(Counters, Protocol):
    """Counters in a store. Every call may raise StoreDown. ``lose`` also closes reservations whose worker is dead.
    ``worker`` is the name under which the lease is kept."""

    worker: str

    async def renew(self) -> int:
        """Renew the lease of this worker. Returns how many workers have a lease."""
        ...

    async def forget(self, ended_before: int, most: int = BATCH) -> int:
        """Drop up to ``most`` counters, and as many closed reservations, that nobody needs any more, as
        ``MemoryCounters.forget`` does. Returns how many counters were dropped."""
        ...

    async def is_loaded(self) -> bool:
        """Whether the store is ready: it can be written, and has not lost its counters."""
        ...

    async def load(self) -> bool:
        """Load a store that has lost its counters. Returns whether it is ready; False while another worker loads it."""
        ...

    async def close(self) -> None:
        """Close connections, and give the lease back."""
        ...
