"""Whether the same target is tried again, and after what wait (docs/portkey.md#retries).

Plain functions of what happened.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind, RetrySafety
from penstock.core.http import Headers
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.plan import RetryPolicy

LONGEST_WAIT: Final = 60.0
"""Seconds that all the waits which a provider asks for may take together (docs/portkey.md#retry-after)."""
_LONGEST_BACKOFF: Final = 16.0
_SHORT: Final = 10.0
"""Seconds up to which a provider's wish is heeded by a config that says nothing about it."""
_HOPELESS: Final = frozenset({ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER})
"""The same target would say the same again."""
_ASKING: Final = frozenset({429, 503})
"""The statuses with which Retry-After says how long to stay away (RFC 6585, 4; RFC 9110, 15.6.4)."""
_SPENT: Final = -1


class RetryAfter(msgspec.Struct, frozen=True):
    """Try the same target again after this many seconds; ``asked`` of them were the provider's wish."""

    seconds: float
    requested: float = 0.0


class StopRetrying(msgspec.Struct, frozen=True):
    """Don't. ``count`` is what ``x-portkey-retry-attempt-count`` says: -1 when there is still cause to
    (docs/portkey.md#retry-count)."""

    count: int
    why: str = ""


def matches(codes: frozenset[int], outcome: Outcome) -> bool:
    """Whether a rule about status codes means this outcome. An unreachable provider also counts as 500
    (docs/portkey.md#network-failures)."""
    return outcome.status in codes or (outcome.is_network and 500 in codes)


def decide(
    policy: RetryPolicy | None, outcome: Outcome, tries: int, waited: float, chance: float, *, alternative: bool
) -> RetryAfter | StopRetrying:
    """What follows an attempt.

    ``tries`` counts the retries so far, ``waited`` the seconds spent on providers' wishes, ``chance`` is a random
    number from 0 to 1, ``alternative`` says whether another target is there to turn to.
    """
    if policy is None or not policy.attempts:
        return StopRetrying(0)
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


def _is_retriable(policy: RetryPolicy, outcome: Outcome) -> bool:
    failure = outcome.failure
    if failure is None or outcome.committed or outcome.error in _HOPELESS:
        return False
    safety = failure.meaning.retry
    if safety is RetrySafety.UNSENT:
        return True
    if safety is RetrySafety.NEVER:
        return False
    return outcome.error in policy.on_error or matches(policy.on_status_codes, outcome)


def retry_after(headers: Headers, now: datetime.datetime) -> float | None:
    """The seconds that response headers ask to wait: the first of ``retry-after-ms``, ``x-ms-retry-after-ms`` (both in
    milliseconds) and ``retry-after`` (seconds or an HTTP date, RFC 9110, 10.2.3). ``now`` is aware of its time zone.
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
    return float(value) if value is not None and _SECONDS.fullmatch(value.strip()) else None


_SECONDS: Final = re.compile(rb"\d{1,9}(?:\.\d{1,9})?")


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


def is_final(failure: Failure | None) -> bool:
    """Whether a failure is about the gateway or the request itself, so that no other target could do better."""
    return failure is not None and failure.kind in _FINAL_KINDS
