"""Seconds in other units."""

from __future__ import annotations

import pytest

from penstock.core.durations import microseconds, milliseconds


@pytest.mark.parametrize(("seconds", "whole"), [(0.0, 0), (0.000_000_4, 0), (0.000_000_6, 1), (1.4, 1_400_000)])
def test_microseconds_are_the_nearest_whole_number(seconds: float, whole: int) -> None:
    assert microseconds(seconds) == whole


def test_microseconds_since_1970_are_exact() -> None:
    assert microseconds(1_796_035_874.123_456) == 1_796_035_874_123_456


def test_milliseconds_have_three_decimals() -> None:
    assert milliseconds(0.001_234_567) == 1.235
