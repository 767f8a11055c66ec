"""How the counters of a request stand; and of several that refuse it, the limit that the caller is told: it keeps the
caller waiting longest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from penstock.limits.budgets import Bucket
from penstock.limits.counters import Exceeded, Hold, Standing
from penstock.limits.rates import FixedWindow, RateCounter, SlidingWindow


def standings_of(counters: Iterable[tuple[Hold, Bucket | RateCounter]], now: int) -> tuple[Standing, ...]:
    """How the rates among some counters stand."""
    standings: list[Standing] = []
    for hold, counter in counters:
        if isinstance(counter, SlidingWindow | FixedWindow):
            # A window whose time has passed is empty once it is asked.
            counter.fits(0, hold.limit.cap, now)
            standings.append(Standing(hold.limit, counter.used, counter.resets_in(now)))
    return tuple(standings)


def tightest(
    counters: Sequence[tuple[Hold, Bucket | RateCounter]], standings: tuple[Standing, ...], now: int
) -> Exceeded:
    """The answer of a call whose holds don't all fit. A budget comes before a rate: it is refused for longer, and more
    money mends it, not patience. Among budgets the one that is reset last, then the one with the least left; among
    rates one that never fits, then the longest wait. So a client that waits as long as it is told is let in."""
    refusing = [each for each in counters if not each[1].fits(each[0].amount, each[0].limit.cap, now)]
    hold, counter = max(refusing, key=lambda each: _severity(each[0], each[1], now))
    if isinstance(counter, Bucket):
        return Exceeded(hold, counter.settled, counter.reserved, None, standings)
    return Exceeded(hold, counter.used, 0, counter.wait(hold.amount, hold.limit.cap, now), standings)


def _severity(hold: Hold, counter: Bucket | RateCounter, now: int) -> tuple[bool, float, float]:
    """What sorts refusing limits: is it a budget, how long is the wait, how little is left (0 nothing, -1 all)."""
    cap = hold.limit.cap
    left = -(cap - counter.used) / cap if cap > 0 else 0.0
    if isinstance(counter, Bucket):
        return True, math.inf if counter.ends is None else counter.ends, left
    wait = counter.wait(hold.amount, cap, now)
    if wait is None:
        # Concurrency: nobody knows how long, unless the amount alone is too much.
        wait_or_never = math.inf if hold.amount > cap else 0.0
        return False, wait_or_never, left
    return False, wait, left
