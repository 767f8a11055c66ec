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
from penstock.limits.fast_path import FastHold
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


async def test_t30_slices_pass_no_sliding_window_and_all_is_charged(place: Place) -> None:
    await place.make()
    clock, chance = Clock(), random.Random(7)
    stores = [place.counters(clock=clock.read) for _ in range(2)]
    limits = tuple(Applied(limit) for limit in LIMITS)
    alerts: list[Alert] = []
    workers = [LeasedCounters(store, clock.read, alerts.extend) for store in stores]
    paths = [worker.fast_path(limits, clock.read) for worker in workers]
    for store, worker in zip(stores, workers, strict=True):
        await store.renew()
        worker._is_running = True
    admitted: list[int] = []
    fast = 0
    for turn in range(45):
        for number, (worker, path) in enumerate(zip(workers, paths, strict=True)):
            assert path is not None
            for each in range(chance.randint(10, 60)):
                hold, name = FastHold(), f"{turn}-{number}-{each}"
                if path.reserve(hold, name, (AMOUNT, AMOUNT, AMOUNT, 0, 1)):
                    fast += 1
                    path.settle(hold, (AMOUNT, AMOUNT, AMOUNT, 0, 1))
                    admitted.append(clock.now)
                elif each < 10 and await ask(worker, clock, name, limits):
                    admitted.append(clock.now)
            await worker.look()
        clock.let_pass(chance.choice([0.3, 0.4, 0.9, 5]))
        for store in stores:
            await store.renew()
    for start in {*admitted}:
        assert sum(start <= moment < start + 60 * SECOND for moment in admitted) <= VALUE
    assert fast > len(admitted) // 4
    for worker in workers:
        await worker.stop()
    assert await stores[0].usage(limits[0].key_at(NOON)) == (AMOUNT * len(admitted), 0)
    assert {alert.kind for alert in alerts} == set()
    for store in stores:
        await store.close()


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
