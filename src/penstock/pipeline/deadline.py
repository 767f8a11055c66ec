"""The time limits of one attempt, and the failure when an attempt exceeds a limit."""

from __future__ import annotations

import math

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.walk import Attempt


class AttemptDeadlines(msgspec.Struct, frozen=True):
    """The limits of one attempt. ``first_token`` is the moment (monotonic clock, seconds) by which a stream must have
    its first content, None for no limit."""

    limits: Limits
    first_token: float | None = None


def attempt_deadlines(route: TargetRoute, step: Attempt, now: float, *, streams: bool) -> AttemptDeadlines:
    """The limits of an attempt that starts at ``now``: the target's limits, cut to the time left for the request."""
    limits, timeouts = route.limits, route.target.timeouts
    first_token = timeouts.first_token if streams else None
    until = step.until - now
    if until < (limits.first_byte or math.inf):
        limits = shortened(limits, first_byte=max(until, 0.001))
    if first_token is not None and first_token < (limits.first_byte or math.inf):
        limits = shortened(limits, first_byte=first_token)
    over = step.over - now
    if over < (limits.total or math.inf):
        limits = shortened(limits, total=max(over, 0.001))
    return AttemptDeadlines(limits, None if first_token is None else now + first_token)


def shortened(limits: Limits, *, first_byte: float | None = None, total: float | None = None) -> Limits:
    """A copy of the limits with the given limits replaced."""
    changes = {"first_byte": first_byte, "total": total}
    return msgspec.structs.replace(limits, **{name: value for name, value in changes.items() if value is not None})


def timed_out(route: TargetRoute, failure: Failure) -> Failure:
    """The failure; a timeout caused by the caller's ``request_timeout`` gets Portkey's message
    (docs/portkey.md#request-timeout)."""
    limit = route.target.request_timeout
    if failure.kind is not Kind.FIRST_BYTE_TIMEOUT or limit is None:
        return failure
    text = f"Request exceeded the timeout sent in the request: {limit:g}ms"
    return Failure(Kind.FIRST_BYTE_TIMEOUT, text, plain=text, sent=failure.sent)
