"""Stage: one attempt at one target. Prepare the request, send it, read the reply until its first content or failure."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from time import monotonic
from typing import Any

import msgspec

from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin, content_type, header_line
from penstock.dialects.caller import EVENT_STREAM, JSON, CallerDialect, Relay
from penstock.dialects.dialect import WriteContext
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.deadline import AttemptDeadlines, attempt_deadlines, timed_out
from penstock.pipeline.first_content import read_first_content, whole_answer
from penstock.pipeline.keeping.bound_reply import with_bound_ids, with_bound_names
from penstock.pipeline.keeping.result_links import tells_of_batches, with_own_links
from penstock.pipeline.off_loop.thread import LARGE
from penstock.pipeline.open_socket import opened, socket_request
from penstock.pipeline.pass_through import pass_through
from penstock.pipeline.prepare import PreparedRequest, prepare, prepare_aside
from penstock.pipeline.replies.shaped_error import redirected, shaped_error
from penstock.pipeline.replies.wrapped_reply import TransformedStream, headers_for
from penstock.pipeline.request_headers import replaced
from penstock.pipeline.target_route import TargetRoute
from penstock.pipeline.task_calls import TaskReply, send_each
from penstock.pipeline.translate import translate_reply
from penstock.pipeline.upstream import Upstream
from penstock.routing.walk import Attempt
from penstock.transport.base import Reply, Request


def attempt(
    call: Call, route: TargetRoute, step: Attempt, upstream: Upstream, account: AttemptAccount
) -> Coroutine[Any, Any, Answer]:
    """Call the target once. Never raises for an expected failure; cancelling it closes the upstream connection."""
    if call.operation.is_session:
        socket = socket_request(call, route)
        if isinstance(socket, Failure):
            return _attempt_aside(call, route, step, upstream, account, socket)
        return send(socket, route, step, upstream, account, call.trace_id)
    if call.operation.is_proxy:
        prepared: PreparedRequest | Failure | None = pass_through(call, route)
    else:
        prepared = None if len(call.body) > LARGE else prepare(call, route)
    if not isinstance(prepared, PreparedRequest):
        return _attempt_aside(call, route, step, upstream, account, prepared)
    return send(prepared, route, step, upstream, account, call.trace_id)


async def _attempt_aside(
    call: Call,
    route: TargetRoute,
    step: Attempt,
    upstream: Upstream,
    account: AttemptAccount,
    failure: Failure | None,
) -> Answer:
    """An attempt whose request can't be prepared (``failure``), or is prepared beside the event loop."""
    prepared = failure or await prepare_aside(call, route)
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
    account.model, account.lane, account.origin = prepared.model, prepared.lane, prepared.origin
    deadlines = attempt_deadlines(route, step, began, streams=prepared.streams)
    if deadlines.limits.first_byte < 0:
        return _failed(timed_out(route, Failure(Kind.FIRST_BYTE_TIMEOUT, "", sent=False)), prepared, trace_id)
    request = Request(
        prepared.origin,
        prepared.method,
        prepared.target,
        prepared.headers if account.trace_context is None else _traced(prepared.headers, account),
        prepared.payload,
        deadlines.limits,
        account.caller,
        fresh=prepared.switches
        or (account.previous is not None and _needs_fresh_connection(step, account, account.previous, prepared.origin)),
        switches=prepared.switches,
        upload=prepared.upload,
    )
    signer = route.endpoint.signer
    reply = await (_sent_each(request, prepared, route, upstream) if prepared.more else upstream.send(request, signer))
    if isinstance(reply, Failure):
        return _failed(timed_out(route, reply), prepared, trace_id)
    if prepared.switches and reply.status < 400:
        return _opened(reply, prepared, trace_id)
    answer = whole_answer(reply, route, prepared, trace_id)
    if answer is None:
        answer = await _begun(reply, route, deadlines, prepared, trace_id)
    if not isinstance(answer, Answer):
        reply.close()
        return _failed(answer, prepared, trace_id)
    if prepared.model is None:
        account.model = answer.model  # a form that passes unread, say: its reply may tell the model
    else:
        answer.model = prepared.model
    if prepared.dropped:
        answer.dropped = prepared.dropped
    if prepared.translation is not None:
        answer.untold = prepared.translation.progress
    return answer


def _opened(reply: Reply, prepared: PreparedRequest, trace_id: bytes) -> Answer:
    """The answer to a request for a WebSocket that was not refused."""
    socket = opened(reply, prepared, prepared.origin.authority)
    if isinstance(socket, Failure):
        reply.close()
        return _failed(socket, prepared, trace_id)
    return socket


async def _begun(
    reply: Reply, route: TargetRoute, deadlines: AttemptDeadlines, prepared: PreparedRequest, trace_id: bytes
) -> Answer | Failure:
    """The answer with its first content, or the failure of a reply that is none."""
    status = reply.status
    if not 200 <= status < 300 and not (route.operation.is_proxy and (status >= 400 or status == outcome.NOT_MODIFIED)):
        if status < 400:
            return redirected(reply, route)
        reply = shaped_error(reply, prepared.dialect, route.provider.slug, trace_id, relays=prepared.lane == 1)
    else:
        reply = _in_callers_wire(reply, prepared, route, trace_id)
    try:
        answer = await read_first_content(reply, route, deadlines, prepared, trace_id)
    except BaseException:
        reply.close()
        raise
    if isinstance(answer, Failure):
        reply.close()
    return answer


def _in_callers_wire(reply: Reply, prepared: PreparedRequest, route: TargetRoute, trace_id: bytes) -> Reply:
    """A good reply as the caller's wire has it."""
    if prepared.read is not None:
        return TaskReply(reply, prepared.read, route.provider.slug)
    if prepared.translation is not None:
        return translate_reply(reply, prepared.translation, trace_id)
    relay = prepared.dialect.relay
    if prepared.bind is not None and relay.kept_ids is not None:
        return with_bound_ids(reply, relay.kept_ids, prepared.bind, route.provider.slug)
    if prepared.bind is not None and not route.operation.is_proxy:
        return with_bound_names(reply, relay.collections, prepared.bind, route.provider.slug)
    if prepared.streams and prepared.context is not None:
        return _relayed(reply, relay, prepared.context)
    if route.operation.is_proxy and tells_of_batches(prepared.target):
        return with_own_links(reply)
    return reply


def _sent_each(
    request: Request, prepared: PreparedRequest, route: TargetRoute, upstream: Upstream
) -> Awaitable[Reply | Failure]:
    """The reply to all requests of a task."""
    requests = [request, *(msgspec.structs.replace(request, body=body) for body in prepared.more)]
    return send_each(requests, lambda each: upstream.send(each, route.endpoint.signer), route.provider.slug)


def _traced(headers: bytes, account: AttemptAccount) -> bytes:
    """The header block with the trace, of which the attempt's span is the parent of whatever the provider does."""
    context = account.trace_context
    if context is None:
        return headers
    return replaced(
        headers, {name: header_line(name, value) for name, value in context.headers(account.span_id).items()}
    )


def _needs_fresh_connection(step: Attempt, account: AttemptAccount, previous: AttemptAccount, origin: Origin) -> bool:
    """Whether this is a retry after a connection that the provider closed: another idle one may be as stale. So may
    the one on which the address just answered another target: hosts that fail often close behind their answer, and a
    fallback follows at once, before that is seen."""
    if step.retry > 0:
        return previous.failure is not None and previous.failure.kind is Kind.CONNECTION_CLOSED
    if previous.target is account.target or previous.origin is None:
        return False
    return previous.origin.authority == origin.authority


def _relayed(reply: Reply, relay: Relay, context: WriteContext) -> Reply:
    """A lane 1 stream in the wire's own frames."""
    transform = relay.stream(context)
    if transform is None or (kind := content_type(reply.headers)).startswith(JSON):
        return reply
    headers = None if kind.startswith(EVENT_STREAM) else headers_for(reply, EVENT_STREAM)
    return TransformedStream(reply, transform, headers)


def failed(failure: Failure, call: Call) -> Answer:
    """The answer that tells a failure in the caller's dialect."""
    return _told(failure, call.dialect, call.trace_id)


def _failed(failure: Failure, prepared: PreparedRequest, trace_id: bytes) -> Answer:
    answer = _told(failure, prepared.dialect, trace_id)
    answer.model = prepared.model
    return answer


def _told(failure: Failure, dialect: CallerDialect, trace_id: bytes) -> Answer:
    error = dialect.errors.failure(failure, trace_id.decode("utf-8", "replace"))
    return Answer(error.status, list(error.headers), error.body, outcome.failed(failure))
