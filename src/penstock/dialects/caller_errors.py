"""How errors are told to callers of one wire: one value (``CallerDialect.errors``), and what it is given and gives."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from penstock.core.events import Fail
from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.core.outcome import ErrorClass
from penstock.dialects.provider_errors import ClassifiedError


class ErrorReply(msgspec.Struct, frozen=True):
    """An error for a caller: HTTP status, the header fields that the wire demands, body."""

    status: int
    headers: Headers
    body: bytes


class ProviderReply(msgspec.Struct, frozen=True):
    """A provider's error as it came, for the caller's dialect to tell in its own words.

    ``provider`` is its slug, ``error`` the class that routing gave it.
    """

    status: int
    headers: Headers
    body: bytes
    provider: str
    error: ClassifiedError


class TargetError(msgspec.Struct, frozen=True):
    """The error of one of several targets, as the caller would have been told: ``body`` is in the caller's wire,
    ``path`` is the target's place in the config, ``error`` the error's class."""

    path: str
    status: int
    body: bytes
    error: ErrorClass | None


class CallerErrors(msgspec.Struct, frozen=True):
    """How errors are told to callers of one wire. ``trace_id`` is the request's, for wires that name it in the body.

    ``failure``: the gateway's own, before anything was sent. ``event``: the same inside a stream that has begun; a
    client must not take the stream for finished. ``provider``: a provider's error that isn't in this wire's shape;
    ``provider_event``: one that a translated stream told. ``has_shape``: whether a body is an error in this wire's
    shape, which is passed on as it came. ``beside``: the body of the error that matters, and in its message the one
    that came last, from another target.
    """

    failure: Callable[[Failure, str], ErrorReply]
    event: Callable[[Failure, str], bytes]
    provider: Callable[[ProviderReply, str], ErrorReply]
    provider_event: Callable[[Fail, str, str], bytes]
    """(what the stream told, the provider's slug, trace id) -> the event"""
    as_event: Callable[[bytes], bytes]
    """An error's body, one line of JSON in this wire -> the event that tells it."""
    has_shape: Callable[[bytes], bool]
    beside: Callable[[TargetError, TargetError], bytes]
    """(the error that matters, the last error) -> the body that tells both"""
    is_whole_in_event: bool = True
    """Whether the data of an error event is all that an error says; False where header fields tell the rest."""
    denied_status: int = 400
    marked_status: int | None = None
    """The statuses of what guards deny, and of answers that they mark (None: it stays as it is). Portkey's are 446 and
    246: only clients of some wires know them (docs/guardrails.md#denials)."""
