"""Stage, inside an attempt: read a reply until the answer has begun, and nothing more can be decided about it.

A stream has begun with its first content: a role alone, comments and empty chunks say nothing yet. A plain reply has
begun when it is whole, or larger than ``HOLD`` bytes. Until then nothing was said to the caller, so a broken reply is a
failure that routing can act on. A target with ``stream_rescue`` holds more of its stream back than that.
"""

from __future__ import annotations

import asyncio
import datetime
import math
from time import monotonic
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Limits, content_type
from penstock.core.memo import NameMemo
from penstock.core.outcome import Outcome
from penstock.dialects.framing.sse import EventRelay
from penstock.dialects.openai.relay import body as openai_body
from penstock.dialects.openai.relay.stream import Scan, ending
from penstock.dialects.provider_errors import ClassifiedError, error_in_reply, read_error
from penstock.pipeline.call import Answer
from penstock.pipeline.compile import Route
from penstock.providers.row import Operation
from penstock.routing.plan import RescuePolicy
from penstock.routing.retry import retry_after
from penstock.transport.base import Reply

HOLD: Final = 1 << 20
"""Bytes of a reply that are held back at most."""

_KEPT_BACK: Final = frozenset(
    b"""
    connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade content-length
    set-cookie server date alt-svc strict-transport-security nel report-to content-security-policy via
    """.split()
)
"""Upstream response headers that are about the connection or the provider's own site, not about the answer."""
_KEPT_BACK_PREFIXES: Final = (b"x-portkey-", b"x-penstock-", b"access-control-")


class AttemptDeadlines(msgspec.Struct, frozen=True):
    """The limits of one attempt. ``first_token`` is the moment by which a stream must have begun, None for no limit."""

    limits: Limits
    first_token: float | None = None


async def read_first_content(
    reply: Reply, route: Route, attempt_deadlines: AttemptDeadlines, *, streams: bool
) -> Answer | Failure:
    """The answer, begun; or the failure of a reply that is of no use."""
    if not streams or not _is_stream(reply):
        return await _collect(reply, route)
    if attempt_deadlines.first_token is None:
        return await _begin_stream(reply, route)
    try:
        async with asyncio.timeout(attempt_deadlines.first_token - monotonic()):
            return await _begin_stream(reply, route)
    except TimeoutError:
        text = (
            f"The provider {route.target.provider} began no answer within {route.target.timeouts.first_token:g} s "
            "(timeouts.first_token of the config)."
        )
        return Failure(Kind.FIRST_TOKEN_TIMEOUT, text, sent=True)


def _is_stream(reply: Reply) -> bool:
    if reply.status != 200:
        return False
    kind = content_type(reply.headers)
    return kind.startswith(openai_body.STREAM_TYPE) or not kind.startswith(openai_body.CONTENT_TYPE)


async def _begin_stream(reply: Reply, route: Route) -> Answer | Failure:
    """Read a stream as far as it is held back."""
    held = _Held(reply)
    failure = await held.read_until(1)
    if failure is None and route.target.rescue is not None:
        failure = await _hold_on(held, route.target.rescue)
    if failure is not None:
        return failure
    scan = held.scan
    if scan.error is None and not scan.content and held.ended:
        return _unusable(route, "ended its stream without any content")
    if scan.error is None and held.ended and not ending(held.relay.tail())[0]:
        text = f"The provider {route.target.provider} ended its stream before the answer was finished."
        return Failure(Kind.TRUNCATED, text, sent=True)
    return Answer(
        200, _reply_headers(reply.headers), held.ready, _stream_outcome(held, route), held.rest, held.relay, scan
    )


class _Held:
    """A stream that is held back: the events that were read so far, and what they say."""

    def __init__(self, reply: Reply) -> None:
        self.rest: Reply = reply
        self.relay = EventRelay()
        self.scan = Scan()
        self.ready = b""
        self.ended = False

    async def read_until(self, content: float) -> Failure | None:
        """Read until so many events had content, an error came, the stream ended or too much would be held."""
        while not self.has(content):
            failure = self.take(await self.rest.read())
            if failure is not None:
                return failure
        return None

    def has(self, content: float) -> bool:
        scan = self.scan
        enough = scan.content >= content or scan.error is not None or self.relay.mid_event
        return enough or self.ended or len(self.ready) > HOLD

    def take(self, data: bytes) -> Failure | None:
        """Take what a read gave; the failure when the stream broke off."""
        relay = self.relay
        if data:
            ready = relay.feed(data)
            self.ready += ready if relay.mid_event else self.scan.weigh(ready)
            return None
        if self.rest.failure is not None:
            return self.rest.failure
        self.ready += self.scan.weigh(relay.finish())
        self.ended = True
        return None


async def _hold_on(held: _Held, rescue: RescuePolicy) -> Failure | None:
    """Hold a begun stream back for longer, so that a break within that part can still be mended by another target."""
    control = math.inf if rescue.tokens is None else rescue.tokens
    if rescue.max_wait is None:
        return await held.read_until(control)
    end = monotonic() + rescue.max_wait
    while not held.has(control):
        reading = asyncio.ensure_future(held.rest.read())
        try:
            await asyncio.wait({reading}, timeout=max(0.0, end - monotonic()))
        except BaseException:
            reading.cancel()
            raise
        if not reading.done():
            held.rest = _ReadingAhead(held.rest, reading)
            return None
        failure = held.take(reading.result())
        if failure is not None:
            return failure
    return None


class _ReadingAhead:
    """A ``Reply`` whose next read is already under way."""

    def __init__(self, inner: Reply, reading: asyncio.Future[bytes]) -> None:
        self._inner = inner
        self._reading: asyncio.Future[bytes] | None = reading
        self.status = inner.status
        self.headers = inner.headers
        self.framed = inner.framed

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    async def read(self) -> bytes:
        reading, self._reading = self._reading, None
        return await (self._inner.read() if reading is None else reading)

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._inner.close()


def _stream_outcome(held: _Held, route: Route) -> Outcome:
    trouble = held.scan.error
    return Outcome(200) if trouble is None else _troubled(trouble, route, "at the beginning of its stream")


def _troubled(trouble: ClassifiedError, route: Route, where: str) -> Outcome:
    """A reply that says success and is an error."""
    text = f"The provider {route.target.provider} sent an error {where}."
    failure = Failure(Kind.STREAM_ERROR, text, sent=True)
    return Outcome(trouble.status, failure, error=trouble.error, retry_after=trouble.retry_after)


async def _collect(reply: Reply, route: Route) -> Answer | Failure:
    """Read a plain reply whole, or as far as it is held back."""
    parts, size = [], 0
    while data := await reply.read():
        parts.append(data)
        size += len(data)
        if size > HOLD:
            break
    if reply.failure is not None:
        return reply.failure
    body = b"".join(parts)
    headers = _reply_headers(reply.headers)
    rest = reply if size > HOLD else None
    if not 200 <= reply.status < 300:
        return Answer(reply.status, headers, body, _refused(reply, body, route), rest=rest)
    if rest is not None:
        return Answer(reply.status, headers, body, Outcome(reply.status), rest=rest)
    if b'"error"' in body and (trouble := error_in_reply(body)) is not None:
        return Answer(reply.status, headers, body, _troubled(trouble, route, "in place of an answer"))
    usage = openai_body.read_reply(body) if route.operation is Operation.CHAT else None
    if isinstance(usage, Failure):
        return _unusable(route, "answered with success but the body is not a JSON object")
    return Answer(reply.status, headers, body, Outcome(reply.status), usage=usage)


def _refused(reply: Reply, body: bytes, route: Route) -> Outcome:
    """What a provider's error means for routing."""
    text = f"The provider {route.target.provider} answered with status {reply.status}."
    trouble = read_error(reply.status, body)
    asked = retry_after(reply.headers, datetime.datetime.now(datetime.UTC))
    return Outcome(
        reply.status,
        Failure(Kind.UPSTREAM_STATUS, text, sent=True),
        error=trouble.error,
        retry_after=trouble.retry_after if asked is None else asked,
    )


def _unusable(route: Route, what: str) -> Failure:
    text = f"The provider {route.target.provider} {what}: nothing usable was received."
    return Failure(Kind.INVALID_RESPONSE, text, sent=True)


def _is_kept(name: bytes) -> bool:
    """Whether a response header goes on to the caller."""
    return name not in _KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)


_KEPT: Final = NameMemo(_is_kept)


def _reply_headers(headers: Headers) -> Headers:
    return [field for field in headers if _KEPT[field[0]]]
