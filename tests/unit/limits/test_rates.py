"""Sliding windows never admit more than their value, fixed ones up to twice as much across a boundary."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limiting import NOON, concurrency, rate
from penstock.limits.rates import FixedWindow, Gauge, RateCounter, SlidingWindow, SubBucket, rate_counter
from penstock.limits.windows import RATE_UNITS, SECOND, RateWindow

UNITS = sorted(RATE_UNITS)
SMALL = RateWindow(100, 10)


def most_in_any_window(admitted: list[int], length: int) -> int:
    """The most moments that lie in one stretch of ``length``, open at its beginning."""
    inside: deque[int] = deque()
    most = 0
    for moment in admitted:
        inside.append(moment)
        while inside[0] <= moment - length:
            inside.popleft()
        most = max(most, len(inside))
    return most


def admitted_under_load(counter: RateCounter, value: int, length: int, windows: int, seed: int) -> list[int]:
    """When requests are admitted of a load of ten times the value, at random moments."""
    chance = random.Random(seed)
    moments = sorted(NOON + chance.randrange(windows * length) for _ in range(10 * value * windows))
    admitted = []
    for now in moments:
        if counter.fits(1, value, now):
            counter.take(1, now)
            admitted.append(now)
    return admitted


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("value", [1, 7, 100])
def test_no_sliding_window_has_more_than_its_value(unit: str, value: int) -> None:
    length = RATE_UNITS[unit].length
    admitted = admitted_under_load(SlidingWindow(RATE_UNITS[unit]), value, length, 3, value)
    assert most_in_any_window(admitted, length) <= value


@pytest.mark.parametrize("unit", UNITS)
def test_at_steady_load_nearly_all_of_the_value_is_used(unit: str) -> None:
    """Over 40 windows, so that the first one, which begins empty, doesn't decide."""
    length = RATE_UNITS[unit].length
    admitted = admitted_under_load(SlidingWindow(RATE_UNITS[unit]), 200, length, 40, 1)
    assert len(admitted) >= 0.95 * 200 * 40
    assert most_in_any_window(admitted, length) <= 200


def test_a_fixed_window_admits_twice_its_value_across_its_boundary() -> None:
    length = RATE_UNITS["rpm"].length
    counter = rate_counter(rate(10, sliding=False))
    boundary = NOON + length
    admitted = []
    for now in [boundary - 1] * 15 + [boundary] * 15:
        if counter.fits(1, 10, now):
            counter.take(1, now)
            admitted.append(now)
    assert most_in_any_window(admitted, length) == 20


STEPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.integers(-12, 5)), max_size=60)


@given(STEPS)
def test_amounts_in_any_window_stay_within_the_value(steps: list[tuple[int, int, int]]) -> None:
    """Against a log of each amount: never more than the value, and refused only what the log with amounts that stay one
    sub-bucket longer refuses, too."""
    counter, now, log = SlidingWindow(SMALL), 1000, deque[tuple[int, int]]()
    for pause, amount, _ in steps:
        now += pause
        exact = sum(taken for moment, taken in log if moment > now - 100)
        longer = sum(taken for moment, taken in log if moment > now - 110)
        fits = counter.fits(amount, 20, now)
        if fits:
            assert exact + amount <= 20
            counter.take(amount, now)
            log.append((now, amount))
        else:
            assert longer + amount > 20


@given(STEPS)
def test_after_the_wait_the_amount_fits_and_a_moment_before_it_does_not(steps: list[tuple[int, int, int]]) -> None:
    for window in (SMALL, RateWindow(100, 10, sliding=False)):
        counter = SlidingWindow(SMALL) if window.sliding else FixedWindow(window)
        now = 1000
        for pause, amount, correction in steps:
            now += pause
            if counter.fits(amount, 20, now):
                counter.settle(counter.take(amount, now), amount, max(0, amount + correction))
                continue
            wait = counter.wait(amount, 20, now)
            assert wait is not None
            assert 0 < wait <= 100
            if wait > 1:
                assert not counter.fits(amount, 20, now + wait - 1)
            assert counter.fits(amount, 20, now + wait)
            now += wait


def test_what_is_larger_than_the_value_never_fits() -> None:
    for counter in (SlidingWindow(SMALL), FixedWindow(SMALL)):
        assert not counter.fits(21, 20, 1000)
        assert counter.wait(21, 20, 1000) is None


def test_an_overrun_blocks_until_it_slides_out() -> None:
    counter = SlidingWindow(SMALL)
    assert counter.fits(10, 20, 1000)
    mark = counter.take(10, 1000)
    counter.settle(mark, 10, 45)
    assert counter.used == 45
    assert not counter.fits(0, 20, 1099)
    assert counter.fits(20, 20, 1100)
    assert counter.used == 0


def test_an_underrun_returns_at_once() -> None:
    counter = SlidingWindow(SMALL)
    mark = counter.take(20, 1000)
    assert not counter.fits(1, 20, 1001)
    counter.settle(mark, 20, 5)
    assert counter.fits(15, 20, 1001)


@pytest.mark.parametrize("actual", [0, 5, 50])
def test_what_has_left_the_window_is_not_corrected(actual: int) -> None:
    sliding, fixed = SlidingWindow(SMALL), FixedWindow(SMALL)
    for counter in (sliding, fixed):
        assert counter.fits(10, 20, 1000)
        mark = counter.take(10, 1000)
        assert counter.fits(20, 20, 1100)
        later = counter.take(7, 1100)
        counter.settle(mark, 10, actual)
        assert counter.used == 7
        counter.settle(later, 7, actual)
        assert counter.used == actual


def test_a_clock_that_steps_back_frees_nothing() -> None:
    counter = SlidingWindow(SMALL)
    counter.take(20, 1000)
    assert not counter.fits(1, 20, 900)
    assert counter.wait(1, 20, 900) == 100
    counter.take(0, 900)
    assert not counter.fits(1, 20, 1099)
    assert counter.fits(1, 20, 1100)
    fixed = FixedWindow(SMALL)
    assert fixed.fits(20, 20, 1000)
    fixed.take(20, 1000)
    assert not fixed.fits(1, 20, 900)


def test_what_fits_waits_hardly() -> None:
    assert SlidingWindow(SMALL).wait(5, 20, 1000) == 1


def test_a_ring_stays_small() -> None:
    counter = SlidingWindow(SMALL)
    for now in range(1000, 3000):
        assert counter.fits(0, 20, now)
        mark = counter.take(0, now)
        assert isinstance(mark, SubBucket)
    assert len(counter._ring) <= 11


def test_resets_and_idleness() -> None:
    counter = SlidingWindow(SMALL)
    assert (counter.resets_in(1000), counter.is_idle(1000)) == (0, True)
    counter.take(1, 1000)
    assert counter.resets_in(1030) == 70
    assert [counter.is_idle(1099), counter.is_idle(1100)] == [False, True]
    fixed = FixedWindow(SMALL)
    assert fixed.fits(1, 1, 1030)
    fixed.take(1, 1030)
    assert fixed.resets_in(1030) == 70
    assert [fixed.is_idle(1099), fixed.is_idle(1100)] == [False, True]


def test_what_a_store_keeps_of_a_window_is_the_window() -> None:
    counter = SlidingWindow(SMALL)
    for now in (1000, 1007, 1055):
        counter.take(2, now)
    kept = counter.parts()
    assert [(part.amount, part.ends) for part in kept] == [(4, 1107), (2, 1155)]
    restored = SlidingWindow(SMALL)
    restored.restore(kept)
    assert (restored.used, restored.parts()) == (6, kept)
    assert restored.fits(4, 6, 1107)


def test_concurrency_comes_back() -> None:
    gauge = rate_counter(concurrency())
    assert isinstance(gauge, Gauge)
    gauge.take(1, 0)
    gauge.take(1, 0)
    assert not gauge.fits(1, 2, 10**12)
    assert gauge.wait(1, 2, 0) is None
    gauge.settle(None, 1, 0)
    assert gauge.fits(1, 2, 0)
    gauge.settle(None, 1, 1)
    assert gauge.is_idle(0)


def test_kinds_of_counters() -> None:
    assert isinstance(rate_counter(rate()), SlidingWindow)
    assert isinstance(rate_counter(rate(sliding=False)), FixedWindow)
    assert RATE_UNITS["rps"].length == SECOND
