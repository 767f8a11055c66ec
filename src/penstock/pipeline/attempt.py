"""Stage: one attempt at one target. Prepare the request, send it, read the reply until its first content or failure."""

from __future__ import annotations

import functools
from time import monotonic
from typing import Final

from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.http import content_type
from penstock.dialects.caller import EVENT_STREAM, JSON, CallerDialect, Relay
from penstock.dialects.dialect import WriteContext
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.deadline import attempt_deadlines, timed_out
from penstock.pipeline.first_content import read_first_content
from penstock.pipeline.off_loop import LARGE, off_loop
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.shaped_error import redirected, shaped_error
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.translate import translate_reply
from penstock.pipeline.upstream import Upstream
from penstock.pipeline.wrapped_reply import TransformedReply, TransformedStream, headers_for
from penstock.routing.walk import Attempt
from penstock.transport.base import Reply, Request

_LARGEST_CHANGED: Final = 8 << 20
"""Bytes of the largest plain reply on lane 1 that is normalised; a larger reply passes unchanged."""


async def attempt(call: Call, route: TargetRoute, step: Attempt, upstream: Upstream, account: AttemptAccount) -> Answer:
    """Call the target once. Never raises for an expected failure; cancelling it closes the upstream connection."""
    is_large = len(call.body) > LARGE
    prepared = await off_loop(functools.partial(prepare, call, route)) if is_large else prepare(call, route)
    if isinstance(prepared, Failure):
        return failed(prepared, call)
    return await send(prepared, route, step, upstream, account, call.trace_id)


async def send(
    prepared: PreparedRequest,
    route: TargetRoute,
    step: Attempt,
    upstream: Upstream,
    account: AttemptAccount,
    trace_id: bytes,
) -> Answer:
    """Send a prepared request and wait for the answer's first content or failure."""
    began = monotonic()
    account.model, account.lane = prepared.model, prepared.lane
    deadlines = attempt_deadlines(route, step, began, streams=prepared.streams)
    if deadlines.limits.first_byte < 0:
        return _failed(timed_out(route, Failure(Kind.FIRST_BYTE_TIMEOUT, "", sent=False)), prepared, trace_id)
    request = Request(
        prepared.origin,
        prepared.method,
        prepared.target,
        prepared.headers,
        prepared.payload,
        deadlines.limits,
        account.caller,
        fresh=_needs_fresh_connection(step, account),
    )
    reply = await upstream.send(request, route.endpoint.signer)
    if isinstance(reply, Failure):
        return _failed(timed_out(route, reply), prepared, trace_id)
    if not 200 <= reply.status < 300:
        if reply.status < 400:
            reply.close()
            return _failed(redirected(reply, route), prepared, trace_id)
        reply = shaped_error(
            reply, prepared.dialect, route.provider.slug, trace_id, relays=prepared.translation is None
        )
    elif prepared.translation is not None:
        reply = translate_reply(reply, prepared.translation, trace_id)
    elif prepared.context is not None:
        reply = _relayed(reply, prepared.dialect.relay, prepared.context, streams=prepared.streams)
    try:
        answer = await read_first_content(reply, route, deadlines, prepared, trace_id)
    except BaseException:
        reply.close()
        raise
    if isinstance(answer, Failure):
        reply.close()
        return _failed(answer, prepared, trace_id)
    answer.model, answer.dropped = prepared.model, prepared.dropped
    return answer


def _needs_fresh_connection(step: Attempt, account: AttemptAccount) -> bool:
    """Whether this is a retry after a connection that the provider closed: another idle one may be as stale."""
    return step.retry > 0 and account.previous is not None and account.previous.kind is Kind.CONNECTION_CLOSED


def _relayed(reply: Reply, relay: Relay, context: WriteContext, *, streams: bool) -> Reply:
    """A lane 1 reply without its host's deviations."""
    transform = relay.stream(context) if streams else None
    if transform is not None and not (kind := content_type(reply.headers)).startswith(JSON):
        headers = None if kind.startswith(EVENT_STREAM) else headers_for(reply, EVENT_STREAM)
        return TransformedStream(reply, transform, headers)
    change = relay.plain(context) if transform is not None or not streams else None
    return reply if change is None else TransformedReply(reply, change, _LARGEST_CHANGED)


def failed(failure: Failure, call: Call) -> Answer:
    """The answer that tells a failure in the caller's dialect."""
    return _told(failure, call.dialect, call.trace_id)


def _failed(failure: Failure, prepared: PreparedRequest, trace_id: bytes) -> Answer:
    answer = _told(failure, prepared.dialect, trace_id)
    answer.model = prepared.model
    return answer


def _told(failure: Failure, dialect: CallerDialect, trace_id: bytes) -> Answer:
    told = dialect.errors.failure(failure, trace_id.decode("utf-8", "replace"))
    return Answer(told.status, list(told.headers), told.body, outcome.failed(failure))
