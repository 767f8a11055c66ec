"""Errors for callers of OpenAI's wire: the gateway's own, and a translated provider's (docs/portkey.md#error-bodies,
#provider-errors). A provider's own body is kept under ``provider_response``.

Source: OpenAI API reference, "Error codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.http import Headers
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import VendorError, read_vendor_error, without_organisation
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.caller_errors import ErrorReply, ProviderReply, TargetError
from penstock.dialects.provider_errors import read_error

_TEXT_LIMIT: Final = 4096
"""Characters of a body without JSON (a proxy's HTML page, for example) that are forwarded."""


def own(failure: Failure, trace_id: str) -> ErrorReply:  # noqa: ARG001 (a response header names the trace)
    """The error response for the gateway's own failure."""
    headers: Headers = [(b"content-type", JSON), NO_STORE]
    if isinstance(failure, LimitFailure):
        headers += failure.headers
    return ErrorReply(failure.status, headers, error_body(failure))


def own_event(failure: Failure, trace_id: str) -> bytes:  # noqa: ARG001
    """The failure as one event of a stream that has already begun."""
    return error_event(failure)


def as_event(body: bytes) -> bytes:
    """An error's body, one line of JSON, as an event."""
    return b"data: " + body + b"\n\n"


CODES: Final[Mapping[ErrorClass | None, str]] = {
    ErrorClass.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorClass.CONTENT_FILTER: "content_filter",
}
"""OpenAI's own codes of errors that clients act on."""


def provider(reply: ProviderReply, trace_id: str) -> ErrorReply:  # noqa: ARG001
    """The error response for a translated provider's error. The HTTP status is unchanged."""
    body = translated_error(reply.status, reply.headers, reply.body, reply.provider)
    return ErrorReply(reply.status, [(b"content-type", JSON)], coded(body, CODES.get(reply.error.error)))


def coded(body: bytes, code: str | None) -> bytes:
    """An error's body with the code that clients of this wire look for; as it is without one."""
    value = None if code is None else read_json_or_none(body)
    error = value.get("error") if isinstance(value, dict) else None
    return write_json({**value, "error": {**error, "code": code}}) if value and isinstance(error, dict) else body


def provider_event(fail: Fail, provider: str, trace_id: str) -> bytes:  # noqa: ARG001
    """The event for an error in a translated stream; no ``[DONE]`` follows it."""
    body = translated_event(fail, provider)
    status = fail.status if 400 <= fail.status < 600 else 400
    return b"data: " + coded(body, CODES.get(read_error(status, body).error)) + b"\n\n"


def has_shape(body: bytes) -> bool:
    """Whether a body is an error as OpenAI writes it: an object ``error`` with a ``message``."""
    try:
        value = read_json(body)
    except ValueError:
        return False
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str) and bool(error["message"])


def beside(decisive: TargetError, last: TargetError) -> bytes:
    """The error of an earlier target that matters, and in its message the error of the last one."""
    value, vendor_error = read_json(decisive.body), read_vendor_error(_decode(last.body))
    error = value["error"] = dict(value["error"])
    error["code"] = CODES.get(decisive.error) or error.get("code")
    there = (
        f" ({decisive.path}; the last target, {last.path}, answered with status {last.status}: "
        f"{vendor_error.message or 'no message'})"
    )
    error["message"] = f"{error['message']}{there}"
    if isinstance(value.get("message"), str):
        value["message"] += there
    return write_json(value)


def error_body(failure: Failure) -> bytes:
    """OpenAI's error object and the members that Portkey's clients read (docs/portkey.md#error-bodies)."""
    meaning = failure.meaning
    error: dict[str, Any] = {
        "message": failure.message,
        "type": meaning.type,
        "param": failure.param,
        "code": None if failure.kind is Kind.FIRST_BYTE_TIMEOUT and failure.plain else _code(failure),
    }
    if isinstance(failure, LimitFailure) and failure.penstock:
        error["penstock"] = failure.penstock
    body: dict[str, Any] = {"error": error}
    if error["code"] is not None:
        body |= {"status": "failure", "message": _for_portkey(failure)}
    if failure.details:
        body["errors"] = list(failure.details)
    return write_json(body)


def _code(failure: Failure) -> str:
    return failure.code or failure.kind.value


def _for_portkey(failure: Failure) -> str:
    """The text that Portkey's clients match, with what is wrong behind it: its Node SDK shows this text alone."""
    plain = failure.plain
    if plain is None or failure.message.startswith(plain):
        return failure.message
    return f"{plain.removesuffix('.')}: {failure.message}"


def error_event(failure: Failure) -> bytes:
    """The failure as one event of a stream that has already begun; no ``[DONE]`` follows it."""
    error = {
        "message": failure.message,
        "type": failure.meaning.type,
        "param": failure.param,
        "code": _code(failure),
    }
    return as_event(write_json({"error": error}))


def translated_error(status: int, headers: Headers, body: bytes, provider: str) -> bytes:
    """The error body for the caller. The HTTP status is unchanged."""
    value = _decode(body)
    error_fields = read_vendor_error(value)
    if error_fields.type is None:
        error_fields = msgspec.structs.replace(error_fields, type=_named_by(headers))
    return _body(error_fields, value, provider, status)


def translated_event(fail: Fail, provider: str) -> bytes:
    """The error object for an error in a stream or in a reply with status 200."""
    value = _decode(fail.raw) if fail.raw else None
    error_fields = VendorError(fail.message, fail.type or None, None, fail.code or None)
    return _body(error_fields, value, provider, fail.status)


def _body(error_fields: VendorError, value: Any, provider: str, status: int) -> bytes:
    message = f"{provider} error: {error_fields.message}" if error_fields.message else _unrecognised(value, provider)
    error: dict[str, Any] = {
        "message": message,
        "type": error_fields.type,
        "param": error_fields.param,
        "code": error_fields.code,
    }
    if status and not 200 <= status < 300:
        error["status_code"] = status
    # Portkey's Node SDK shows the message beside the error object, and nothing else of the body.
    whole = {"error": error, "message": message, "provider": provider}
    if value is not None:
        whole["provider_response"] = value
    return without_organisation(write_json(whole).decode()).encode()


def _unrecognised(value: Any, provider: str) -> str:
    text = "an empty body" if value is None else write_json(value).decode()
    return f"Invalid response received from {provider}: {text[:_TEXT_LIMIT]}"


def _decode(body: bytes) -> Any:
    """The body as JSON; other text is wrapped as Portkey wraps it (docs/portkey.md#text-in-place-of-json)."""
    try:
        return read_json(body)
    except ValueError:
        return {"html-message": body[:_TEXT_LIMIT].decode("utf-8", "replace")} if body.strip() else None


def _named_by(headers: Headers) -> str | None:
    """The error type that AWS sends in a header: ``ThrottlingException`` for ``ThrottlingException:http://...``."""
    for name, value in headers:
        if name == b"x-amzn-errortype":
            return value.decode("latin-1").partition(":")[0] or None
    return None
