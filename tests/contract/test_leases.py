"""Workers that lease slices of limits from a real store: no sliding window has more than its value, no budget is
overspent, and all that was spent is charged."""

from __future__ import annotations

import random

import pytest

from counting import ENGINES, Place
from limiting import NOON, Clock, budget, rate
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert
from penstock.limits.fast_path import FastHold, FastPath
from penstock.limits.limit import Amounts
from penstock.limits.windows import SECOND
from penstock.stores.leased_counters import LeasedCounters

VALUE = 1000
LIMITS = (budget(10**6), rate(VALUE), rate(10**6, kind="tokens"))
AMOUNT = 7


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(f"{request.param}_place")
    return made


async def ask(worker: LeasedCounters, clock: Clock, name: str, limits: tuple[Applied, ...]) -> bool:
    """Whether a request is let in by the store, which it asks; what it takes is settled."""
    admitted = await Admission(worker, clock.read).admit(name, limits, Estimate(Amounts(AMOUNT, AMOUNT, 0)))
    if isinstance(admitted, Admitted):
        await admitted.settle(Amounts(AMOUNT, AMOUNT, 0))
    return isinstance(admitted, Admitted)


class Crowd:
    """Two workers of one store, whose requests cost exactly their estimate. ``admitted`` are their moments."""

    def __init__(self, place: Place) -> None:
        self.clock = Clock()
        self.stores = [place.counters(clock=self.clock.read) for _ in range(2)]
        self.limits = tuple(Applied(limit) for limit in LIMITS)
        self.alerts: list[Alert] = []
        self.workers = [LeasedCounters(store, self.clock.read, self.alerts.extend) for store in self.stores]
        self.admitted: list[int] = []
        self.fast = 0

    async def begin(self) -> None:
        for store, worker in zip(self.stores, self.workers, strict=True):
            await store.renew()
            worker._is_running = True

    async def burst(self, worker: LeasedCounters, path: FastPath, name: str, size: int) -> None:
        for each in range(size):
            hold = FastHold()
            if path.reserve(hold, f"{name}-{each}", (AMOUNT, AMOUNT, AMOUNT, 0, 1)):
                self.fast += 1
                path.settle(hold, (AMOUNT, AMOUNT, AMOUNT, 0, 1))
                self.admitted.append(self.clock.now)
            elif each < 10 and await ask(worker, self.clock, f"{name}-{each}", self.limits):
                self.admitted.append(self.clock.now)

    async def let_pass(self, seconds: float) -> None:
        self.clock.let_pass(seconds)
        for store in self.stores:
            await store.renew()

    async def end(self) -> None:
        for worker in self.workers:
            await worker.stop()
        assert await self.stores[0].usage(self.limits[0].key_at(NOON)) == (AMOUNT * len(self.admitted), 0)
        for store in self.stores:
            await store.close()


async def test_t30_slices_pass_no_sliding_window_and_all_is_charged(place: Place) -> None:
    await place.make()
    crowd, chance = Crowd(place), random.Random(7)
    await crowd.begin()
    paths = [worker.fast_path(crowd.limits, crowd.clock.read) for worker in crowd.workers]
    for turn in range(45):
        for number, (worker, path) in enumerate(zip(crowd.workers, paths, strict=True)):
            assert path is not None
            await crowd.burst(worker, path, f"{turn}-{number}", chance.randint(10, 60))
            await worker.look()
        await crowd.let_pass(chance.choice([0.3, 0.4, 0.9, 5]))
    for start in {*crowd.admitted}:
        assert sum(start <= moment < start + 60 * SECOND for moment in crowd.admitted) <= VALUE
    assert crowd.fast > len(crowd.admitted) // 4
    await crowd.end()
    assert crowd.alerts == []


async def test_t23_a_worker_that_dies_is_charged_what_it_had_leased(place: Place) -> None:
    await place.make()
    clock = Clock()
    dying, living = place.counters(clock=clock.read), place.counters(clock=clock.read)
    worker, limit = LeasedCounters(dying, clock.read, list[Alert]().extend), Applied(budget(10**6))
    path = worker.fast_path([limit], clock.read)
    assert path is not None
    worker._is_running = True
    await dying.renew()
    for number in range(20):
        assert not path.reserve(FastHold(), f"{number}", (AMOUNT, AMOUNT, AMOUNT, 0, 1))
        assert await ask(worker, clock, f"{number}", (limit,))
    await worker.look()
    spent = 20 * AMOUNT
    for number in range(20, 40):
        assert path.reserve(FastHold(), f"{number}", (AMOUNT, AMOUNT, AMOUNT, 0, 1))
        spent += AMOUNT
    key = limit.key_at(NOON)
    settled, leased = await living.usage(key)
    assert settled + leased >= spent
    clock.let_pass(60)
    await living.renew()
    await living.lose(3600 * SECOND)
    assert await living.usage(key) == (settled + leased, 0)
    for store in (dying, living):
        await store.close()
