"""The bucket that a request falls into."""

from __future__ import annotations

from limiting import NOON, budget, rate
from penstock.limits.applied import Applied
from penstock.limits.limit import BucketKey
from penstock.limits.windows import DAY, CalendarWindow


def test_the_bucket_changes_at_midnight_and_a_clock_that_steps_back_finds_the_old_one() -> None:
    applied = Applied(budget(window=CalendarWindow("day"), epoch=3), b"v")
    midnight = NOON - DAY // 2
    today = BucketKey("budget-cost", b"v", 3, midnight)
    assert applied.key_at(NOON) == today
    assert applied.key_at(midnight + DAY - 1) is applied.key_at(NOON)
    assert applied.key_at(midnight + DAY) == today._replace(window_start=midnight + DAY)
    assert applied.key_at(midnight) == today


def test_lifetimes_and_rates_have_one_bucket() -> None:
    for limit in (budget(), rate()):
        applied = Applied(limit)
        assert applied.key_at(0) is applied.key_at(NOON)
        assert applied.key_at(NOON).window_start == 0
