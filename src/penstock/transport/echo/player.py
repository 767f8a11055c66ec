"""The ``Transport`` of the built-in provider: it plays a script in time, within the limits of the request."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from pickle import PickleBuffer
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import HEAD, Headers, Limits
from penstock.core.json_text import write_json
from penstock.transport.base import Request
from penstock.transport.deadlines import Deadlines
from penstock.transport.echo.completion import DONE, Identity, completion, error, event, model, models, stream, telling
from penstock.transport.echo.script import MODELS, STATUSES, Script, Unreadable, write_script
from penstock.transport.echo.vectors import embeddings

Sleep = Callable[[float], Awaitable[None]]
Aside = Callable[..., Awaitable[Any]]
Piece = bytes | float | Failure
"""Bytes of a body, a pause in seconds, or how the body breaks off."""

_HOST: Final = "echo"
_READING: Final = (b"GET", HEAD)
_LARGE: Final = 256 << 10
"""Bytes of a request that is read beside the event loop."""
_PIECE: Final = 256 << 10
_FOREVER: Final = float("inf")
_BURST: Final = 32
"""Events of a stream without pace after which others have their turn: nothing else here would let them."""

_JSON: Final = (b"content-type", b"application/json")
_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")
_VERSION: Final = (b"openai-version", b"2020-10-01")
_RATE_LIMITED: Final = (
    (b"retry-after", b"1"),
    (b"x-ratelimit-limit-requests", b"60"),
    (b"x-ratelimit-limit-tokens", b"60000"),
    (b"x-ratelimit-remaining-requests", b"0"),
    (b"x-ratelimit-remaining-tokens", b"59000"),
    (b"x-ratelimit-reset-requests", b"1s"),
    (b"x-ratelimit-reset-tokens", b"1s"),
)

_CUT: Final = Failure(Kind.TRUNCATED, "The provider at echo broke its response off, as asked.", sent=True)
_RESET: Final = Failure(Kind.CONNECTION_CLOSED, "The provider at echo closed the connection, as asked.", sent=True)
_REFUSED: Final = Failure(Kind.CONNECTION_REFUSED, "The provider at echo can't be reached, as asked.")
_LATE: Final = error("This error came after the response had begun, as asked.", "server_error", "overloaded")


async def _at_once(_: int, work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*[argument.raw() if isinstance(argument, PickleBuffer) else argument for argument in arguments])


def script_aside(body: memoryview, pace: float) -> Script | Unreadable:
    """``write_script`` for another process."""
    try:
        return write_script(bytes(body), pace)
    except Unreadable as problem:
        return problem


def vectors_aside(body: memoryview) -> bytes | Unreadable:
    """``embeddings`` for another process."""
    try:
        return embeddings(bytes(body))
    except Unreadable as problem:
        return problem


class EchoTransport:
    """``pace_ms`` is the default pause between two events of a stream. ``sleep`` may be replaced to save real time.
    ``aside`` does work beside the event loop: (bytes of the body, a function, its arguments) -> its result."""

    def __init__(self, pace_ms: float = 0, sleep: Sleep = asyncio.sleep, aside: Aside | None = None) -> None:
        self._pace = pace_ms / 1000
        self._sleep = sleep
        self._aside = aside or _at_once

    async def send(self, request: Request) -> EchoReply | Failure:
        timing = _Timing(request.limits, self._sleep)
        path = request.target.partition(b"?")[0]
        if request.method in _READING and path.endswith(b"/models"):
            return EchoReply(timing, 200, [models(MODELS, int(time.time()))])
        parent, _, name = path.decode("latin-1").rpartition("/")
        if request.method in _READING and parent.endswith("/models") and name in MODELS:
            return EchoReply(timing, 200, [model(name, int(time.time()))])
        embeds = path.endswith(b"/embeddings")
        if request.method != b"POST" or not (embeds or path.endswith(b"/chat/completions")):
            return _refusal(timing, 404, _unknown(request.method, path))
        try:
            if embeds:
                return EchoReply(timing, 200, await self._vectors(request.body))
            script = await self._script(request.body)
        except Unreadable as problem:
            body = error(problem.message, "invalid_request_error", problem.code, problem.param)
            return _refusal(timing, problem.status, body)
        late = await timing.head(_FOREVER if script.fault == "stall" else script.first)
        return late or _play(script, timing)

    async def _vectors(self, body: bytes) -> Iterator[bytes]:
        """The pieces of a reply with embeddings, of which a small request can ask for megabytes. Raises Unreadable."""
        made = await self._aside(len(body), vectors_aside, PickleBuffer(body))
        if isinstance(made, Unreadable):
            raise made
        return (made[start : start + _PIECE] for start in range(0, len(made), _PIECE))

    async def _script(self, body: bytes) -> Script:
        """Raises Unreadable."""
        if len(body) <= _LARGE:
            return write_script(body, self._pace)
        script: Script | Unreadable = await self._aside(len(body), script_aside, PickleBuffer(body), self._pace)
        if isinstance(script, Unreadable):
            raise script
        return script

    async def close(self) -> None:
        """Nothing is ever left open."""


class _Timing:
    """Waiting as a provider makes one wait, up to the limits of the request."""

    __slots__ = ("_deadlines", "_loop", "_sleep")

    def __init__(self, limits: Limits, sleep: Sleep) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines(limits, self._loop.time())
        self._sleep = sleep

    def now(self) -> float:
        return self._loop.time()

    async def head(self, seconds: float) -> Failure | None:
        """Let time pass before the head of a reply; the failure when a limit is due first."""
        if not seconds:
            return None
        return await self._wait(seconds, *self._deadlines.next(head_complete=False, last_byte=0))

    async def body(self, seconds: float, last_byte: float) -> Failure | None:
        """Let time pass after the last byte; the failure when a limit is due first."""
        return await self._wait(seconds, *self._deadlines.next(head_complete=True, last_byte=last_byte))

    async def _wait(self, seconds: float, due: float, kind: Kind) -> Failure | None:
        now = self.now()
        if now + seconds < due:
            await self._sleep(seconds)
            return None
        if due == _FOREVER:
            await self._loop.create_future()
        await self._sleep(max(due - now, 0))
        return self._deadlines.failure(kind, _HOST)


class EchoReply:
    """A ``Reply`` whose body is made as it is read."""

    def __init__(
        self,
        timing: _Timing,
        status: int,
        pieces: Iterable[Piece],
        kind: tuple[bytes, bytes] = _JSON,
        *more: tuple[bytes, bytes],
    ) -> None:
        self.status = status
        self.headers: Headers = [kind, (b"x-request-id", b"req_%024x" % random.getrandbits(96)), _VERSION, *more]
        self.failure: Failure | None = None
        self._timing = timing
        self._pieces = iter(pieces)

    async def read(self) -> bytes:
        last_byte = self._timing.now()
        while True:
            piece = next(self._pieces, b"")
            if isinstance(piece, bytes):
                return piece
            self.failure = piece if isinstance(piece, Failure) else await self._timing.body(piece, last_byte)
            if self.failure is not None:
                self.close()

    def close(self) -> None:
        self._pieces = iter(())


def _play(script: Script, timing: _Timing) -> EchoReply | Failure:
    """The reply to a script, faults included."""
    match script.fault:
        case "reset":
            return _RESET
        case "refused":
            return _REFUSED
        case "html":
            return EchoReply(timing, 503, [b"<html><body>Service Unavailable</body></html>"], _HTML)
        case "context-length":
            body = error(
                "The prompt is too long, as asked.", "invalid_request_error", "context_length_exceeded", "messages"
            )
            return _refusal(timing, 400, body)
        case str(fault) if fault in STATUSES:
            body = error(f"This is the error {fault} that echo was asked for.", *STATUSES[fault])
            return _refusal(timing, int(fault), body, *(_RATE_LIMITED if fault == "429" else ()))
    who = Identity(f"{random.getrandbits(96):024x}", int(time.time()))
    if script.stream:
        return EchoReply(timing, 200, _paced(_events(script, who), script.pace), _STREAM)
    return EchoReply(timing, 200, _plain(completion(script, who), script.fault))


def _refusal(timing: _Timing, status: int, body: dict[str, Any], *headers: tuple[bytes, bytes]) -> EchoReply:
    return EchoReply(timing, status, [write_json(body)], _JSON, *headers)


def _unknown(method: bytes, path: bytes) -> dict[str, Any]:
    asked = f"{method.decode('latin-1')} {path[:200].decode('latin-1')}"
    text = f"echo does not know {asked}: it serves POST /chat/completions, POST /embeddings and GET /models."
    return error(text, "invalid_request_error", "unknown_url")


def _plain(body: bytes, fault: str | None) -> Iterator[Piece]:
    """A plain body with the script's fault in it."""
    match fault:
        case "garbage":
            yield b'{"id": "chatcmpl-'
        case "cut":
            yield from (body[: len(body) // 2], _CUT)
        case "stall-stream":
            yield from (body[: len(body) // 2], _FOREVER)
        case "empty":
            return
        case "error-event" | "late-error":
            yield msgspec.json.encode(_LATE)
        case _:
            yield body


def _events(script: Script, who: Identity) -> Iterator[Piece]:
    """The events of a stream with the script's fault among them."""
    events = stream(script, who)
    begun = islice(telling(script, who, 0), 4)
    match script.fault:
        case "cut":
            whole = 2 * sum(1 for _ in stream(script, who)) // 3
            yield from islice(events, whole)
            broken = next(events)
            yield from (broken[: len(broken) // 2], _CUT)
        case "stall-stream":
            yield from begun
            yield _FOREVER
        case "garbage":
            yield from islice(events, 2)
            yield b'data: {"id": "chatcmpl-\n\n'
            yield from events
        case "error-event":
            yield event(_LATE)
        case "late-error":
            yield from begun
            yield event(_LATE)
        case "empty":
            yield DONE
        case "no-done":
            yield from (each for each in events if each is not DONE)
        case _:
            yield from events


def _paced(pieces: Iterator[Piece], pace: float) -> Iterator[Piece]:
    for number, piece in enumerate(pieces):
        if number and (pace or number % _BURST == 0):
            yield pace
        yield piece
