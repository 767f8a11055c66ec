"""Errors for callers of Gemini: the gateway's own, a translated provider's, and either within a stream.

Google's clients go by status and by its word, and wait as long as ``RetryInfo`` in the body says; they read no header.
Sources: Google Cloud, "Errors" (google.rpc.Code, google.rpc.Status); Gemini API docs, "Troubleshooting guide".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.http import Headers
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import read_vendor_error, without_organisation
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.caller_errors import CallerErrors, ErrorReply, ProviderReply, TargetError
from penstock.dialects.error_texts import beside, words
from penstock.dialects.prompt_length import told_length
from penstock.dialects.provider_errors import read_error

_WORDS: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""Google's word for an HTTP status. Every other one below 500 is the caller's, above it the provider's."""
_TOLD_AS: Final[Mapping[Kind, int]] = {
    Kind.BUDGET_EXCEEDED: 429,
    Kind.MODEL_NOT_ALLOWED: 403,
    Kind.UNSUPPORTED_OPERATION: 501,
}
"""Failures whose usual status Google's clients don't know."""
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
_TEXT_LIMIT: Final = 4096
"""Characters of a body that is no JSON that are told."""
_SECONDS: Final = re.compile(r"\d{1,6}")


def status_word(status: int) -> str:
    """Google's word for an error of this status."""
    return _WORDS.get(status, "FAILED_PRECONDITION" if status < 500 else "INTERNAL")


def _body(status: int, message: str, wait: str = "") -> bytes:
    details = {"details": [{"@type": _RETRY_INFO, "retryDelay": f"{wait}s"}]} if wait else {}
    return write_json({"error": {"code": status, "message": message, "status": status_word(status), **details}})


def _as_event(body: bytes) -> bytes:
    return b"data: " + body + b"\n\n"


def _wait(headers: Headers) -> str:
    """The seconds to wait that a header tells; empty where none does."""
    delay = next((value for name, value in headers if name == b"retry-after"), b"").decode("latin-1").strip()
    return delay if _SECONDS.fullmatch(delay) else ""


# The gateway's own.


def _status(failure: Failure) -> int:
    return _TOLD_AS.get(failure.kind, failure.status)


def _failure(failure: Failure, _trace_id: str) -> ErrorReply:
    status = _status(failure)
    headers: Headers = [(b"content-type", JSON), (b"x-penstock-error", failure.kind.value.encode()), NO_STORE]
    wait = ""
    if isinstance(failure, LimitFailure):
        headers += failure.headers
        # A client that is told how long to wait asks again and again, which doesn't help against a budget.
        wait = "" if failure.kind is Kind.BUDGET_EXCEEDED else _wait([*failure.headers])
    return ErrorReply(status, headers, _body(status, words(failure), wait))


def _failure_event(failure: Failure, _trace_id: str) -> bytes:
    return _as_event(_body(_status(failure), words(failure)))


# A provider's.


def _provider(reply: ProviderReply, _trace_id: str) -> ErrorReply:
    error = reply.error.error
    status = 400 if error is ErrorClass.CONTEXT_LENGTH else reply.status
    vendor_message = read_vendor_error(read_json_or_none(reply.body)).message
    message = _message(vendor_message, reply.body, reply.provider, error)
    wait = "" if error is ErrorClass.QUOTA else _wait(reply.headers)
    if not wait and reply.error.retry_after is not None and error is not ErrorClass.QUOTA:
        wait = f"{reply.error.retry_after:g}"
    headers: Headers = [(b"content-type", JSON)]
    headers += [(name, value) for name, value in reply.headers if name == b"retry-after"]
    return ErrorReply(status, headers, _body(status, message, wait))


def _message(message: str, body: bytes, provider: str, error: ErrorClass | None) -> str:
    text = message or body[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
    if error is ErrorClass.CONTEXT_LENGTH:
        return _too_long(text)
    if message:
        return without_organisation(message)
    return without_organisation(f"Invalid response received from {provider}: {text or 'an empty body'}")


def _too_long(text: str) -> str:
    """The words by which Google says that a prompt is too long, with both lengths where they are told."""
    length = told_length(text)
    if length is None:
        return f"The input token count exceeds the maximum number of tokens allowed. {without_organisation(text)}"
    return f"The input token count ({length.tokens}) exceeds the maximum number of tokens allowed ({length.limit})."


def _provider_event(fail: Fail, provider: str, _trace_id: str) -> bytes:
    status = fail.status if 400 <= fail.status < 600 else 500
    members: dict[str, Any] = {"message": fail.message, "type": fail.type or None, "code": fail.code or None}
    error = read_error(status if status < 500 else 400, write_json({"error": members})).error
    if error is ErrorClass.CONTEXT_LENGTH:
        status = 400
    return _as_event(_body(status, _message(fail.message, fail.raw, provider, error)))


def has_error_shape(value: Any) -> bool:
    """Whether a decoded body is an error as Google writes it."""
    error = value.get("error") if isinstance(value, dict) else None
    return (
        isinstance(error, dict)
        and type(error.get("code")) is int
        and isinstance(error.get("message"), str)
        and isinstance(error.get("status"), str)
    )


def _has_shape(body: bytes) -> bool:
    return has_error_shape(read_json_or_none(body))


def _beside(decisive: TargetError, last: TargetError) -> bytes:
    """The error of an earlier target that matters, and in its message the error of the last one."""
    value = read_json(decisive.body)
    error = value["error"]
    return write_json({**value, "error": {**error, "message": beside(error["message"], decisive, last)}})


ERRORS: Final = CallerErrors(_failure, _failure_event, _provider, _provider_event, _as_event, _has_shape, _beside)
"""How errors are told to callers of Gemini."""
