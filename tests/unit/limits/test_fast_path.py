"""The fast path takes and settles what the general way would, and gives up whenever a limit is near."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limiting import NOON, Clock, budget, concurrency, rate
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.fast_path import FastHold, FastPath, Quantities, has_fast_path
from penstock.limits.limit import Amounts, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.refusal import BESIDE_A_PROVIDERS, rate_headers
from penstock.limits.windows import DAY, SECOND, CalendarWindow

LIMITS = (
    budget(500, window=CalendarWindow("day"), alert_at=200),
    budget(300, "tokens", direction="output"),
    rate(20, "rpm"),
    rate(400, "rps", "tokens"),
    concurrency(5),
)


def quantities(cost: int = 5, prompt: int = 3, output: int = 2) -> Quantities:
    return cost, prompt + output, prompt, output, 1


class Paths:
    """Two counters with the same limits: one asked by the fast path first, one by the general way alone."""

    def __init__(self, *limits: Limit) -> None:
        self.clock = Clock()
        self.fast, self.general = MemoryCounters(self.clock.read), MemoryCounters(self.clock.read)
        self.limits = tuple(Applied(limit) for limit in limits)
        path = self.fast.fast_path(self.limits, self.clock.read)
        assert path is not None
        self.path: FastPath = path
        self.numbers = count()
        self.open: list[tuple[FastHold | Admitted, Admitted]] = []

    def admission(self, counters: MemoryCounters) -> Admission:
        return Admission(counters, self.clock.read, counters)

    def reserve(self, amounts: Quantities) -> bool:
        """Whether the request is admitted, which both ways must say alike."""
        name, hold = f"r{next(self.numbers)}", FastHold()
        estimate = Estimate(Amounts(amounts[0], amounts[2], amounts[3]))
        other = self.admission(self.general).admit_at_once(name, self.limits, estimate)
        if self.path.reserve(hold, name, amounts):
            assert isinstance(other, Admitted)
            assert hold.standings() == other.standings
            assert hold.headers() == [*rate_headers(other.standings, BESIDE_A_PROVIDERS)]
            self.open.append((hold, other))
            return True
        mine = self.admission(self.fast).admit_at_once(name, self.limits, estimate)
        assert isinstance(mine, Admitted) is isinstance(other, Admitted)
        if isinstance(mine, Admitted) and isinstance(other, Admitted):
            self.open.append((mine, other))
            return True
        return False

    def close(self, number: int, amounts: Quantities | None, *, hands_over: bool) -> None:
        mine, other = self.open.pop(number % len(self.open))
        actual = None if amounts is None else Amounts(amounts[0], amounts[2], amounts[3])
        expected = other.close_at_once(self.general, actual)
        if isinstance(mine, FastHold):
            if amounts is not None and not hands_over:
                alerts = self.path.settle(mine, amounts)
                assert sorted(map(repr, alerts)) == sorted(map(repr, expected))
                return
            self.path.hand_over(mine)
            adopted = self.admission(self.fast).adopt(mine.request, self.limits, mine.holds(), mine.standings())
            mine = adopted
        assert sorted(map(repr, mine.close_at_once(self.fast, actual))) == sorted(map(repr, expected))

    def check(self) -> None:
        for applied in self.limits:
            key = applied.key_at(self.clock.now)
            assert self.fast.reservations.usage(key) == self.general.reservations.usage(key)
        for key, counter in self.general.reservations._counters.items():
            mine = self.fast.reservations._counters[key]
            mine.fits(0, 0, self.clock.now)
            counter.fits(0, 0, self.clock.now)
            assert (mine.used, mine.holds) == (counter.used, counter.holds)


AMOUNTS = st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(0, 40))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_requests_are_counted_as_by_the_general_way(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(LIMITS))), min_size=1, unique=True))
    paths = Paths(*[LIMITS[number] for number in chosen])
    for _ in range(data.draw(st.integers(1, 40))):
        match data.draw(st.sampled_from(["reserve", "reserve", "reserve", "close", "release", "wait", "forget"])):
            case "reserve":
                paths.reserve(quantities(*data.draw(AMOUNTS)))
            case "close" if paths.open:
                amounts = quantities(*data.draw(AMOUNTS))
                paths.close(data.draw(st.integers(0, 50)), amounts, hands_over=data.draw(st.booleans()))
            case "release" if paths.open:
                paths.close(data.draw(st.integers(0, 50)), None, hands_over=True)
            case "wait":
                paths.clock.let_pass(data.draw(st.sampled_from([0.01, 0.5, 20, 90, DAY / SECOND])))
            case "forget":
                for counters in (paths.fast, paths.general):
                    counters.forget(paths.clock.now - 2 * DAY)
            case _:
                continue
        paths.check()
    while paths.open:
        paths.close(0, quantities(), hands_over=False)
    assert all(counter.holds == 0 for counter in paths.fast.reservations._counters.values())


def test_a_limit_without_room_takes_nothing_from_the_others() -> None:
    paths = Paths(budget(100), rate(1))
    assert paths.reserve(quantities(cost=40))
    assert not paths.reserve(quantities(cost=40))
    assert paths.fast.reservations.usage(paths.limits[0].key_at(NOON)).reserved == 40


def test_a_second_settlement_does_nothing() -> None:
    paths, hold = Paths(budget(100)), FastHold()
    assert paths.path.reserve(hold, "r", quantities(cost=10))
    paths.path.settle(hold, quantities(cost=7))
    assert paths.path.settle(hold, quantities(cost=7)) == ()
    assert paths.fast.reservations.usage(paths.limits[0].key_at(NOON)) == (7, 0)


def test_a_request_settles_in_the_window_in_which_it_reserved() -> None:
    paths, hold = Paths(budget(100, window=CalendarWindow("day"))), FastHold()
    yesterday = paths.limits[0].key_at(NOON)
    assert paths.path.reserve(hold, "r", quantities(cost=10))
    paths.clock.let_pass(DAY / SECOND)
    assert paths.path.reserve(FastHold(), "s", quantities(cost=100))
    paths.path.settle(hold, quantities(cost=8))
    assert paths.fast.reservations.usage(yesterday) == (8, 0)
    assert paths.fast.reservations.usage(paths.limits[0].key_at(paths.clock.now)) == (0, 100)


def test_a_counter_that_was_forgotten_is_found_anew() -> None:
    paths, hold = Paths(rate(5)), FastHold()
    assert paths.path.reserve(hold, "r", quantities())
    paths.path.settle(hold, quantities())
    paths.clock.let_pass(200)
    assert paths.fast.forget(paths.clock.now) == 1
    assert paths.path.reserve(FastHold(), "s", quantities())
    (counter,) = paths.fast.reservations._counters.values()
    assert counter.used == 1


@pytest.mark.parametrize(
    "limit", [budget(strict=True), rate(sliding=False), budget(is_grouped=True)], ids=["strict", "fixed", "grouped"]
)
def test_some_limits_have_no_fast_path(limit: Limit) -> None:
    limits = (Applied(rate()), Applied(limit))
    assert not has_fast_path(limits)
    assert MemoryCounters(lambda: NOON).fast_path(limits, lambda: NOON) is None
    assert not has_fast_path(())
