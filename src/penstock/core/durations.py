"""Seconds in the units that rows and log lines have them in."""

from __future__ import annotations


def microseconds(seconds: float) -> int:
    """Seconds, of a span or since 1970, as whole microseconds: the nearest number. They are never negative, which makes
    this a tenth of what ``round`` costs."""
    return int(seconds * 1_000_000 + 0.5)


def milliseconds(seconds: float) -> float:
    """Seconds as milliseconds, to the microsecond."""
    return int(seconds * 1_000_000 + 0.5) / 1000
