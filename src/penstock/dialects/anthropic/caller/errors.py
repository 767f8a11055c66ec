"""Errors for callers of Anthropic's wire: the gateway's own, a translated provider's, and either within a stream.

Clients act on what they read here: on the status, on ``x-should-retry``, and on the words of a prompt that is too long,
by which they shorten the conversation. Sources: Claude docs, "Errors"; Anthropic's SDKs, ``_should_retry``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.http import Headers
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import VendorError, read_vendor_error, without_organisation
from penstock.dialects.anthropic.provider.events import ERROR_STATUS
from penstock.dialects.anthropic.relay.judge import has_error_shape
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.caller_errors import CallerErrors, ErrorReply, ProviderReply, TargetError
from penstock.dialects.error_texts import beside, words
from penstock.dialects.prompt_length import told_length
from penstock.dialects.provider_errors import read_error

_TYPES: Final[Mapping[int, str]] = {
    **{status: kind for kind, status in ERROR_STATUS.items()},
    408: "timeout_error",
    409: "conflict_error",
    501: "not_supported",
    503: "overloaded_error",
}
"""The type of an error by its status. Every other one below 500 is the caller's, above it the provider's."""
_OWN_TYPES: Final = frozenset({*_TYPES.values(), "not_supported_error"})
_NOT_RETRIED: Final = frozenset({401, 501})
_QUOTA: Final = frozenset({"insufficient_quota", "billing_error", "usage_limit_reached"})
_UNSUPPORTED_STATUS: Final = 501
_TEXT_LIMIT: Final = 4096
"""Characters of a body that is no JSON that are told."""
TOO_LONG: Final = "Input is too long."
"""What is told where the lengths are not."""


def error_type(status: int) -> str:
    """Anthropic's word for an error of this status."""
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _body(kind: str, message: str, trace_id: str, more: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    return write_json({"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": trace_id})


def _event(kind: str, message: str, trace_id: str) -> bytes:
    return _as_event(_body(kind, message, trace_id))


def _as_event(body: bytes) -> bytes:
    # Clients go by the name of an event; they pass over one without a name.
    return b"event: error\ndata: " + body + b"\n\n"


def _headers(trace_id: str, code: str, *, is_final: bool) -> Headers:
    headers: Headers = [(b"content-type", JSON), (b"request-id", trace_id.encode("latin-1", "replace"))]
    if code:
        headers.append((b"x-penstock-error", code.encode("latin-1", "replace")))
    if is_final:
        headers.append((b"x-should-retry", b"false"))
    return headers


# The gateway's own.


def _failure(failure: Failure, trace_id: str) -> ErrorReply:
    status = _UNSUPPORTED_STATUS if failure.kind is Kind.UNSUPPORTED_OPERATION else failure.status
    headers = [*_headers(trace_id, failure.kind.value, is_final=status in _NOT_RETRIED), NO_STORE]
    if isinstance(failure, LimitFailure):
        headers += failure.headers
        kind = "billing_error" if failure.kind is Kind.BUDGET_EXCEEDED else error_type(status)
        more = {
            "code": failure.code or failure.kind.value,
            **({"penstock": failure.penstock} if failure.penstock else {}),
        }
        return ErrorReply(status, headers, _body(kind, words(failure), trace_id, more))
    kind = "permission_error" if failure.kind is Kind.MODEL_NOT_ALLOWED else error_type(status)
    return ErrorReply(status, headers, _body(kind, words(failure), trace_id))


def _failure_event(failure: Failure, trace_id: str) -> bytes:
    return _event(error_type(failure.status), words(failure), trace_id)


# A provider's.


def _provider(reply: ProviderReply, trace_id: str) -> ErrorReply:
    vendor_error = read_vendor_error(read_json_or_none(reply.body))
    status = reply.status
    if reply.error.error is ErrorClass.CONTEXT_LENGTH:
        status = 400
    kind = _kind(vendor_error, status, reply.error.error)
    message = _message(vendor_error, reply.body, reply.provider, reply.error.error)
    is_final = status in _NOT_RETRIED or kind == "billing_error"
    headers = _headers(trace_id, "", is_final=is_final)
    headers += [(name, value) for name, value in reply.headers if name == b"retry-after"]
    return ErrorReply(status, headers, _body(kind, message, trace_id))


def _kind(vendor_error: VendorError, status: int, error: ErrorClass | None) -> str:
    """The provider's own word where it is one of Anthropic's for this status, else that of the status."""
    if error is ErrorClass.QUOTA or vendor_error.code in _QUOTA or vendor_error.type in _QUOTA:
        return "billing_error"
    if vendor_error.type in _OWN_TYPES and ERROR_STATUS.get(vendor_error.type, status) == status:
        return vendor_error.type
    return error_type(status)


def _message(vendor_error: VendorError, body: bytes, provider: str, error: ErrorClass | None) -> str:
    if error is ErrorClass.CONTEXT_LENGTH:
        return too_long(vendor_error.message or body[:_TEXT_LIMIT].decode("utf-8", "replace"))
    if vendor_error.message:
        return without_organisation(vendor_error.message)
    text = body[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
    return without_organisation(f"Invalid response received from {provider}: {text or 'an empty body'}")


def too_long(text: str) -> str:
    """The words by which clients know that the prompt is too long, with length and limit where both are told."""
    length = told_length(text)
    return TOO_LONG if length is None else f"prompt is too long: {length.tokens} tokens > {length.limit} maximum"


def _provider_event(fail: Fail, provider: str, trace_id: str) -> bytes:
    status = fail.status if 400 <= fail.status < 600 else ERROR_STATUS.get(fail.type, 500)
    members: dict[str, Any] = {"message": fail.message, "type": fail.type or None, "code": fail.code or None}
    error = read_error(status if status < 500 else 400, write_json({"error": members})).error
    vendor_error = VendorError(fail.message, fail.type or None, None, fail.code or None)
    if error is ErrorClass.CONTEXT_LENGTH:
        status = 400
    return _event(_kind(vendor_error, status, error), _message(vendor_error, fail.raw, provider, error), trace_id)


def _has_shape(body: bytes) -> bool:
    return has_error_shape(read_json_or_none(body))


def _beside(decisive: TargetError, last: TargetError) -> bytes:
    """The error of an earlier target that matters, and in its message the error of the last one."""
    value = read_json(decisive.body)
    error = value["error"]
    return write_json({**value, "error": {**error, "message": beside(error["message"], decisive, last)}})


ERRORS: Final = CallerErrors(
    _failure,
    _failure_event,
    _provider,
    _provider_event,
    _as_event,
    _has_shape,
    _beside,
    denied_status=446,
    marked_status=246,
)
"""How errors are told to callers of Anthropic Messages."""
