"""Errors for callers of wires in which an error is one text: Ollama's ``{"error": …}``, Cohere's ``{"message": …}``.

The gateway's own, a translated provider's, and either within a stream. Such a wire has no place for a code beside the
text, so that the gateway's codes stand in brackets behind it, and in ``x-penstock-error``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind, LimitFailure
from penstock.core.http import Headers
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.outcome import ErrorClass
from penstock.core.vendor_error import read_vendor_error, without_organisation
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.caller_errors import CallerErrors, ErrorReply, ProviderReply, TargetError
from penstock.dialects.error_texts import beside, words
from penstock.dialects.provider_errors import read_error

_TOLD_AS: Final[Mapping[Kind, int]] = {
    Kind.BUDGET_EXCEEDED: 429,
    Kind.MODEL_NOT_ALLOWED: 403,
    Kind.UNSUPPORTED_OPERATION: 501,
}
"""Failures whose usual status clients of these wires don't know."""
_TEXT_LIMIT: Final = 4096
"""Characters of a body that is no JSON that are told."""


class FlatForm(msgspec.Struct, frozen=True):
    """How one wire tells an error: ``member`` holds the text; ``names_trace``: ``id`` the request's trace. ``event``:
    an error's body -> the event that tells it; ``too_long``: a provider's words for a prompt that is too long -> the
    wire's own."""

    member: str
    event: Callable[[bytes], bytes]
    too_long: Callable[[str], str]
    names_trace: bool = False

    def body(self, message: str, trace_id: str) -> bytes:
        """The body of an error."""
        return write_json({**({"id": trace_id} if self.names_trace else {}), self.member: message})

    def is_error(self, value: Any) -> bool:
        """Whether a decoded body is an error in this wire's shape."""
        return isinstance(value, dict) and isinstance(value.get(self.member), str)


def flat_errors(form: FlatForm) -> CallerErrors:
    """How errors are told to callers of a wire."""
    return CallerErrors(
        partial(_failure, form),
        partial(_failure_event, form),
        partial(_provider, form),
        partial(_provider_event, form),
        form.event,
        partial(_has_shape, form),
        partial(_beside, form),
    )


def _failure(form: FlatForm, failure: Failure, trace_id: str) -> ErrorReply:
    headers: Headers = [(b"content-type", JSON), (b"x-penstock-error", failure.kind.value.encode()), NO_STORE]
    if isinstance(failure, LimitFailure):
        headers += failure.headers
    status = _TOLD_AS.get(failure.kind, failure.status)
    return ErrorReply(status, headers, form.body(words(failure), trace_id))


def _failure_event(form: FlatForm, failure: Failure, trace_id: str) -> bytes:
    return form.event(form.body(words(failure), trace_id))


def _provider(form: FlatForm, reply: ProviderReply, trace_id: str) -> ErrorReply:
    error = reply.error.error
    status = 400 if error is ErrorClass.CONTEXT_LENGTH else reply.status
    message = read_vendor_error(read_json_or_none(reply.body)).message
    headers: Headers = [(b"content-type", JSON)]
    headers += [(name, value) for name, value in reply.headers if name == b"retry-after"]
    return ErrorReply(status, headers, form.body(_message(form, message, reply.body, reply.provider, error), trace_id))


def _message(form: FlatForm, message: str, body: bytes, provider: str, error: ErrorClass | None) -> str:
    text = message or body[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
    if error is ErrorClass.CONTEXT_LENGTH:
        return without_organisation(form.too_long(text))
    if message:
        return without_organisation(message)
    return without_organisation(f"Invalid response received from {provider}: {text or 'an empty body'}")


def _provider_event(form: FlatForm, fail: Fail, provider: str, trace_id: str) -> bytes:
    status = fail.status if 400 <= fail.status < 500 else 400
    members: dict[str, Any] = {"message": fail.message, "type": fail.type or None, "code": fail.code or None}
    error = read_error(status, write_json({"error": members})).error
    return form.event(form.body(_message(form, fail.message, fail.raw, provider, error), trace_id))


def _has_shape(form: FlatForm, body: bytes) -> bool:
    return form.is_error(read_json_or_none(body))


def _beside(form: FlatForm, decisive: TargetError, last: TargetError) -> bytes:
    """The error of an earlier target that matters, and in its message the error of the last one."""
    value = read_json(decisive.body)
    return write_json({**value, form.member: beside(value[form.member], decisive, last)})
