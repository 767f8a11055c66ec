"""Errors for callers of Bedrock: the gateway's own, a translated provider's, and either within a stream.

AWS's clients know an error by a header, ``x-amzn-errortype``, in a stream by the name of its exception, and read only
the message of its body. Some names and statuses make them try again by themselves. Sources: Amazon Bedrock API
reference, "Common Errors", "Converse", "ResponseStream"; botocore, "Retries".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.http import Headers
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import read_vendor_error, without_organisation
from penstock.dialects.anthropic.caller.errors import TOO_LONG, too_long
from penstock.dialects.aws_exceptions import EXCEPTION_STATUS
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.caller_errors import CallerErrors, ErrorReply, ProviderReply, TargetError
from penstock.dialects.error_texts import beside, words
from penstock.dialects.provider_errors import read_error

ERROR_TYPE: Final = b"x-amzn-errortype"
REQUEST_ID: Final = b"x-amzn-requestid"
_TYPES: Final[Mapping[int, str]] = {
    401: "AccessDeniedException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    409: "ConflictException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    501: "UnsupportedOperationException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
"""AWS's name for an error of an HTTP status. Every other one below 500 is the caller's, above it the service's."""
_QUOTA: Final = "ServiceQuotaExceededException"
_QUOTA_STATUS: Final = 400
"""Its status at AWS, with which no client tries again: a budget isn't back in a moment."""
_EXCEPTIONS: Final[Mapping[int, str]] = {
    408: "modelStreamErrorException",
    424: "modelStreamErrorException",
    429: "throttlingException",
    502: "modelStreamErrorException",
    503: "serviceUnavailableException",
    504: "modelStreamErrorException",
    529: "serviceUnavailableException",
}
"""The exception of a stream for an error of an HTTP status; each is one that the stream's description knows."""
_BROKEN_OFF: Final = "modelStreamErrorException"
_TOLD_AS: Final[Mapping[Kind, int]] = {Kind.MODEL_NOT_ALLOWED: 403, Kind.UNSUPPORTED_OPERATION: 501}
"""Failures whose usual status AWS's clients don't know."""
_TEXT_LIMIT: Final = 4096
"""Characters of a body that is no JSON that are told."""
_INPUT_TOO_LONG: Final = "Input is too long for requested model."
"""Bedrock's own words."""


def error_type(status: int) -> str:
    """AWS's name for an error of this status."""
    return _TYPES.get(status, "ValidationException" if status < 500 else "InternalServerException")


def exception_name(status: int) -> str:
    """The exception that tells an error of this status inside a stream."""
    return _EXCEPTIONS.get(status, "validationException" if status < 500 else "internalServerException")


def _body(message: str) -> bytes:
    return write_json({"message": message})


def _event(name: str, body: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), body)


def _as_event(body: bytes) -> bytes:
    return _event(_BROKEN_OFF, body)


def _headers(kind: str, trace_id: str) -> Headers:
    identified = trace_id.encode("latin-1", "replace")
    return [(b"content-type", JSON), (ERROR_TYPE, kind.encode()), (REQUEST_ID, identified)]


# The gateway's own.


def _failure(failure: Failure, trace_id: str) -> ErrorReply:
    status = _TOLD_AS.get(failure.kind, failure.status)
    kind = error_type(status)
    if failure.kind is Kind.BUDGET_EXCEEDED:
        status, kind = _QUOTA_STATUS, _QUOTA
    headers = [*_headers(kind, trace_id), (b"x-penstock-error", failure.kind.value.encode()), NO_STORE]
    if isinstance(failure, LimitFailure):
        headers += failure.headers
    return ErrorReply(status, headers, _body(words(failure)))


def _failure_event(failure: Failure, _trace_id: str) -> bytes:
    return _event(exception_name(failure.status), _body(words(failure)))


# A provider's.


def _provider(reply: ProviderReply, trace_id: str) -> ErrorReply:
    error = reply.error.error
    status = 400 if error is ErrorClass.CONTEXT_LENGTH else reply.status
    kind = error_type(status)
    if error is ErrorClass.QUOTA:
        kind = _QUOTA
    headers = _headers(kind, trace_id)
    headers += [(name, value) for name, value in reply.headers if name == b"retry-after"]
    message = read_vendor_error(read_json_or_none(reply.body)).message
    return ErrorReply(status, headers, _body(_message(message, reply.body, reply.provider, error)))


def _message(message: str, body: bytes, provider: str, error: ErrorClass | None) -> str:
    text = message or body[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
    if error is ErrorClass.CONTEXT_LENGTH:
        words = too_long(text)
        return _INPUT_TOO_LONG if words == TOO_LONG else words
    if message:
        return without_organisation(message)
    return without_organisation(f"Invalid response received from {provider}: {text or 'an empty body'}")


def _provider_event(fail: Fail, provider: str, _trace_id: str) -> bytes:
    status = fail.status if 400 <= fail.status < 600 else 500
    named: dict[str, Any] = {"message": fail.message, "type": fail.type or None, "code": fail.code or None}
    error = read_error(status if status < 500 else 400, write_json({"error": named})).error
    name = fail.type if fail.type in EXCEPTION_STATUS else exception_name(status)
    if error is ErrorClass.CONTEXT_LENGTH:
        name = "validationException"
    return _event(name, _body(_message(fail.message, fail.raw, provider, error)))


def has_error_shape(value: Any) -> bool:
    """Whether a decoded body is an error as AWS writes it."""
    return isinstance(value, dict) and isinstance(value.get("message"), str) and not value.keys() & {"error", "output"}


def _has_shape(body: bytes) -> bool:
    return has_error_shape(read_json_or_none(body))


def _beside(decisive: TargetError, last: TargetError) -> bytes:
    """The error of an earlier target that matters, and in its message the error of the last one."""
    value = read_json(decisive.body)
    return write_json({**value, "message": beside(value["message"], decisive, last)})


ERRORS: Final = CallerErrors(
    _failure,
    _failure_event,
    _provider,
    _provider_event,
    _as_event,
    _has_shape,
    _beside,
    is_whole_in_event=False,
)
"""How errors are told to callers of Bedrock."""
