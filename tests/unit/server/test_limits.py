"""When a body is too late, and which limit says so."""

from __future__ import annotations

import math

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.limits import CallerLimits, advice

LIMITS = CallerLimits(body=100, body_rate=1000)


@pytest.mark.parametrize(
    ("last", "received", "due", "word"),
    [
        (0, 0, 10, "body_timeout"),
        (5, 100_000, 15, "body_timeout"),
        (9, 500, 10.5, "body_min_rate"),
        (40, 35_000, 45, "body_min_rate"),
        (99, 1_000_000, 100, "body_deadline"),
    ],
)
def test_the_nearest_limit_counts(last: float, received: int, due: float, word: str) -> None:
    assert LIMITS.body_due(1000, 1000 + last, received, 10) == 1000 + due
    failure = LIMITS.body_late(1000, 1000 + last, received, 10)
    assert failure.kind is Kind.BODY_TIMEOUT
    assert word in failure.message


def test_no_limit_but_silence() -> None:
    assert CallerLimits(body=0, body_rate=0).body_due(0, 5000, 1, 10) == 5010
    assert CallerLimits(body=0, body_rate=0).body_due(0, 5000, 1, math.inf) == math.inf


def test_failures_that_pass_say_when_to_come_again() -> None:
    assert advice(Failure(Kind.BODIES_EXHAUSTED, "Full.")) == [(b"retry-after", b"1")]
    assert advice(Failure(Kind.BODY_TOO_LARGE, "Large.")) == []
