"""Workers that lease slices of limits: nobody overspends in any order of steps, and a worker that dies is charged what it
had leased. tests/contract/test_leases.py runs them on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limiting import NOON, Clock, budget, rate
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, BucketUsage, CountersUnavailable, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.fast_path import FastHold, FastPath
from penstock.limits.limit import Amounts, BucketKey, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.slices import BUSY
from penstock.stores import leased_counters
from penstock.stores.leased_counters import LeasedCounters


class Store(MemoryCounters):
    """A store that counts its calls, and that may be down."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.read)
        self.calls = 0
        self.is_down = False
        self.meanwhile: Callable[[], None] | None = None

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        self.calls += 1
        if self.is_down:
            raise CountersUnavailable(1)
        result = await super().reserve(reservation, holds)
        if self.meanwhile is not None:
            self.meanwhile()
        return result

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        self.calls += 1
        return await super().settle(reservation, actual, holds)

    async def usage(self, key: BucketKey) -> BucketUsage:
        self.calls += 1
        if self.is_down:
            raise CountersUnavailable(1)
        return await super().usage(key)


class Worker:
    """A worker with what its requests hold."""

    def __init__(self, store: Store, clock: Clock, *limits: Limit) -> None:
        self.limits = tuple(Applied(limit) for limit in limits)
        self.alerts: list[Alert] = []
        self.counters = LeasedCounters(store, clock.read, self.alerts.extend)
        self.counters._is_running = True
        self.admission = Admission(self.counters, clock.read)
        path = self.counters.fast_path(self.limits, clock.read)
        assert path is not None
        self.path: FastPath = path
        self.open: list[tuple[FastHold | Admitted, int]] = []
        self.fast = 0

    def reserve_at_once(self, name: str, amount: int) -> bool:
        hold = FastHold()
        is_admitted = self.path.reserve(hold, name, (amount, amount, amount, 0, 1))
        if is_admitted:
            self.fast += 1
            self.open.append((hold, amount))
        return is_admitted

    async def reserve(self, name: str, amount: int) -> bool:
        if self.reserve_at_once(name, amount):
            return True
        admitted = await self.admission.admit(name, self.limits, Estimate(Amounts(amount, amount, 0)))
        if isinstance(admitted, Admitted):
            self.open.append((admitted, amount))
        return isinstance(admitted, Admitted)

    async def settle(self, number: int, actual: int, *, hands_over: bool = False) -> int:
        """End a request with at most what it reserved. Returns what it took."""
        hold, reserved = self.open.pop(number % len(self.open))
        actual = min(actual, reserved)
        if isinstance(hold, FastHold):
            if not hands_over:
                self.path.settle(hold, (actual, actual, actual, 0, 1))
                return actual
            self.path.hand_over(hold)
            hold = self.admission.adopt(hold.request, self.limits, hold.holds(), hold.standings())
        await hold.settle(Amounts(actual, actual, 0))
        return actual

    async def extend(self, number: int, more: int) -> None:
        """A request goes on at a dearer target, if that fits."""
        hold, reserved = self.open[number % len(self.open)]
        if isinstance(hold, FastHold):
            self.path.hand_over(hold)
            hold = self.admission.adopt(hold.request, self.limits, hold.holds(), hold.standings())
            self.open[number % len(self.open)] = hold, reserved
        if await hold.begin_attempt((), Estimate(Amounts(reserved + more, reserved + more, 0))) is None:
            self.open[number % len(self.open)] = hold, reserved + more


CAP = 20_000


class Run:
    """Three workers whose requests, looks and deaths come in any order; what was spent is added up beside them."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.clock = Clock()
        self.store = Store(self.clock)
        self.workers = [Worker(self.store, self.clock, budget(CAP)) for _ in range(3)]
        self.key = self.workers[0].limits[0].key_at(NOON)
        self.spent = 0
        self.has_lost = False
        self.names = map("r%d".__mod__, count())

    async def burst(self, worker: Worker) -> None:
        amount = self.draw(st.sampled_from([1, 7, 90]))
        for _ in range(self.draw(st.integers(1, 3 * BUSY))):
            await worker.reserve(next(self.names), amount)

    async def look(self, worker: Worker) -> None:
        """Requests come while the store is asked."""
        meanwhile = self.draw(st.integers(0, 20))

        def come() -> None:
            for _ in range(meanwhile):
                worker.reserve_at_once(next(self.names), 90)

        self.store.meanwhile = come
        await (worker.counters.look_early() if self.draw(st.booleans()) else worker.counters.look())
        self.store.meanwhile = None

    async def settle(self, worker: Worker) -> None:
        for _ in range(self.draw(st.integers(0, len(worker.open)))):
            actual, hands_over = self.draw(st.integers(0, 100)), self.draw(st.booleans())
            self.spent += await worker.settle(0, actual, hands_over=hands_over)

    async def extend(self, worker: Worker) -> None:
        if worker.open:
            await worker.extend(self.draw(st.integers(0, 9)), self.draw(st.integers(0, 200)))

    async def wait(self, worker: Worker) -> None:
        self.clock.let_pass(self.draw(st.sampled_from([0.1, 0.9, 5])))

    async def fall(self, worker: Worker) -> None:
        self.store.is_down = not self.store.is_down

    async def die(self, worker: Worker) -> None:
        """Its requests have spent what they held: nobody will tell the store, which knows of its leases alone."""
        if not self.has_lost:
            self.spent += sum(amount for _, amount in worker.open)
            self.workers.remove(worker)
            self.has_lost = True

    def check(self) -> None:
        held = sum(amount for each in self.workers for _, amount in each.open)
        usage = self.store.reservations.usage(self.key)
        assert self.spent + held <= usage.settled + usage.reserved <= CAP

    async def finish(self) -> None:
        self.store.is_down = False
        for worker in self.workers:
            while worker.open:
                self.spent += await worker.settle(0, 50)
            await worker.counters.stop()
        if not self.has_lost:
            assert self.store.reservations.usage(self.key) == (self.spent, 0)
            return
        self.clock.let_pass(60)
        await self.store.lose(0)
        settled, reserved = self.store.reservations.usage(self.key)
        assert reserved == 0
        assert self.spent <= settled <= CAP


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_nobody_overspends_in_any_order_of_workers(data: st.DataObject) -> None:
    async def any_order() -> None:
        run = Run(data.draw)
        steps = [run.burst, run.burst, run.look, run.look, run.settle, run.extend, run.wait, run.fall, run.die]
        for _ in range(data.draw(st.integers(5, 60))):
            await data.draw(st.sampled_from(steps))(data.draw(st.sampled_from(run.workers)))
            run.check()
        await run.finish()

    asyncio.run(any_order())


async def test_far_from_the_limit_no_request_asks_the_store() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(10**9))
    for number in range(2 * BUSY):
        assert await worker.reserve(f"a{number}", 10)
        await worker.settle(0, 10)
    assert worker.fast == 0
    for turn in range(20):
        await worker.counters.look()
        before = store.calls
        for number in range(2 * BUSY):
            assert await worker.reserve(f"b{turn}-{number}", 10)
            await worker.settle(0, 10)
        assert store.calls == before
        clock.let_pass(0.4)
    assert worker.fast == 20 * 2 * BUSY
    await worker.counters.stop()
    assert store.reservations.usage(worker.limits[0].key_at(NOON)) == (21 * 2 * BUSY * 10, 0)
    assert store.reservations.open_count == 0


async def test_a_burst_gets_its_slice_before_the_next_look() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(10**9), rate(10**9))
    await worker.counters.look()
    for number in range(4000):
        assert await worker.reserve(f"a{number}", 10)
        await worker.settle(0, 10)
        clock.let_pass(0.0001)
        if worker.counters._short.is_set():
            worker.counters._short.clear()
            await worker.counters.look_early()
    assert worker.fast >= 3900
    assert store.calls < 300
    await worker.counters.stop()
    assert store.reservations.usage(worker.limits[0].key_at(NOON)) == (4000 * 10, 0)


async def test_a_slice_that_runs_out_is_renewed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_counters, "_TICK", 3600.0)
    clock = Clock()
    worker = Worker(Store(clock), clock, budget(10**9))
    worker.counters.start()
    await worker.counters.look()
    for number in range(BUSY):
        assert await worker.reserve(f"a{number}", 10)
    while not worker.reserve_at_once("b", 10):  # noqa: ASYNC110 (nothing tells it)
        await asyncio.sleep(0)
    await worker.counters.stop()


async def test_near_the_limit_bursts_are_not_looked_at_each_time() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(CAP))
    await worker.counters.look()
    asked = CAP // 10 - 2 * BUSY
    for number in range(asked):
        assert await worker.reserve(f"a{number}", 10)
        await worker.settle(0, 10)
        await worker.counters.look_early()
    # From here on a slice would be of fewer requests than it is worth.
    looked = store.calls
    for number in range(2 * BUSY):
        await worker.reserve(f"b{number}", 10)
        await worker.settle(0, 10)
        await worker.counters.look_early()
    assert store.calls - looked <= 2 * 2 * BUSY + 2
    await worker.counters.stop()
    assert store.reservations.usage(worker.limits[0].key_at(NOON)) == (CAP, 0)


async def test_nearly_all_of_a_budget_can_be_used() -> None:
    clock = Clock()
    store = Store(clock)
    workers = [Worker(store, clock, budget(CAP)) for _ in range(4)]
    refused = number = 0
    while refused < 8:
        for worker in workers:
            for _ in range(BUSY * 2):
                number += 1
                if await worker.reserve(f"r{number}", 10):
                    await worker.settle(0, 10)
                else:
                    refused += 1
            await worker.counters.look()
        clock.let_pass(0.3)
    assert sum(worker.fast for worker in workers) > 100
    usage = store.reservations.usage(workers[0].limits[0].key_at(NOON))
    assert usage.settled >= 0.99 * CAP


async def test_a_slice_is_not_spent_after_its_life() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(10**9))
    for number in range(2 * BUSY):
        await worker.reserve(f"a{number}", 10)
    await worker.counters.look()
    clock.let_pass(0.99)
    assert worker.path.reserve(FastHold(), "b", (10, 10, 10, 0, 1))
    clock.let_pass(0.02)
    assert not worker.path.reserve(FastHold(), "c", (10, 10, 10, 0, 1))


async def test_a_first_try_that_was_given_back_meanwhile_stays_refused() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(1000))
    for number in range(2 * BUSY):
        await worker.reserve(f"a{number}", 1)
    await worker.counters.look()
    hold = Hold(worker.limits[0].key_at(NOON), worker.limits[0].limit, 1)
    refused, closed, reserve = Exceeded(hold, 0, 0, None, ()), ("b", 1), store.reserve
    await reserve(closed, [hold])
    await store.release(closed)
    tries = 0

    async def lose_the_answer(reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        nonlocal tries
        tries += reservation == closed
        return refused if reservation == closed and tries == 1 else await reserve(reservation, holds)

    store.reserve = lose_the_answer  # type: ignore[method-assign]
    assert await worker.counters.reserve(closed, [hold]) is refused
    assert tries == 2


async def test_a_store_that_is_down_ends_slices() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(10**9))
    for number in range(2 * BUSY):
        await worker.reserve(f"a{number}", 10)
    await worker.counters.look()
    store.is_down = True
    await worker.counters.look()
    assert not worker.path.reserve(FastHold(), "b", (10, 10, 10, 0, 1))
    with pytest.raises(CountersUnavailable):
        await worker.counters.reserve(("c", 1), [Hold(worker.limits[0].key_at(NOON), worker.limits[0].limit, 10)])


async def test_a_changed_limit_has_a_slice_of_its_own() -> None:
    clock = Clock()
    store = Store(clock)
    worker = Worker(store, clock, budget(10**9))
    for number in range(2 * BUSY):
        await worker.reserve(f"a{number}", 10)
    await worker.counters.look()
    lowered = worker.counters.fast_path([Applied(budget(100))], clock.read)
    assert lowered is not None
    assert not lowered.reserve(FastHold(), "b", (10, 10, 10, 0, 1))
    while worker.open:
        await worker.settle(0, 10)
    await worker.counters.look()
    assert store.reservations.usage(worker.limits[0].key_at(NOON)) == (2 * BUSY * 10, 0)
    assert not lowered.reserve(FastHold(), "c", (10, 10, 10, 0, 1))
