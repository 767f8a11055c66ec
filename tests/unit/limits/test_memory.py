"""Counters in memory, beyond what every store does (tests/contract/test_counters.py)."""

from __future__ import annotations

from limiting import NOON, Clock, budget, hold, rate
from penstock.limits.limit import Amounts
from penstock.limits.memory import MemoryCounters
from penstock.limits.windows import DAY, CalendarWindow


async def test_past_windows_are_forgotten() -> None:
    clock = Clock()
    counters = MemoryCounters(clock.read)
    money = hold(budget(100, window=CalendarWindow("day")), 10)
    await counters.reserve(("r", 1), [money])
    assert counters.forget(NOON + 2 * DAY) == 0, "its window is over, but a request still holds it"
    await counters.settle(("r", 1), Amounts(10), [money])
    assert counters.forget(NOON) == 0
    assert counters.forget(NOON + 2 * DAY) == 1
    assert counters.reservations.counter_count == 0


async def test_values_are_bounded() -> None:
    counters = MemoryCounters(Clock().read, most_values=2)
    limit = budget(100, is_grouped=True)
    for number in range(10):
        await counters.reserve(("r", number), [hold(limit, 10, value=bytes([number]) * 32)])
    assert counters.reservations.counter_count == 3


async def test_a_sweep_looks_at_all_counters_some_in_each_turn() -> None:
    clock = Clock()
    counters = MemoryCounters(clock.read)
    limit = rate(3, is_grouped=True)
    for number in range(2500):
        await counters.reserve(("r", number), [hold(limit, value=number.to_bytes(32))])
        await counters.release(("r", number))
    clock.now += DAY
    assert [counters.sweep(NOON) for _ in range(3)] == [True, True, False]
    assert counters.reservations.counter_count == 0
