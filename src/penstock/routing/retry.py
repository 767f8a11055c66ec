"""Whether the same target is tried again, and after what wait (docs/portkey.md#retries), or the next of a fallback.

Plain functions of an attempt's outcome.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind, RetrySafety
from penstock.core.http import Headers
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.plan import Fallback, RetryPolicy

LONGEST_WAIT: Final = 60.0
"""The limit of the sum of a request's Retry-After waits, in seconds (docs/portkey.md#retry-after)."""
_LONGEST_BACKOFF: Final = 16.0
_SHORT: Final = 10.0
"""The longest Retry-After that is used if the config doesn't set ``use_retry_after_header``, in seconds."""
_HOPELESS: Final = frozenset({ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER, ErrorClass.QUOTA})
"""Errors that the same target would return again."""
_ASKING: Final = frozenset({429, 503})
"""The statuses with which Retry-After says how long to stay away (RFC 6585, 4; RFC 9110, 15.6.4)."""
_SPENT: Final = -1


class RetryAfter(msgspec.Struct, frozen=True):
    """Try the same target again after ``seconds``. ``requested`` is the provider's Retry-After, 0 for a backoff."""

    seconds: float
    requested: float = 0.0


class StopRetrying(msgspec.Struct, frozen=True):
    """Don't try the same target again. ``count`` is the value of ``x-portkey-retry-attempt-count``: the retries made,
    or -1 if the last outcome could still be retried (docs/portkey.md#retry-count). ``why`` is a note for the trace."""

    count: int
    why: str = ""


def matches(codes: frozenset[int], outcome: Outcome) -> bool:
    """Whether the status codes include the outcome's status. An unreachable provider also counts as 500
    (docs/portkey.md#network-failures)."""
    return outcome.status in codes or (outcome.is_network and 500 in codes)


def decide(
    policy: RetryPolicy | None, outcome: Outcome, tries: int, waited: float, chance: float, *, alternative: bool
) -> RetryAfter | StopRetrying:
    """Whether an attempt is retried, and after which wait.

    ``tries`` is the number of retries so far, ``waited`` the sum of the Retry-After waits so far (seconds), ``chance``
    a random number from 0 to 1. ``alternative`` says whether the request can go to another target.
    """
    if policy is None or not policy.attempts:
        return StopRetrying(0)
    if outcome.judged:
        return _after_verdict(policy, outcome, tries)
    if not _is_retriable(policy, outcome):
        return StopRetrying(tries)
    if alternative and outcome.is_silence:
        return StopRetrying(tries, "silent")
    if tries >= policy.attempts:
        return StopRetrying(_SPENT, "attempts spent")
    backoff = min(2.0**tries, _LONGEST_BACKOFF) * (0.8 + 0.4 * chance)
    requested = outcome.retry_after if outcome.status in _ASKING else None
    if requested is None or policy.use_retry_after is False:
        return RetryAfter(backoff)
    if policy.use_retry_after is None:
        return RetryAfter(max(requested, backoff) if requested <= _SHORT else backoff)
    if requested >= LONGEST_WAIT or requested > LONGEST_WAIT - waited:
        return StopRetrying(_SPENT, f"told to wait {requested:g}s")
    return RetryAfter(requested, requested)


def _after_verdict(policy: RetryPolicy, outcome: Outcome, tries: int) -> RetryAfter | StopRetrying:
    """Whether a target is asked again because guards judged its answer: at once, if the rule lists the status."""
    if outcome.status not in policy.on_status_codes:
        return StopRetrying(tries)
    return RetryAfter(0.0) if tries < policy.attempts else StopRetrying(_SPENT, "attempts spent")


def _is_retriable(policy: RetryPolicy, outcome: Outcome) -> bool:
    failure = outcome.failure
    if failure is None or outcome.committed or outcome.error in _HOPELESS or outcome.status == _LOOP:
        return False
    safety = failure.meaning.retry
    if safety is RetrySafety.UNSENT:
        return True
    if safety is RetrySafety.NEVER:
        return False
    return outcome.error in policy.on_error or matches(policy.on_status_codes, outcome)


def retry_after(headers: Headers, now: datetime.datetime) -> float | None:
    """The wait that response headers ask for, in seconds: the first of ``retry-after-ms``, ``x-ms-retry-after-ms``
    (both in milliseconds) and ``retry-after`` (seconds or an HTTP date, RFC 9110, 10.2.3). ``now`` has a time zone.
    """
    fields = dict(headers)
    for name in (b"retry-after-ms", b"x-ms-retry-after-ms"):
        milliseconds = _number(fields.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    value = fields.get(b"retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return _until(value, now) if seconds is None else seconds


def _number(value: bytes | None) -> float | None:
    return min(float(value), _LONGEST) if value is not None and _SECONDS.fullmatch(value.strip()) else None


_SECONDS: Final = re.compile(rb"\d{1,300}(?:\.\d{1,300})?")
_LONGEST: Final = 1e9
"""What any longer wait counts as, in a header's unit."""


def _until(value: bytes, now: datetime.datetime) -> float | None:
    from email.utils import parsedate_to_datetime  # dates are rare here, and every start would pay for it

    try:
        moment = parsedate_to_datetime(value.decode("latin-1"))
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - now).total_seconds())


_FINAL_KINDS: Final = frozenset({Kind.SHUTTING_DOWN, Kind.LOOP_DETECTED, Kind.NO_MATCHING_TARGET})
_LOOP: Final = 508
"""What a gateway answers, this one or another on the way, to a request that has passed too many gateways
(RFC 5842, 7.2). Another attempt would go round once more."""


def is_final(failure: Failure | None) -> bool:
    """Whether a failure is caused by the gateway or the request itself, so that every other target would fail, too."""
    return failure is not None and failure.kind in _FINAL_KINDS


def ends_walk(outcome: Outcome) -> bool:
    """Whether no further attempt may follow, of this target or another."""
    return outcome.committed or is_final(outcome.failure) or outcome.status == _LOOP


def leads_on(plan: Fallback, outcome: Outcome) -> bool:
    """Whether a fallback goes on to its next target (docs/portkey.md#fallback)."""
    lists_none = plan.on_status_codes is None and plan.on_error is None
    if lists_none and outcome.ok:
        return False
    if ends_walk(outcome) or outcome.error in plan.return_on_error:
        return False
    if lists_none:
        return True
    by_class = plan.on_error is not None and outcome.error is not None and outcome.error in plan.on_error
    return by_class or (plan.on_status_codes is not None and matches(plan.on_status_codes, outcome))
