"""Stage: send the bytes of an answer after its first content, as they arrive. The edge only writes them (``Sink``).

If the provider breaks off after the first byte, a stream ends with an error event of the caller's dialect and without
its normal end. A plain reply lacks bytes then, so the edge closes the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect
from penstock.dialects.caller_errors import ProviderReply
from penstock.dialects.provider_errors import ClassifiedError
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import Account
from penstock.pipeline.call import Answer, Call
from penstock.transport.base import Take, pass_on


class Sink(Protocol):
    """The receiver of an answer's bytes: the caller's connection."""

    async def send(self, body: bytes) -> None:
        """Send more of the body. Waits while the caller reads slower than we write."""
        ...

    async def end(self, body: bytes) -> None:
        """Send the last of the body (possibly nothing)."""
        ...


def _write(sink: Sink) -> Take:
    """How bytes reach the receiver: at once, where it can take them so (``server.http1_client``)."""
    write: Take = getattr(sink, "write", sink.send)
    return write


class Broken(Exception):
    """A response can't be completed: a plain reply broke off after its head was sent, or the caller's connection is
    closed."""


_CUT: Final = Failure(
    Kind.TRUNCATED,
    "The provider ended its stream before the answer was finished: what came so far is not the whole of it.",
    sent=True,
)
_UNREADABLE: Final = Failure(
    Kind.INVALID_RESPONSE,
    "The provider's stream holds a chunk that is no JSON: part of the answer is missing.",
    sent=True,
)
_ERROR: Final = Failure(Kind.STREAM_ERROR, "The provider sent an error in the middle of its stream.", sent=True)


async def relay(answer: Answer, call: Call, sink: Sink, waiting: Awaitable[None] | None = None) -> None:
    """Send the bytes that follow ``answer.body``, once these are sent (``waiting``): of a stream event by event, to its
    normal end or an error event. Records in the account how the answer ended.

    Raises Broken for a plain reply that was cut short. One coroutine: a stream that is open keeps its frame.
    """
    reply, watch, write = answer.rest, answer.watch, _write(sink)
    try:
        if waiting is not None:
            await waiting
        if reply is None:
            return
        if watch is None:
            await pass_on(reply, write)
            answer.broken = reply.failure
            if answer.broken is not None:
                raise Broken
            last = b""
        else:
            take = _taker(watch.feed, write)
            await pass_on(reply, take, write if watch.is_seen else _known_taker(watch.passes, write, take))
            last = last_bytes(answer, watch, call.dialect, call.trace, reply.failure)
        await sink.end(last)
    finally:
        note_ending(answer, call.account)


def note_ending(answer: Answer, account: Account) -> None:
    """Record in the account how an answer ended whose last byte was sent, or none of whose further bytes will be."""
    account.failure = answer.broken or account.failure
    if answer.untold is not None:
        account.dropped = (*answer.dropped, *answer.untold.untold)
    account.skipped = 0 if answer.watch is None else answer.watch.skipped
    attempt = answer.attempt
    if attempt is not None:
        if attempt.ended is None:
            attempt.ended = account.elapsed()
        if answer.broken is not None:
            attempt.failure = answer.broken


def _taker(feed: Callable[[bytes], bytes], write: Take) -> Take:
    """Takes bytes as they come, and writes those that may go on."""

    def take(data: bytes) -> Awaitable[None] | None:
        ready = feed(data)
        return write(ready) if ready else None

    return take


def _known_taker(passes: Callable[[bytes], bool], write: Take, take: Take) -> Take:
    """Takes what is known to be whole events, and writes it as it is where the watch lets it pass."""
    return lambda data: write(data) if passes(data) else take(data)


def last_bytes(
    answer: Answer, watch: StreamWatch, dialect: CallerDialect, trace: str, failure: Failure | None
) -> bytes:
    """The end of a stream, as the caller's dialect has it: the bytes that ``watch`` still holds, or an error event if
    the stream broke off (``failure``) or has no end. Completes what the answer says of itself."""
    was_over = watch.is_over
    last = watch.finish()
    finished, usage = watch.ending()
    answer.usage = usage
    if answer.attempt is not None:
        answer.attempt.usage = usage
    is_told = watch.error is not None and not watch.is_over
    cut = failure or (None if finished or is_told else _CUT)
    if watch.error is not None and (was_over or watch.error_data) and watch.is_over and failure is None:
        cut = _ERROR
        last += watch.fitted(_told(watch, watch.error, dialect, trace))
    elif cut is not None:
        last = (b"\n\n" if watch.mid_event else b"") + watch.fitted(dialect.errors.event(cut, trace))
    answer.broken = watch.denial or cut or (_ERROR if watch.error else None)
    return last


def _told(watch: StreamWatch, error: ClassifiedError, dialect: CallerDialect, trace: str) -> bytes:
    """The event for an error that the provider's stream told in words of its own."""
    errors = dialect.errors
    if not watch.error_data:
        return errors.event(_UNREADABLE, trace)
    reply = ProviderReply(error.status, [], watch.error_data, watch.provider, error)
    return errors.as_event(errors.provider(reply, trace).body)
