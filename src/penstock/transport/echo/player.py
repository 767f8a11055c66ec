"""The ``Transport`` of the built-in provider: it plays a script in time, within the limits of the request."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Limits
from penstock.transport.base import Request
from penstock.transport.deadlines import Deadlines
from penstock.transport.echo.completion import Identity, completion, error, event, models, stream
from penstock.transport.echo.script import MODELS, STATUSES, Script, Unreadable, write_script

_HOST = "echo"
Sleep = Callable[[float], Awaitable[None]]
Piece = bytes | float | Failure
"""Bytes of a body, a pause in seconds, or how the body breaks off."""


class EchoTransport:
    """``pace_ms`` is the default pause between two events of a stream. ``sleep`` may be replaced to save real time."""

    def __init__(self, pace_ms: float = 0, sleep: Sleep = asyncio.sleep) -> None:
        self._pace = pace_ms / 1000
        self._sleep = sleep

    async def send(self, request: Request) -> EchoReply | Failure:
        timing = _Timing(request.limits, self._sleep)
        if request.method == b"GET":
            return timing.reply(200, iter([models(MODELS, int(time.time()))]))
        try:
            script = write_script(request.body, self._pace)
        except Unreadable as problem:
            told = error(problem.message, "invalid_request_error", problem.code, problem.param)
            return timing.reply(problem.status, iter([msgspec.json.encode(told)]))
        late = await timing.wait(float("inf") if script.fault == "stall" else script.first, head=True)
        return late or _play(script, timing, Identity(f"{random.getrandbits(96):024x}", int(time.time())))

    async def close(self) -> None:
        """Nothing is ever left open."""


class _Timing:
    """Waiting as a provider makes one wait, up to the limits of the request."""

    def __init__(self, limits: Limits, sleep: Sleep) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(limits, self._loop.time())
        self._sleep = sleep

    def reply(
        self, status: int, pieces: Iterator[Piece], kind: bytes = b"application/json", **extra: bytes
    ) -> EchoReply:
        headers = [(b"content-type", kind), (b"x-request-id", b"req_%024x" % random.getrandbits(96))]
        headers += [(name.replace("_", "-").encode(), value) for name, value in extra.items()]
        return EchoReply(self, status, headers, pieces)

    async def wait(self, seconds: float, *, head: bool = False) -> Failure | None:
        """Let time pass; the failure when a limit is due first."""
        if not seconds:
            return None
        now = self._loop.time()
        due, kind = self._deadlines.next(head_complete=not head, last_byte=now)
        if now + seconds < due:
            await self._sleep(seconds)
            return None
        if due == float("inf"):
            await self._loop.create_future()
        await self._sleep(max(due - now, 0))
        return self._deadlines.failure(kind, _HOST)


class EchoReply:
    """A ``Reply`` whose body is made as it is read."""

    def __init__(self, timing: _Timing, status: int, headers: Headers, pieces: Iterator[Piece]) -> None:
        self.status = status
        self.headers = headers
        self.framed = True
        self.failure: Failure | None = None
        self._timing = timing
        self._pieces = pieces

    async def read(self) -> bytes:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                return piece
            self.failure = piece if isinstance(piece, Failure) else await self._timing.wait(piece)
            if self.failure is not None:
                self.close()
        return b""

    def close(self) -> None:
        self._pieces = iter(())


def _play(script: Script, timing: _Timing, who: Identity) -> EchoReply | Failure:
    """The reply to a script, faults included."""
    fault = script.fault or ""
    if fault in STATUSES:
        kind, code = STATUSES[fault]
        told = error(f"This is the error that {script.model} plays.", kind, code)
        limits = {"retry_after": b"1", "x_ratelimit_remaining_requests": b"0"} if fault == "429" else {}
        return timing.reply(int(fault), iter([msgspec.json.encode(told)]), **limits)
    if fault == "reset":
        return Failure(Kind.CONNECTION_CLOSED, "The provider at echo closed the connection, as asked.", sent=True)
    if fault == "refused":
        return Failure(Kind.CONNECTION_REFUSED, "The provider at echo can't be reached, as asked.")
    if fault == "html":
        return timing.reply(503, iter([b"<html><body>Service Unavailable</body></html>"]), b"text/html")
    if fault == "context-length":
        told = error("The prompt is too long.", "invalid_request_error", "context_length_exceeded", "messages")
        return timing.reply(400, iter([msgspec.json.encode(told)]))
    if script.stream:
        return timing.reply(200, _paced(_events(script, who), script.pace), b"text/event-stream; charset=utf-8")
    return timing.reply(200, _plain(completion(script, who), fault))


def _plain(body: bytes, fault: str) -> Iterator[Piece]:
    match fault:
        case "garbage":
            yield b'{"id": "chatcmpl-'
        case "cut":
            yield from (body[: len(body) // 2], _CUT)
        case "stall-stream":
            yield from (body[: len(body) // 2], float("inf"))
        case "empty":
            return
        case "error-event" | "late-error":
            yield msgspec.json.encode(_TOLD)
        case _:
            yield body


_CUT = Failure(Kind.TRUNCATED, "The provider at echo broke its response off, as asked.", sent=True)
_TOLD = error("This error came after the response had begun, as asked.", "server_error", "overloaded")


def _events(script: Script, who: Identity) -> Iterator[Piece]:
    """The events of a stream with the script's fault among them."""
    events = list(stream(script, who))
    match script.fault:
        case "cut":
            whole = events[: 2 * len(events) // 3]
            return itertools.chain(whole, [events[len(whole)][:20], _CUT])
        case "stall-stream":
            return itertools.chain(events[:4], [float("inf")])
        case "garbage":
            return iter([*events[:2], b'data: {"id": "chatcmpl-\n\n', *events[2:]])
        case "error-event":
            return iter([event(_TOLD)])
        case "late-error":
            return iter([*events[:4], event(_TOLD)])
        case "empty":
            return iter(events[-1:])
        case "no-done":
            return iter(events[:-1])
        case _:
            return iter(events)


def _paced(pieces: Iterator[Piece], pace: float) -> Iterator[Piece]:
    for number, piece in enumerate(pieces):
        if number and pace:
            yield pace
        yield piece
