"""Which of several refusing limits a caller is told."""

from __future__ import annotations

import pytest

from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.budgets import Bucket
from penstock.limits.counters import Hold
from penstock.limits.limit import Limit
from penstock.limits.rates import RateCounter, rate_counter
from penstock.limits.tightest import tightest
from penstock.limits.windows import CalendarWindow


def full(limit: Limit, amount: int = 1) -> tuple[Hold, Bucket | RateCounter]:
    """A counter without room, and a hold in it."""
    counter: Bucket | RateCounter
    if limit.is_budget:
        counter = Bucket(limit.window_end(hold(limit).key.window_start))
        counter.settled = limit.cap
    else:
        counter = rate_counter(limit)
        counter.fits(0, limit.cap, NOON)
        counter.take(limit.cap, NOON)
    return hold(limit, amount), counter


DAY_BUDGET = full(budget(100, window=CalendarWindow("day")))
MONTH_BUDGET = full(budget(100, window=CalendarWindow("month")))
LIFETIME = full(budget(100))
MINUTE = full(rate(3))
HOUR = full(rate(9, "rph"))
NEVER = full(rate(3, kind="tokens"), 4)
BUSY = full(concurrency(2))


@pytest.mark.parametrize(
    ("tighter", "other"),
    [
        (DAY_BUDGET, HOUR),
        (MONTH_BUDGET, DAY_BUDGET),
        (LIFETIME, MONTH_BUDGET),
        (HOUR, MINUTE),
        (NEVER, HOUR),
        (MINUTE, BUSY),
        (LIFETIME, NEVER),
    ],
)
def test_what_keeps_waiting_longer_is_told(
    tighter: tuple[Hold, Bucket | RateCounter], other: tuple[Hold, Bucket | RateCounter]
) -> None:
    for order in ([tighter, other], [other, tighter]):
        assert tightest(order, (), NOON).hold is tighter[0]


def test_a_limit_with_room_is_never_told() -> None:
    room = hold(budget(100, id="room")), Bucket()
    exceeded = tightest([room, MINUTE], (), NOON)
    assert exceeded.hold is MINUTE[0]
    assert exceeded.settled == 3
    assert exceeded.wait == 60_000_000


def test_of_budgets_that_are_reset_together_the_fuller_is_told() -> None:
    half = Bucket(None)
    half.settled = 50
    emptier = hold(budget(100, id="emptier"), 60), half
    assert tightest([emptier, LIFETIME], (), NOON).hold is LIFETIME[0]
