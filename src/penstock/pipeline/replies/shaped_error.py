"""Part of an attempt: a provider's error as the caller is told it, on both lanes; a redirect is an error, too.

A body that has the shape of the caller's wire already keeps its bytes on lane 1; every other is wrapped, with the
provider's own body inside (docs/errors.md#provider-errors).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import JSON, CallerDialect
from penstock.dialects.caller_errors import ErrorReply, ProviderReply
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.provider_errors import ClassifiedError, read_error
from penstock.pipeline.replies.wrapped_reply import TransformedReply, headers_for, unusable
from penstock.pipeline.target_route import TargetRoute
from penstock.transport.base import Reply

_LONGEST_ADDRESS: Final = 300


class ShapedErrorReply(TransformedReply):
    """A provider's error in the caller's wire. ``error`` is what the provider's own words mean, once they are read."""

    error: ClassifiedError | None = None


def shaped_error(
    reply: Reply, caller: CallerDialect, provider: str, trace_id: bytes, *, relays: bool
) -> ShapedErrorReply:
    """An error, read whole. ``relays``: the provider speaks the caller's wire.

    The caller's wire may demand another status and other headers: both are set when the body is read.
    """
    headers = headers_for(reply, JSON)

    def change(body: bytes) -> bytes:
        error = shaped.error = read_error(reply.status, body, provider)
        error_reply = in_callers_shape(
            ProviderReply(reply.status, reply.headers, body, provider, error), caller, trace_id, relays=relays
        )
        shaped.status = error_reply.status
        headers[:] = merged(error_reply.headers, headers)
        return error_reply.body

    def too_large() -> Failure:
        return unusable(provider, f"sent an error of more than {MAX_FRAME >> 20} MiB")

    shaped = ShapedErrorReply(reply, change, MAX_FRAME, headers, too_large)
    return shaped


def in_callers_shape(
    reply: ProviderReply, caller: CallerDialect, trace_id: bytes, *, relays: bool, is_event: bool = False
) -> ErrorReply:
    """An error in the shape of the caller's wire; its bytes and content type where they have that shape. ``is_event``:
    the error came in a stream, whose content type is not the error's."""
    is_told = relays and (caller.errors.is_whole_in_event or not is_event)
    if is_told and caller.errors.has_shape(reply.body):
        kinds = [] if is_event else [field for field in reply.headers if field[0] == b"content-type"]
        return ErrorReply(reply.status, kinds or [(b"content-type", JSON)], reply.body)
    return caller.errors.provider(reply, trace_id.decode("utf-8", "replace"))


def merged(own: Headers, others: Headers) -> Headers:
    """The headers of an error, and the others that it doesn't have."""
    names = {name for name, _ in own}
    return [*own, *[field for field in others if field[0] not in names]]


def redirected(reply: Reply, route: TargetRoute) -> Failure:
    """The failure for a redirect: following it would send the prompt and the key where the operator did not say."""
    location = next((value for name, value in reply.headers if name == b"location"), b"")
    address = _address(location.decode("latin-1"))
    where = f"redirects to {address}" if address else f"answered with status {reply.status} and no address to go to"
    text = (
        f"The provider {route.target.provider} {where} (status {reply.status}), and the gateway follows no redirects: "
        "set custom_host to the address that answers by itself."
    )
    return Failure(Kind.UPSTREAM_REDIRECT, text, sent=True)


def _address(location: str) -> str:
    """An address without credentials, query and fragment, as printable ASCII."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    address = (f"{parts.scheme}://{host}" if host else "") + parts.path
    return "".join(char for char in address if char.isascii() and char.isprintable())[:_LONGEST_ADDRESS]
