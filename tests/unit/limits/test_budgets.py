"""The counter of a budget."""

from __future__ import annotations

from penstock.limits.budgets import ALERTED, EXHAUSTED, QUIET, Bucket


def test_what_fits() -> None:
    bucket = Bucket()
    assert bucket.fits(100, 100, 0)
    assert not bucket.fits(101, 100, 0)
    bucket.take(60, 0)
    assert bucket.fits(40, 100, 0)
    assert not bucket.fits(41, 100, 0)
    bucket.settle(None, 60, 100)
    assert not bucket.fits(0, 100, 0), "an exhausted budget refuses what costs nothing"
    assert bucket.fits(0, 101, 0), "a raised limit admits at once"


def test_a_lowered_limit_admits_nothing() -> None:
    bucket = Bucket()
    bucket.take(60, 0)
    assert not bucket.fits(0, 50, 0)


def test_each_alert_is_due_once() -> None:
    bucket = Bucket()
    bucket.settled = 80
    assert [bucket.alert(80, 100), bucket.alert(80, 100)] == [ALERTED, QUIET]
    bucket.settled = 100
    assert [bucket.alert(80, 100), bucket.alert(80, 100)] == [EXHAUSTED, QUIET]
    bucket.settled = 90
    assert bucket.alert(80, 100) == QUIET


def test_both_lines_crossed_at_once_are_one_alert() -> None:
    bucket = Bucket()
    bucket.settled = 120
    assert bucket.alert(80, 100) == EXHAUSTED
