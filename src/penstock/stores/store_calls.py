"""Calls of a store that may be down: so many at once, none longer than a time limit, none while the breaker is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from penstock.core.durations import microseconds
from penstock.limits.windows import SECOND
from penstock.stores.call_breaker import CallBreaker
from penstock.stores.stored_counters import StoreDown

_OF_LEASES: Final = 4
"""One of so many calls at once is for leases: each is for many requests, and waits for none of theirs."""
T = TypeVar("T")


class NotAsked(StoreDown):
    """The breaker is open: no call was made."""


class StoreCalls:
    """``timeout`` is in seconds, for one call; ``most`` is how many are made at the same time, from 2 on. ``went_down``
    is called with the reason when a call has failed."""

    def __init__(self, timeout: float, most: int, went_down: Callable[[str], None]) -> None:
        self.timeout = timeout
        self._went_down = went_down
        of_leases = max(1, most // _OF_LEASES)
        self._of_leases, self._of_requests = asyncio.Semaphore(of_leases), asyncio.Semaphore(most - of_leases)
        self._breaker = CallBreaker()

    async def ask(self, call: Callable[[], Awaitable[T]], *, for_lease: bool = False) -> T:
        """The answer of the store. Raises StoreDown when there is none in time, or NotAsked."""
        async with self._of_leases if for_lease else self._of_requests:
            if not self._breaker.admits(monotonic()):
                raise NotAsked("the store was down a moment ago")
            try:
                async with asyncio.timeout(self.timeout):
                    answer = await call()
            except (StoreDown, TimeoutError) as error:
                self._breaker.failed(monotonic())
                self._went_down(str(error) or f"no answer within {self.timeout:g} s")
                raise StoreDown(str(error)) from error
            self._breaker.succeeded()
            return answer

    def is_back(self) -> None:
        """The store was reached by another way: calls are made again."""
        self._breaker.succeeded()

    @property
    def retry_after(self) -> int:
        """Microseconds until the store is asked again: a second at least."""
        return max(SECOND, microseconds(self._breaker.retry_after(monotonic())))
