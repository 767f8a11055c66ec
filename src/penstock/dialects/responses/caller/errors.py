"""Errors for callers of Responses: the bodies of OpenAI's wire, with the codes by which clients act, and its events.

Codex asks again after every status but 400, and stops by code: a prompt that is too long, an allowance that is used up.
Sources: OpenAI API reference, "Error codes", "Streaming events"; OpenAI's SDKs, ``_should_retry``; docs/responses.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.rfc3339 import unix_seconds
from penstock.core.vendor_error import without_organisation
from penstock.dialects.caller import JSON
from penstock.dialects.caller_errors import CallerErrors, ErrorReply, ProviderReply
from penstock.dialects.openai.caller import errors as openai
from penstock.dialects.provider_errors import read_error
from penstock.dialects.responses.caller.stream import error_event

CODES: Final[Mapping[ErrorClass | None, str]] = {
    ErrorClass.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorClass.CONTENT_FILTER: "content_filter",
    ErrorClass.QUOTA: "insufficient_quota",
    ErrorClass.RATE_LIMIT: "rate_limit_exceeded",
}
"""The codes that clients of this wire look for, by the class of an error."""
_SERVER_ERROR: Final = "server_error"
_NOT_RETRIED: Final = frozenset({401, 501})
_TOO_MANY: Final = 429
_IS_FINAL: Final = (b"x-should-retry", b"false")


def _failure(failure: Failure, trace_id: str) -> ErrorReply:
    """The gateway's own failure. A budget that is used up is told in the words by which clients stop."""
    reply = openai.own(failure, trace_id)
    if isinstance(failure, LimitFailure) and failure.kind is Kind.BUDGET_EXCEEDED:
        value = read_json(reply.body)
        error = {**value["error"], "type": "usage_limit_reached", "code": CODES[ErrorClass.QUOTA]}
        resets_at = unix_seconds(failure.penstock.get("resets_at"))
        if resets_at:
            error["resets_at"] = resets_at
        body = write_json({**value, "error": error})
        return ErrorReply(_TOO_MANY, [*reply.headers, _IS_FINAL], body)
    if reply.status in _NOT_RETRIED:
        return ErrorReply(reply.status, [*reply.headers, _IS_FINAL], reply.body)
    return reply


def _failure_event(failure: Failure, trace_id: str) -> bytes:
    return as_event(_failure(failure, trace_id).body)


def as_event(body: bytes) -> bytes:
    """An error's body, one line of JSON, as an event."""
    value = read_json_or_none(body)
    error = value.get("error") if isinstance(value, dict) else None
    error = error if isinstance(error, dict) else {}
    code, message, param = error.get("code") or error.get("type"), error.get("message"), error.get("param")
    return error_event(
        code if isinstance(code, str) else _SERVER_ERROR,
        message if isinstance(message, str) else "The answer failed.",
        param if isinstance(param, str) else None,
        error,
    )


def _provider(reply: ProviderReply, trace_id: str) -> ErrorReply:
    """A translated provider's error, with the code of this wire. A prompt that is too long is a 400."""
    body = _body_of_event(reply.body) or openai.provider(reply, trace_id).body
    status = 400 if reply.error.error is ErrorClass.CONTEXT_LENGTH else reply.status
    headers = [(b"content-type", JSON), *[each for each in reply.headers if each[0] == b"retry-after"]]
    return ErrorReply(status, headers, openai.coded(body, CODES.get(reply.error.error)))


def _body_of_event(data: bytes) -> bytes:
    """The error of an event that tells it as ``as_event`` does, as the body of a response of its own; empty for any
    other data. Such an event stands in place of an answer where an error came with a good status."""
    value = read_json_or_none(data) if _is_event(data) else None
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return b""
    return write_json({"error": error, "message": error["message"]})


def _is_event(data: bytes) -> bool:
    return b'"sequence_number"' in data


def _has_shape(body: bytes) -> bool:
    """Whether a body is an error of this wire, and no event of a stream that tells one."""
    return not _is_event(body) and openai.has_shape(body)


def _provider_event(fail: Fail, provider: str, trace_id: str) -> bytes:  # noqa: ARG001 (a response header names it)
    body = openai.translated_event(fail, provider)
    status = fail.status if 400 <= fail.status < 600 else 400
    error = openai.coded(body, CODES.get(read_error(status, body).error))
    return as_event(without_organisation(error.decode()).encode())


ERRORS: Final = CallerErrors(
    _failure,
    _failure_event,
    _provider,
    _provider_event,
    as_event,
    _has_shape,
    openai.beside,
    marked_status=246,
)
"""How errors are told to callers of Responses."""
