"""Whatever requests do, in any order, the counters say what a simple model says, and nobody is let in beyond a limit.

On every engine: those beside memory take fewer examples, each of which asks a server hundreds of times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from counting import ENGINES, Place
from limiting import Clock
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import Amounts, BucketKey
from penstock.limits.reservations import Reservations
from reserving import Requests


def test_in_memory() -> None:
    class InMemory(Requests):
        def __init__(self) -> None:
            super().__init__(Reservations())

    run_state_machine_as_test(InMemory, settings=settings(max_examples=150, stateful_step_count=40))


class StoredSteps:
    """The steps of a store, each waited for."""

    def __init__(self, runner: asyncio.Runner, place: Place) -> None:
        self.clock = Clock()
        self._run = runner.run
        self.store = place.counters(clock=self.clock.read)

    def reserve(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded:
        self.clock.now = now
        return self._run(self.store.reserve(reservation, holds))

    def extend(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded:
        self.clock.now = now
        return self._run(self.store.extend(reservation, holds))

    def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        self._run(self.store.shrink(reservation, keys))

    def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        return self._run(self.store.settle(reservation, actual, holds))

    def release(self, reservation: ReservationId) -> None:
        self._run(self.store.release(reservation))

    def lose(self, older_than: int, now: int) -> tuple[Alert, ...]:
        self.clock.now = now
        return self._run(self.store.lose(older_than))

    def usage(self, key: BucketKey) -> BucketUsage:
        return self._run(self.store.usage(key))


@pytest.mark.parametrize("engine", ENGINES)
def test_in_a_store(engine: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"{engine}_place")
    with asyncio.Runner() as runner:
        runner.run(place.make())
        steps = StoredSteps(runner, place)

        class InStore(Requests):
            def __init__(self) -> None:
                super().__init__(steps)

        few: Any = settings(
            max_examples=15, stateful_step_count=30, suppress_health_check=list(HealthCheck), deadline=None
        )
        run_state_machine_as_test(InStore, settings=few)
        runner.run(steps.store.close())
