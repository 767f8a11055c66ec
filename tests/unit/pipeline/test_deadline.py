"""The limits of an attempt: those of its target, cut to what the request has left."""

from __future__ import annotations

import math

import pytest

import calling
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.pipeline.deadline import AttemptDeadlines, attempt_deadlines, shortened, timed_out
from penstock.routing.plan import Target, Timeouts
from penstock.routing.walk import Attempt

OWN = Limits(connect=1, first_byte=20, idle=3, total=40)
NOW = 1000.0


def deadlines(
    to: Target, own: Limits = OWN, until: float = math.inf, over: float = math.inf, *, streams: bool = False
) -> AttemptDeadlines:
    return attempt_deadlines(calling.route(to, limits=own), Attempt(to, 0, until, over), NOW, streams=streams)


def test_a_request_with_all_the_time_has_its_targets_limits() -> None:
    assert deadlines(calling.target()) == AttemptDeadlines(OWN)
    assert deadlines(calling.target(request_timeout=5000.0)).limits.first_byte == 5


@pytest.mark.parametrize(
    ("until", "over", "first_byte", "total"),
    [(NOW + 5, math.inf, 5, 40), (NOW + 50, NOW + 7, 20, 7), (NOW - 1, NOW - 1, 0.001, 0.001)],
)
def test_what_the_request_has_left_cuts_them(until: float, over: float, first_byte: float, total: float) -> None:
    limits = deadlines(calling.target(), until=until, over=over).limits
    assert (limits.first_byte, limits.total) == (first_byte, total)
    assert (limits.connect, limits.idle) == (OWN.connect, OWN.idle)


def test_no_limit_is_longer_than_what_is_left() -> None:
    limits = deadlines(calling.target(), Limits(0, 0, 0, 0), NOW + 5, NOW + 7).limits
    assert (limits.first_byte, limits.total) == (5, 7)


def test_only_a_stream_has_a_first_token() -> None:
    hasty = calling.target(timeouts=Timeouts(first_token=2))
    assert deadlines(hasty).first_token is None
    streamed = deadlines(hasty, streams=True)
    assert (streamed.first_token, streamed.limits.first_byte) == (NOW + 2, 2)


def test_a_late_first_token_leaves_the_first_byte_its_limit() -> None:
    streamed = deadlines(calling.target(timeouts=Timeouts(first_token=30)), streams=True)
    assert (streamed.first_token, streamed.limits.first_byte) == (NOW + 30, OWN.first_byte)


def test_limits_are_replaced_one_by_one() -> None:
    assert shortened(OWN, total=0.0) == Limits(1, 20, 3, 0)
    assert shortened(OWN, first_byte=9) == Limits(1, 9, 3, 40)
    assert shortened(OWN) == OWN


def test_a_timeout_of_the_callers_is_told_in_the_words_that_clients_know() -> None:
    failure = Failure(Kind.FIRST_BYTE_TIMEOUT, "Too slow.", sent=True)
    own = timed_out(calling.route(calling.target(request_timeout=250.0)), failure)
    assert (own.kind, own.plain, own.sent) == (
        Kind.FIRST_BYTE_TIMEOUT,
        "Request exceeded the timeout sent in the request: 250ms",
        True,
    )
    assert timed_out(calling.route(), failure) is failure
    refused = Failure(Kind.CONNECTION_REFUSED, "No")
    assert timed_out(calling.route(calling.target(request_timeout=250.0)), refused) is refused
