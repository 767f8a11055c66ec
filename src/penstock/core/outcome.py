"""The outcome of one attempt: the value that is sent to the routing generator."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind, RetrySafety


class ErrorClass(Enum):
    """The class of an error, by the reaction that helps. The values are the names that ``on_error`` accepts."""

    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    """The account's money or allowance is used up: waiting doesn't help."""
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    AUTH = "auth"


DECISIVE: Final = frozenset({ErrorClass.CONTEXT_LENGTH, ErrorClass.CONTENT_FILTER})
"""Classes of errors about the request's content, which a caller can act on whatever other targets answer."""
_TIMEOUTS: Final = frozenset(
    {Kind.FIRST_BYTE_TIMEOUT, Kind.FIRST_TOKEN_TIMEOUT, Kind.IDLE_TIMEOUT, Kind.TOTAL_TIMEOUT, Kind.CONNECT_TIMEOUT}
)
_BROKEN: Final = frozenset({Kind.CONNECTION_CLOSED, Kind.TRUNCATED})
_CREDENTIALS: Final = frozenset(
    {Kind.MISSING_API_KEY, Kind.CREDENTIAL_REFUSED, Kind.VIRTUAL_KEY_EXPIRED, Kind.VIRTUAL_KEY_DISABLED}
)
_LIMITS: Final = {Kind.BUDGET_EXCEEDED: ErrorClass.QUOTA, Kind.RATE_LIMIT_EXCEEDED: ErrorClass.RATE_LIMIT}
_OUR_SIDE: Final = frozenset(
    {
        Kind.SHUTTING_DOWN,
        Kind.POOL_EXHAUSTED,
        Kind.BODIES_EXHAUSTED,
        Kind.CONNECTIONS_EXHAUSTED,
        Kind.STORE_UNAVAILABLE,
    }
)


NOT_MODIFIED: Final = 304
"""What answers a request for a thing that the caller has already, and names (``if-none-match``): no redirect."""


class Outcome(msgspec.Struct, frozen=True):
    """The result of one attempt as routing sees it.

    ``status`` is what rules about status codes are matched with: the provider's HTTP status, that of the failure's
    kind, or the one that an error event inside a 200 stands for. ``failure`` is None only for a good reply.
    ``committed`` tells whether bytes of this attempt's reply already went to the caller, after which nothing may
    replace it. ``retry_after`` is how long the provider asks to be left alone, in seconds. ``stored`` marks an answer
    that came from the cache. ``judged``: the status is the verdict of guards on an answer of the provider's, and rules
    about statuses may ask the target once more (docs/guardrails.md#retries).
    """

    status: int
    failure: Failure | None = None
    committed: bool = False
    error: ErrorClass | None = None
    retry_after: float | None = None
    stored: bool = False
    judged: bool = False

    @property
    def ok(self) -> bool:
        return self.failure is None and (200 <= self.status < 300 or self.status == NOT_MODIFIED)

    @property
    def is_silence(self) -> bool:
        """Whether the target was called and did not answer in time."""
        return self.failure is not None and self.failure.kind in _TIMEOUTS

    @property
    def is_network(self) -> bool:
        """Whether the provider sent no response at all, which Portkey reports as status 500
        (docs/portkey.md#network-failures)."""
        failure = self.failure
        return failure is not None and (failure.meaning.retry is RetrySafety.UNSENT or failure.kind in _BROKEN)


def failed(failure: Failure) -> Outcome:
    """The outcome of an attempt that brought no reply of the provider's."""
    return Outcome(failure.status, failure, error=class_of(failure))


def class_of(failure: Failure) -> ErrorClass | None:
    """The class of a failure that the gateway itself detected."""
    kind = failure.kind
    if kind in _TIMEOUTS:
        return ErrorClass.TIMEOUT
    if kind in _LIMITS:
        return _LIMITS[kind]
    if kind in _CREDENTIALS:
        return ErrorClass.AUTH
    if kind in _BROKEN or (failure.meaning.retry is RetrySafety.UNSENT and kind not in _OUR_SIDE):
        return ErrorClass.CONNECTION
    return ErrorClass.SERVER_ERROR if failure.status >= 500 else None


def class_of_status(status: int) -> ErrorClass | None:
    """The class of a provider's HTTP status, used if the body doesn't name a more precise class."""
    if status == 429:
        return ErrorClass.RATE_LIMIT
    if status == 402:
        return ErrorClass.QUOTA
    if status in {401, 403}:
        return ErrorClass.AUTH
    if status in {408, 504}:
        return ErrorClass.TIMEOUT
    return ErrorClass.SERVER_ERROR if status >= 500 else None
