"""A stream under guards: a reply whose events were judged as their hooks ask for (docs/guardrails.md#streams).

``hold``: only text that could become part of a match waits. ``window``: events wait until their window is judged.
``buffer``: the whole answer waits. ``after``: nothing waits; the answer is judged at its end. The first text is judged
before the answer's head is sent, so that an early denial is status 446 and routing can go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.dialects.caller import CallerDialect
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.stream_watch import StreamWatch
from penstock.dialects.texts import TextView
from penstock.guards.base import GuardedBody, Outbound, Phase, could_not
from penstock.guards.held_events import HeldEvents
from penstock.guards.plan import Hook, StreamMode
from penstock.guards.restore import Restoring
from penstock.guards.results import CheckRun, HookRun, denied, hook_results, phase_results
from penstock.guards.windows import Windows, gathered_texts
from penstock.pipeline.call import Answer
from penstock.pipeline.guard_at_once import undone
from penstock.pipeline.guard_denial import told_denial
from penstock.pipeline.guard_hooks import run_hooks
from penstock.pipeline.guard_subject import Subject
from penstock.pipeline.relay import last_bytes
from penstock.transport.base import Reply

_MOST_KEPT: Final = 4 << 20
"""Bytes of a stream that are kept to be judged at its end."""
_TOO_LATE: Final = "the answer is with the caller already: set stream to buffer"
Denies = Callable[[Sequence[HookRun], Sequence[HookRun]], Answer]


class StreamGuards(msgspec.Struct, frozen=True):
    """The hooks of a stream's answer, and all that they need. ``before`` are the runs of the request's hooks;
    ``answered``: the answer's body as JSON -> what is judged."""

    hooks: Sequence[Hook]
    before: Sequence[HookRun]
    answered: Callable[[bytes], Subject]
    view: TextView
    kind: str
    outbound: Outbound
    dialect: CallerDialect
    trace: str
    include_usage: bool = False
    hides: bool = False
    look_on: Callable[[Subject], Awaitable[None]] | None = None
    """Told of the answer at its end, for hooks that only look on."""
    restoring: Restoring | None = None

    def of(self, *modes: StreamMode) -> list[Hook]:
        return [hook for hook in self.hooks if hook.stream in modes]

    def with_first_event(self, events: bytes) -> bytes:
        """The beginning of a stream, with the event that tells of the request's hooks."""
        told = self.view.results_event(phase_results(Phase.BEFORE, self.before, hides=self.hides))
        first = b"" if self.view.results_first else next(sse.blocks(events), b"")
        return first + told + events[len(first) :]


class GuardedStream:
    """Implements ``Reply``. ``tells``: events of their own tell the results; ``denies`` makes status 446.
    ``is_denied``: a hook denied the answer, before its head or in the middle of it."""

    def __init__(self, answer: Answer, guards: StreamGuards, denies: Denies, *, tells: bool) -> None:
        self.status = answer.status
        self.headers: Headers = answer.headers
        self.is_denied = False
        self._answer = answer
        self._guards = guards
        self._denies = denies
        self._tells = tells
        self._tells_first = tells and bool(guards.before)
        self._inner: Reply | None = answer.rest
        self._inner_watch = answer.watch
        self._first = answer.body
        self._relay = sse.EventRelay(hold=MAX_FRAME)
        hooks = guards.of(StreamMode.BUFFER)
        # One hook that needs the whole answer makes all wait: then all are judged at the end.
        self._buffers = bool(hooks)
        self._buffer_bytes = min([hook.buffer_bytes for hook in hooks], default=0)
        self._held = HeldEvents([] if hooks else guards.of(StreamMode.HOLD), guards.view, guards.kind)
        # What was masked in the request comes back last: guards of answers judge what the provider said.
        restoring = guards.restoring
        self._restored = None if restoring is None else HeldEvents([], guards.view, guards.kind, [restoring.rule()])
        self._window_hooks = [] if hooks else guards.of(StreamMode.WINDOW)
        self._windows = self._new_windows()
        self._window_runs: dict[int, HookRun] = {}
        is_kept = hooks or guards.look_on is not None or guards.of(StreamMode.AFTER)
        self._kept: list[bytes] | None = [] if is_kept else None
        self._kept_bytes = 0
        self._released = 0
        self._failure: Failure | None = None
        self._has_ended = self._is_judged = False
        self._runs: list[HookRun] = []
        self._latest = b""
        """The last events that went on, which an error event may have to fit."""
        self.judged: list[HookRun] = []
        """The runs of hooks that judged the whole answer before its head was sent."""
        self._began, self._moment = time.monotonic(), time.time()
        self._reading: asyncio.Future[bytes] | None = None

    def _new_windows(self) -> Windows:
        hooks = self._window_hooks
        size = min([hook.window for hook in hooks], default=0)
        overlap = max([hook.overlap for hook in hooks], default=0)
        return Windows(self._guards.view, self._guards.kind, size, overlap)

    @property
    def runs(self) -> Sequence[HookRun]:
        """The runs of the hooks that have judged the answer; none while the answer lasts."""
        return self._runs

    # A reply.

    @property
    def failure(self) -> Failure | None:
        return self._failure

    async def read(self) -> bytes:
        reading, self._reading = self._reading, None
        return await (self._next() if reading is None else reading)

    def close(self) -> None:
        self._has_ended = True
        if self._reading is not None:
            self._reading.cancel()
        if self._inner is not None:
            self._inner.close()

    # The answer.

    async def begun(self) -> tuple[Answer, bool]:
        """The answer with the first text that was judged; or status 446, and True."""
        answer, guards = self._answer, self._guards
        waits = [hook.first_wait for hook in guards.hooks if hook.stream in {StreamMode.HOLD, StreamMode.WINDOW}]
        until = None if self._buffers or not waits else time.monotonic() + max(waits)
        first = bytearray()
        try:
            while not (self._released or self._has_ended):
                data = await self._within(until)
                if data is None:
                    break
                first += data
        except BaseException:
            self.close()
            raise
        if self.is_denied:
            refusal = self._denies(guards.before, self._runs)
            refusal.usage, refusal.model, refusal.dropped = answer.usage, answer.model, answer.dropped
            refusal.cache_status, refusal.is_cut = answer.cache_status, answer.usage is None
            answer.close()
            return refusal, True
        watch = StreamWatch(guards.dialect.replies.stream if answer.watch is None else answer.watch.grammar)
        answer.body = watch.feed(bytes(first), weigh=True)
        answer.rest, answer.watch = self, watch
        return answer, False

    async def _within(self, until: float | None) -> bytes | None:
        """The next bytes; None if they don't come in time, and are to be read later."""
        if until is None:
            return await self._next()
        reading = asyncio.ensure_future(self._next())
        try:
            await asyncio.wait({reading}, timeout=max(0.0, until - time.monotonic()))
        except BaseException:
            reading.cancel()
            raise
        if reading.done():
            return reading.result()
        self._reading = reading
        return None

    # Reading.

    async def _next(self) -> bytes:
        """The next bytes that can go on; nothing at the end."""
        while not self._has_ended:
            first, self._first = self._first, b""
            if first:
                ready = await self._passed(self._relay.feed(first))
            else:
                data = b"" if self._inner is None else await self._inner.read()
                ready = await self._fed(data) if data else await self._ended()
            ready = self._with_restored(ready)
            if ready:
                self._latest = ready
                return self._with_first_event(ready)
        return b""

    def _with_first_event(self, events: bytes) -> bytes:
        tells, self._tells_first = self._tells_first, False
        return self._guards.with_first_event(events) if tells else events

    def _with_restored(self, events: bytes) -> bytes:
        """Events with what guards masked in the request."""
        restored = self._restored
        if restored is None:
            return events
        ready = restored.feed(events) if events else b""
        return ready + restored.finish() if self._has_ended else ready

    async def _fed(self, data: bytes) -> bytes:
        watch = self._inner_watch
        events = data if watch is None else watch.feed(data)
        return await self._passed(self._relay.feed(events)) if events else b""

    async def _ended(self) -> bytes:
        """The provider's stream has ended: what still waits, and the end as the caller's wire has it."""
        inner, watch = self._inner, self._inner_watch
        broken = None if inner is None else inner.failure
        last = b""
        if broken is None and watch is not None:
            last = last_bytes(self._answer, watch, self._guards.dialect, self._guards.trace, None)
        events = self._relay.feed(last) + self._relay.finish()
        error = b""
        if self._answer.broken is not None and events:
            error = list(sse.blocks(events))[-1]
            events = events[: -len(error)]
        ready = await self._passed(events) if events else b""
        if not self._has_ended:
            ready += await self._finished()
            if broken is None and self._answer.broken is None and not self.is_denied:
                ready += await self._judged_after(b"")
            ready += error
        self._failure, self._has_ended = broken, True
        return ready

    async def _finished(self) -> bytes:
        """What waits at the end of a stream that did not tell its end."""
        if self._buffers:
            return await self._judged_whole()
        ready = self._held.finish()
        self._released += self._held.released
        if self._held.denied:
            return ready + self._denied(after=ready)
        return await self._windowed(ready, is_last=True)

    # Judging.

    async def _passed(self, events: bytes) -> bytes:
        """What goes on of some whole events."""
        if self._buffers:
            return await self._buffered(events)
        end = self._end_of(events)
        if end is None:
            return await self._judged(events)
        before, last = events[:end], events[end:]
        ready = await self._judged(before) if before else b""
        if not self._has_ended:
            ready += await self._finished()
        if self._has_ended:
            return ready
        told = await self._judged_after(last)
        return ready + told + last

    def _end_of(self, events: bytes) -> int | None:
        """Where the event begins that ends the stream."""
        mark = self._guards.view.end_mark
        if mark is None or mark not in events:
            return None
        at = 0
        for block in sse.blocks(events):
            name, data = next(sse.events(block), (b"", b""))
            if data and self._guards.view.is_end(name, data):
                return at
            at += len(block)
        return None

    async def _judged(self, events: bytes) -> bytes:
        ready = self._held.feed(events)
        if self._held.denied:
            self._released += self._held.released
            return ready + self._denied(after=ready)
        ready = await self._windowed(ready)
        if self._kept is not None:
            self._keep(ready)
        if not self._window_hooks:
            self._released = self._held.released or (1 if ready and not self._held.has_rules else 0)
        return ready

    def _keep(self, events: bytes) -> None:
        self._kept_bytes += len(events)
        if self._kept is not None and self._kept_bytes <= _MOST_KEPT:
            self._kept.append(events)

    async def _windowed(self, events: bytes, *, is_last: bool = False) -> bytes:
        if not self._window_hooks:
            return events
        windows = self._windows
        windows.add(events)
        if not windows.waits or not (windows.is_due or is_last):
            return b""
        texts = windows.texts()
        if texts:
            body = GuardedBody(b"", lambda _: texts)
            subject = msgspec.structs.replace(self._guards.answered(b""), response=body)
            runs, _ = await run_hooks(self._window_hooks, subject, self._guards.outbound)
            for index, run in enumerate(runs):
                known = self._window_runs.get(index)
                if known is None or known.verdict:
                    self._window_runs[index] = run
            if denied(runs):
                return self._denied()
        ready, characters = windows.released()
        self._released += characters
        return ready

    async def _buffered(self, events: bytes) -> bytes:
        self._keep(events)
        if self._kept_bytes > self._buffer_bytes:
            return self._overflowed()
        return b"" if self._end_of(events) is None else await self._judged_whole()

    def _overflowed(self) -> bytes:
        """The answer is larger than what may wait: hooks that fail closed deny it, the others can't judge it."""
        self._runs = unjudged(self._guards.hooks, "The answer is too long to be held back.")
        if denied(self._runs):
            return self._denied(self._runs)
        kept, self._kept, self._buffers = b"".join(self._kept or ()), None, False
        self._released, self.judged = 1, self._runs
        return kept

    async def _judged_whole(self) -> bytes:
        """The whole stream, judged as a plain answer is."""
        stream = b"".join(self._kept or ())
        subject = self._subject_of(stream)
        self._runs, changed = await run_hooks(self._guards.hooks, subject, self._guards.outbound)
        new = None
        if changed is not subject:
            new = self._guards.dialect.replies.reshape.to_stream(changed.body.raw, self._guards.include_usage)
            self._runs = self._runs if new is not None else undone(self._runs, "the answer can't be told as a stream")
        if denied(self._runs):
            return self._denied(self._runs)
        stream = stream if new is None else new
        self._released, self._buffers, self._kept = 1, False, None
        self.judged = self._runs
        end = self._end_of(stream)
        told = self._told() if self._tells else b""
        return stream + told if end is None else stream[:end] + told + stream[end:]

    async def _judged_after(self, last: bytes) -> bytes:
        """The event that tells what came of all hooks, before the stream's end. ``after`` hooks judge now; the answer
        is with the caller, so they deny nothing."""
        if self.judged or self._is_judged:
            return b""
        self._is_judged = True
        hooks, look_on = self._guards.of(StreamMode.AFTER), self._guards.look_on
        runs: list[HookRun] = []
        if self._kept is not None:
            stream = b"".join(self._kept) + last
            if look_on is not None and self._kept_bytes <= _MOST_KEPT:
                await look_on(self._subject_of(stream))
            if self._kept_bytes > _MOST_KEPT:
                runs = unjudged(hooks, "The answer is too long to be judged.")
            else:
                runs, _ = await run_hooks(hooks, self._subject_of(stream), self._guards.outbound)
            runs = [msgspec.structs.replace(run, can_deny=False) for run in undone(runs, _TOO_LATE)]
        self._runs = self._all_runs(runs)
        return self._told() if self._tells and self._runs else b""

    def _subject_of(self, stream: bytes) -> Subject:
        guards = self._guards
        body = guards.dialect.replies.reshape.gather(stream)
        if body is not None:
            return guards.answered(body)
        texts = gathered_texts(stream, guards.view, guards.kind)
        return msgspec.structs.replace(guards.answered(b""), response=GuardedBody(b"", lambda _: texts))

    def _all_runs(self, after: Sequence[HookRun] = ()) -> list[HookRun]:
        """The runs of all hooks, in their order."""
        milliseconds = int((time.monotonic() - self._began) * 1000)
        runs = [*self._held.runs(self._moment, milliseconds), *self._window_runs.values(), *after]
        by_hook = {id(run.hook): run for run in runs}
        return [by_hook[id(hook)] for hook in self._guards.hooks if id(hook) in by_hook]

    def _told(self) -> bytes:
        return self._guards.view.results_event(phase_results(Phase.AFTER, self._runs, hides=self._guards.hides))

    def _denied(self, runs: Sequence[HookRun] | None = None, after: bytes = b"") -> bytes:
        """The end of a stream that a hook denies, ``after`` events that go on: the upstream is closed at once, so that
        it costs no more."""
        self._runs = self._all_runs() if runs is None else list(runs)
        self.is_denied = self._has_ended = True
        if self._inner is not None:
            self._inner.close()
        results = hook_results(self._guards.before, self._runs, hides=True) if self._tells else None
        dialect = self._guards.dialect
        told = told_denial(dialect, results, (), self._guards.trace)
        event, fit_error = dialect.errors.as_event(told.body), dialect.replies.stream.fit_error
        return event if fit_error is None else fit_error(self._latest + after, event)


def unjudged(hooks: Sequence[Hook], why: str) -> list[HookRun]:
    """The runs of hooks that could not judge."""
    now = time.time()
    return [
        HookRun(hook, tuple(CheckRun(each, could_not(why), 0, now) for each in hook.checks), 0, now) for hook in hooks
    ]
