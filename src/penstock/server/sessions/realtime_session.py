"""A session over WebSocket between a caller and a target, once both have switched: frames pass unchanged, both ways.

Usage is added up from the provider's events. Source: docs/realtime.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.frames import Frame, Opcode

from penstock.core.failure import Failure, Kind
from penstock.dialects.session_events import SessionEvents
from penstock.pipeline.call import Answer
from penstock.pipeline.keeping.session_ids import SessionIds
from penstock.server.respond import STOPPING
from penstock.server.sessions.socket_end import GOING_AWAY, INTERNAL_ERROR, NORMAL, POLICY_VIOLATION, Gone, SocketEnd
from penstock.server.sessions.standing import LOOK_SECONDS
from penstock.settings.realtime import Realtime

_LAST_WORDS_SECONDS: Final = 2.0
"""How long the other end may take to answer a close frame."""
_LONGEST_JUDGED: Final = 1 << 20
"""Bytes of a message in which a model may be named, where only certain models are allowed."""
_LONGEST_MODEL: Final = 2048
"""Characters of a model's name, as in bodies: it is recorded."""


class Session:
    """One session: two directions, each a task's loop. ``failure`` is why it ended, None for a close frame and for a
    caller that left (``has_left``).

    ``is_providers_fault``: the provider ended it without one.
    """

    def __init__(
        self,
        caller: SocketEnd,
        upstream: SocketEnd,
        answer: Answer,
        events: SessionEvents,
        trace: str,
        now: Callable[[], float],
        ids: SessionIds | None = None,
        has_left: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ids = ids
        self._has_left = has_left
        self._caller = caller
        self._upstream = upstream
        self._answer = answer
        self._events = events
        self._trace = trace
        self._now = now
        self._last_message = now()
        self._model: str | None = None
        self.failure: Failure | None = None
        self.is_providers_fault = False

    async def run(self, settings: Realtime, refusal: Callable[[], Awaitable[Failure | None]]) -> None:
        """Relay until one side ends the session, or a limit does. ``refusal`` is asked each second why the session may
        not go on."""
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._from_caller(), name="realtime: from the caller"),
            loop.create_task(self._from_upstream(), name="realtime: from the provider"),
        ]
        try:
            await self._wait(tasks, settings, refusal)
            await self._part(tasks)
        except asyncio.CancelledError:
            # The caller left, or the gateway stops: both are told, as far as they can be, without waiting for either.
            has_left = self._has_left()
            # A caller that was told of a failure leaves at once: that failure stays the reason.
            self.failure = self.failure or (None if has_left else STOPPING)
            reason = "The caller has left." if has_left else "The gateway is stopping."
            for end in (self._caller, self._upstream):
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(0.1):
                        await end.close(GOING_AWAY, reason)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(
        self,
        tasks: list[asyncio.Task[None]],
        settings: Realtime,
        refusal: Callable[[], Awaitable[Failure | None]],
    ) -> None:
        """Wait for the first direction that ends, at most as long as a session may last or be silent."""
        over, look = self._now() + (settings.session_seconds or math.inf), self._now() + LOOK_SECONDS
        while True:
            now, idle = self._now(), self._last_message + (settings.idle_seconds or math.inf)
            if now >= min(over, idle):
                self.failure = _over(settings, is_idle=now < over)
                return
            if not self._are_alive(now):
                return
            if now >= look:
                look = now + LOOK_SECONDS
                if (refused := await refusal()) is not None:
                    self.failure = refused
                    return
            due = min(over, idle, look, self._caller.silence_due(), self._upstream.silence_due()) - now
            done, _ = await asyncio.wait(tasks, timeout=max(due, 0), return_when=asyncio.FIRST_COMPLETED)
            if done:
                for task in done:
                    task.result()
                return

    def _are_alive(self, now: float) -> bool:
        """Ask each side that is silent for a sign of life. False if one of them was asked in vain."""
        try:
            self._caller.ask(now)
        except Gone:
            self._fail(Kind.CLIENT_DISCONNECTED, "The caller gives no sign of life.")
            return False
        try:
            self._upstream.ask(now)
        except Gone:
            self.is_providers_fault = True
            self._fail(Kind.IDLE_TIMEOUT, "The provider gives no sign of life: open another session.")
            return False
        return True

    async def _part(self, tasks: list[asyncio.Task[None]]) -> None:
        """Tell each side that still listens how the session ended, and wait a moment for its close frame. A side that
        reads nothing holds up neither the other nor the end."""
        for tell in (self._tell_caller, self._tell_upstream):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await tell()
        running = [task for task in tasks if not task.done()]
        if running:
            await asyncio.wait(running, timeout=_LAST_WORDS_SECONDS)

    async def _tell_caller(self) -> None:
        caller, upstream, failure = self._caller, self._upstream, self.failure
        if failure is not None and caller.is_open:
            await caller.say(self._events.error(failure, self._trace))
        if upstream.close_code is not None:
            await caller.close(upstream.close_code, upstream.close_reason)
        elif failure is not None:
            await caller.close(_code_of(failure), failure.message)

    async def _tell_upstream(self) -> None:
        caller, upstream = self._caller, self._upstream
        if caller.close_code is not None:
            await upstream.close(caller.close_code, caller.close_reason)
        else:
            await upstream.close(GOING_AWAY if self.failure is not None else NORMAL)

    async def _from_caller(self) -> None:
        """Send the caller's frames on until its close frame. Its leaving cancels the session's task."""
        caller, held = self._caller, _Held()
        while caller.close_code is None:
            for frame in await caller.frames():
                self._last_message = self._now()
                if self._looks_at_models:
                    whole = held.whole(frame)
                    if whole is None:
                        continue
                    frame = whole
                    refused = self._refused(bytes(frame.data))
                    if refused is not None:
                        self.failure = self.failure or refused
                        return
                    known = self._with_own_ids(frame)
                    if isinstance(known, Failure):
                        self.failure = self.failure or known
                        return
                    frame = known
                await self._upstream.send(frame)
            if caller.fault is not None:
                self._fail(Kind.INVALID_REQUEST, f"The session's frames can't be used: {caller.fault[1]}")
                return

    def _with_own_ids(self, frame: Frame) -> Frame | Failure:
        """A whole message of the caller's with the provider's own ids."""
        if self._ids is None:
            return frame
        message = self._ids.of_caller(bytes(frame.data))
        return message if isinstance(message, Failure) else Frame(frame.opcode, message)

    @property
    def _looks_at_models(self) -> bool:
        """Whether a message of the caller's may name a model that counts."""
        events = self._events
        is_named = events.model_of is None or (self._model is not None and not events.asks_again)
        return self._answer.model_lists is not None or not is_named

    def _refused(self, message: bytes) -> Failure | None:
        """The failure if a message of the caller's may not be sent for the model that it names, or doesn't name."""
        lists, events = self._answer.model_lists, self._events
        model = None if events.model_of is None else events.model_of(message)
        if lists is not None:
            refused = _refused(message, lists.refused, events)
            if refused is not None:
                return refused
            if model == "" or (model is None and self._model is None and events.model_of is not None):
                text = "The message names no model, and your gateway key or virtual key allows certain models only."
                return Failure(Kind.NOT_ALLOWED, text, "model")
        return self._named(model) if model else None

    def _named(self, model: str) -> Failure | None:
        """Take the model that a message names: the one that is paid for, whatever the request's query has said. Usage
        is added up for one model."""
        if len(model) > _LONGEST_MODEL:
            text = f"The name of a model has at most {_LONGEST_MODEL} characters."
            return Failure(Kind.NOT_ALLOWED, text, "model")
        if self._model not in (None, model):
            text = f"A session has one model, here '{self._model}': open another session for '{model[:64]}'."
            return Failure(Kind.UNSUPPORTED_OPERATION, text, "model")
        self._model = model
        if self._answer.attempt is not None:
            self._answer.attempt.model = model
        return None

    async def _from_upstream(self) -> None:
        """Send the provider's frames on until its close frame, and count what they tell of usage."""
        upstream, attempt, held = self._upstream, self._answer.attempt, _Held()
        while upstream.close_code is None:
            try:
                frames = await upstream.frames()
            except Gone:
                self.is_providers_fault = self._caller.close_code is None
                if self.is_providers_fault:
                    self._fail(Kind.TRUNCATED, "The provider ended the session without a word: open another.")
                return
            for frame in frames:
                self._last_message = self._now()
                whole = held.whole(frame)
                used = None if whole is None or attempt is None else self._events.used_by(bytes(whole.data))
                if used is not None and attempt is not None:
                    attempt.usage = used if attempt.usage is None else attempt.usage.plus(used)
                if self._ids is None or self._ids.change is None:
                    await self._caller.send(frame)
                elif whole is not None:
                    await self._caller.send(Frame(whole.opcode, self._ids.of_host(bytes(whole.data))))
            if upstream.fault is not None:
                self.is_providers_fault = True
                self._fail(Kind.INVALID_RESPONSE, f"The provider's frames can't be used: {upstream.fault[1]}")
                return

    def _fail(self, kind: Kind, text: str) -> None:
        self.failure = self.failure or Failure(kind, text, sent=True)


class _Held:
    """The fragments of one message, held until it is whole."""

    def __init__(self) -> None:
        self._opcode: Opcode | None = None
        self._data = bytearray()

    def whole(self, frame: Frame) -> Frame | None:
        """The message that ends with a frame; None if it goes on. The library bounds its size."""
        if self._opcode is None:
            if frame.fin:
                return frame
            self._opcode = frame.opcode
        self._data += frame.data
        if not frame.fin:
            return None
        whole = Frame(self._opcode, bytes(self._data))
        self._opcode, self._data = None, bytearray()
        return whole


def _refused(data: bytes, judge: Callable[[str], Failure | None], events: SessionEvents) -> Failure | None:
    """The failure if an event of the caller's names a model that is not allowed."""
    # A zero byte: JSON in UTF-16, which some hosts read.
    if b"model" not in data.lower() and b"\\u" not in data and b"\0" not in data:
        return None
    models = events.models_in(data) if len(data) <= _LONGEST_JUDGED else None
    if models is None:
        text = "An event can't be read, and your gateway key or virtual key allows certain models only."
        return Failure(Kind.MODEL_NOT_ALLOWED, text, "model")
    return next((refused for model in models if (refused := judge(model)) is not None), None)


def _over(settings: Realtime, *, is_idle: bool) -> Failure:
    if is_idle:
        text = f"Nobody said anything for {settings.idle_seconds:g} s (setting realtime.idle_seconds)."
        return Failure(Kind.IDLE_TIMEOUT, text)
    text = f"The session lasted {settings.session_seconds:g} s (setting realtime.session_seconds): open another."
    return Failure(Kind.TOTAL_TIMEOUT, text)


def _code_of(failure: Failure) -> int:
    if failure.kind in _POLICY:
        return POLICY_VIOLATION
    return GOING_AWAY if failure.kind in {Kind.IDLE_TIMEOUT, Kind.TOTAL_TIMEOUT} else INTERNAL_ERROR


_POLICY: Final = frozenset(
    {
        Kind.NOT_ALLOWED,
        Kind.MODEL_NOT_ALLOWED,
        Kind.UNSUPPORTED_OPERATION,
        Kind.INVALID_GATEWAY_KEY,
        Kind.BUDGET_EXCEEDED,
        Kind.RATE_LIMIT_EXCEEDED,
        Kind.UNKNOWN_VIRTUAL_KEY,
        Kind.VIRTUAL_KEY_EXPIRED,
        Kind.VIRTUAL_KEY_DISABLED,
    }
)
"""What a session may not go on for."""
