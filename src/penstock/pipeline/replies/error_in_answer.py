"""Errors that come with a good status, in place of an answer or at the beginning of its stream: told as any others."""

from __future__ import annotations

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.outcome import Outcome
from penstock.dialects.caller import JSON
from penstock.dialects.caller_errors import ErrorReply, ProviderReply
from penstock.dialects.provider_errors import ClassifiedError, error_of, read_error_event
from penstock.pipeline.call import Answer
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.replies.response_headers import reply_headers
from penstock.pipeline.replies.shaped_error import in_callers_shape, merged
from penstock.pipeline.replies.wrapped_reply import headers_for
from penstock.pipeline.target_route import TargetRoute
from penstock.transport.base import Reply


def error_outcome(error: ClassifiedError, route: TargetRoute, where: str) -> Outcome:
    """The outcome of a reply whose status is 200 and whose content is an error."""
    text = f"The provider {route.target.provider} sent an error {where}."
    failure = Failure(Kind.STREAM_ERROR, text, sent=True)
    return Outcome(error.status, failure, error=error.error, retry_after=error.retry_after)


def told_error(
    data: bytes,
    error: ClassifiedError | None,
    reply: Reply,
    where: str,
    route: TargetRoute,
    prepared: PreparedRequest,
    trace_id: bytes,
) -> Answer:
    """An error that came with a good status, as an ordinary error. ``data`` and ``error`` are it in the caller's wire;
    what a translated reply meant is read of the provider's own words."""
    fail = None if prepared.translation is None else prepared.translation.progress.fail
    if fail is not None:
        data, error = error_of(fail, route.provider.slug)
    elif error is None:
        error = read_error_event(data, route.provider.slug)
    provider_reply = ProviderReply(error.status, reply.headers, data, route.provider.slug, error)
    # Bytes in the shape of the caller's wire are told as they are; the provider's own words never are.
    shaped = in_callers_shape(provider_reply, prepared.dialect, trace_id, relays=fail is None, is_event=True)
    outcome = error_outcome(error, route, where)
    return Answer(shaped.status, _error_headers(shaped, reply), shaped.body, outcome)


def _error_headers(error: ErrorReply, reply: Reply) -> Headers:
    """The headers of an error that came with a good status."""
    return merged(error.headers, reply_headers(headers_for(reply, JSON)))
