"""A stream under guards: a reply whose events were judged as their hooks ask for (docs/guardrails.md#streams).

``hold``: only text that could become part of a match waits. ``window``: events wait until their window is judged.
``buffer``: the whole answer waits. ``after``: nothing waits; the answer is judged at its end. The first text is judged
before the answer's head is sent, so that an early denial is status 446 and routing can go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import STREAM_HEAD
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.stream_watch import StreamWatch
from penstock.guards.held_events import HeldEvents
from penstock.guards.plan import Hook, HookCheck, StreamMode
from penstock.guards.results import HookRun, hook_results, reasons_of
from penstock.pipeline.call import Answer
from penstock.pipeline.guarding.denial import DENIED, told_denial
from penstock.pipeline.guarding.events import JudgedEvents, StreamGuards
from penstock.pipeline.relay import last_bytes
from penstock.transport.base import Reply, Take, hand_on, pass_on

_UNREADABLE: Final = Failure(
    Kind.INVALID_RESPONSE,
    f"The provider sent an event of more than {MAX_FRAME >> 20} MiB, of too many values or that is no JSON, which the "
    "guards of the config can't read.",
    sent=True,
)
_UNTOLD: Final = Failure(
    Kind.INVALID_RESPONSE,
    "A guard of the config changes the answer, and the changed answer can't be told as a stream: it is withheld.",
    sent=True,
)
_BETWEEN: Final = b"\n\n"
_MOST_ALIKE: Final = 64
"""Events that the watch over the judged stream is told of at once."""
Denies = Callable[[Sequence[HookRun], Sequence[HookRun]], Answer]


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
        self._is_between = True
        """Whether what has come are whole events."""
        self._events = JudgedEvents(guards, tells=tells)
        # What was masked in the request comes back last: guards of answers judge what the provider said.
        restoring = guards.restoring
        self._restored = None if restoring is None else HeldEvents([], guards.view, guards.kind, [restoring.rule()])
        self._failure: Failure | None = None
        self._has_ended = False
        self._begun = self._latest = b""
        """The first and the last events that went on, which an error event may have to fit."""
        self._asked: bytes | None = None
        self._known: bytes | None = None
        """What is behind the texts of events of which the provider's watch was asked whether they need come by, and of
        those that need not."""
        self._alike: list[bytes] = []
        """Events that went on as they are, of which the watch over the judged stream was not told yet."""
        self._reading: asyncio.Future[bytes] | None = None
        self._outer_watch: StreamWatch | None = None

    @property
    def runs(self) -> Sequence[HookRun]:
        """The runs of the hooks that have judged the answer; none while the answer lasts."""
        return self._events.runs

    @property
    def judged(self) -> Sequence[HookRun]:
        """The runs of hooks that judged the whole answer before its head was sent, or couldn't."""
        return self._events.whole or self._events.unable

    @property
    def released(self) -> int:
        """How many characters of the answer's texts have gone on."""
        return self._events.characters

    @property
    def overflowed(self) -> Iterable[tuple[Hook, HookCheck]]:
        """The checks for which more of a text would have had to wait than may."""
        return self._events.held.overflowed()

    # A reply.

    @property
    def failure(self) -> Failure | None:
        return self._failure

    async def read(self) -> bytes:
        reading, self._reading = self._reading, None
        return await (self._next() if reading is None else reading)

    async def pass_on(self, take: Take) -> None:
        """Hand the judged stream on to ``take``, which tells the watch over it of all events (``pass_on_known``)."""

        def take_known(data: bytes) -> Awaitable[None] | None:
            self._alike.clear()
            return take(data)

        await self.pass_on_known(take, take_known)

    async def pass_on_known(self, take: Take, take_known: Take) -> None:
        """Hand the judged stream on (``transport.base.pass_on``): events like the ones before them in the turn in which
        they arrive, one or several. Those that go on as they are reach ``take_known``: the watch is told of them, but
        for those that need not come by there."""
        events, held, watch = self._events, self._events.held, self._inner_watch
        is_immediate = events.is_immediate and self._restored is None and self._reading is None and not self._first
        if is_immediate and self._inner is not None and watch is not None:
            take_event = self._taker(watch, take, take_known)

            def take_judged(data: bytes) -> Awaitable[None] | None:
                behind = held.behind
                if behind is self._known and not self._has_ended:
                    before = held.before
                    texts = data.removeprefix(before).removesuffix(behind)
                    if len(before) + len(texts) + len(behind) == len(data):
                        characters = held.idles_in_json(texts, held.between)
                        if characters >= 0:
                            held.released += characters
                            self._latest = data
                            return take_known(data)
                return take_event(data)

            await pass_on(self._inner, take_judged)
        self._remember()
        while ready := await self.read():
            await hand_on(ready, take)

    def _taker(self, watch: StreamWatch, take: Take, take_known: Take) -> Take:
        """Takes what the provider's watch has not seen yet."""

        def take_event(data: bytes) -> Awaitable[None] | None:
            if self._has_ended:
                return None
            text = held.text_of(data)
            several = () if text is not None else held.texts_of(data)
            if several is None or not (self._is_between and watch_passes(data, held.before, held.behind)):
                self._asked = self._known = None
                return self._pass_slowly(data, take)
            joined = text if text is not None else "".join([each for _, each in several])
            if goes_on and self._begun and held.idles(joined):
                held.released += len(joined)
                self._latest = data
                alike.append(data)
                if len(alike) > _MOST_ALIKE:
                    self._remember()
                if self._asked is not held.behind:
                    self._asked = held.behind
                    self._known = held.behind if watch.knows(held.before, held.behind) else None
                return take_known(data)
            ready = passed_texts(several) if text is None else passed_text(data, text)
            if held.denied or self._tells_first or not self._begun:
                ready = events.denied(ready) if held.denied and not events.denies else ready
                ready = self._going_on(self._with_denial(ready))
            elif ready:
                self._latest = ready
            self._remember()
            return take(ready) if ready else None

        events, held, alike, watch_passes = self._events, self._events.held, self._alike, watch.passes
        # What nobody keeps need not come by there.
        passed_text = events.passed_text if events.keeps else held.feed_text
        passed_texts, goes_on = events.passed_texts, not (events.keeps or self._tells_first)
        return take_event

    def _remember(self) -> None:
        """Tell the watch over the judged stream of the events that went on by themselves."""
        if self._alike and self._outer_watch is not None:
            self._outer_watch.add(b"".join(self._alike))
            self._alike.clear()

    async def _pass_slowly(self, data: bytes, take: Take) -> None:
        self._remember()
        ready = self._going_on(await self._fed(data))
        if ready:
            await hand_on(ready, take)

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
        until = None if self._events.buffers or not waits else time.monotonic() + max(waits)
        first = bytearray()
        try:
            while not (self._events.released or self._has_ended):
                data = await self._within(until)
                if data is None:
                    break
                first += data
        except BaseException:
            self.close()
            raise
        if self.is_denied:
            refusal = self._denies(guards.before, self.runs)
            refusal.usage, refusal.model, refusal.dropped = answer.usage, answer.model, answer.dropped
            refusal.cache_status, refusal.is_cut = answer.cache_status, answer.usage is None
            answer.close()
            return refusal, True
        watch = StreamWatch(guards.dialect.replies.stream if answer.watch is None else answer.watch.grammar)
        answer.body = watch.feed(bytes(first), weigh=True)
        # The bytes that go on have been watched as the provider's.
        watch.is_seen, self._outer_watch = True, watch
        # An answer of its own: two that hold each other stay until the garbage collector comes.
        return msgspec.structs.replace(answer, rest=self, watch=watch), False

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
                ready = await self._passed(first)
            else:
                data = b"" if self._inner is None else await self._inner.read()
                ready = await self._fed(data) if data else await self._ended()
            ready = self._going_on(self._with_restored(ready))
            if ready:
                return ready
        return b""

    def _going_on(self, events: bytes) -> bytes:
        """Events that go on, the first ones with the results of the request's hooks."""
        if events:
            self._begun, self._latest = self._begun or events[:STREAM_HEAD], events
            if self._tells_first:
                self._tells_first = False
                return self._guards.with_first_event(events)
        return events

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
        if watch is not None and watch.error is not None:
            self._show()
        return await self._passed(events) if events else b""

    async def _passed(self, data: bytes) -> bytes:
        """What goes on of bytes that the provider's watch let pass."""
        whole = data if self._relay.is_whole(data) else self._relay.feed(data)
        self._is_between = self._relay.is_whole(_BETWEEN)
        if self._relay.mid_event and self._events.holds_back:
            return await self._unread()
        ready = self._with_denial(await self._events.passed(whole)) if whole else b""
        if self._events.is_unreadable:
            return ready + self._cut(_UNREADABLE)
        return self._cut(_UNTOLD) if self._events.is_untold else ready

    async def _unread(self) -> bytes:
        """An event is too long to be judged: the stream ends before it, as one does that breaks off."""
        return self._with_denial(await self._events.finished()) + self._cut(_UNREADABLE)

    def _cut(self, failure: Failure) -> bytes:
        """Nothing goes on any more: the stream ends as one does that breaks off, and the upstream is closed."""
        if self._inner is not None:
            self._inner.close()
        self._show()
        self._failure, self._has_ended = failure, True
        return b""

    def _show(self) -> None:
        """What goes on now may hold an error, which the watch over the judged stream has to see."""
        if self._outer_watch is not None:
            self._outer_watch.is_seen = False

    async def _ended(self) -> bytes:
        """The provider's stream has ended: what still waits, and the end as the caller's wire has it."""
        self._show()
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
        judging = self._events
        ready = await judging.passed(events) if events else b""
        if judging.is_unreadable:
            return ready + self._cut(_UNREADABLE)
        if not judging.denies:
            ready += await judging.finished()
            if broken is None and self._answer.broken is None and not judging.denies:
                ready += await judging.judged_after(b"")
        ready = self._with_denial(ready) if judging.denies else ready + error
        untold = _UNTOLD if judging.is_untold and not error else None
        self._failure, self._has_ended = broken or untold, True
        return ready

    @property
    def _has_failed(self) -> bool:
        """Whether the provider's stream broke off or told an error, whatever a hook says of what came before."""
        inner, watch = self._inner, self._inner_watch
        is_error = watch is not None and watch.error is not None
        return is_error or self._answer.broken is not None or (inner is not None and inner.failure is not None)

    def _with_denial(self, ready: bytes) -> bytes:
        """Events that go on, and where a hook denies the answer the end of its stream: the upstream is closed at once,
        so that it costs no more."""
        if not self._events.denies or self.is_denied:
            return ready
        self.is_denied = self._has_ended = True
        self._show()
        if self._outer_watch is not None and not self._has_failed:
            self._outer_watch.denial = DENIED
        if self._inner is not None:
            self._inner.close()
        guards = self._guards
        before, after, dialect, results = guards.before, self.runs, guards.dialect, None
        if self._tells:
            results = hook_results(before, after, hides=guards.hides_denied, hides_before=guards.hides)
        reasons = reasons_of((*before, *after)) if guards.gives_reasons else ()
        error = told_denial(dialect, results, reasons, guards.trace)
        event, fit_error = dialect.errors.as_event(error.body), dialect.replies.stream.fit_error
        return ready + (event if fit_error is None else fit_error(self._begun + self._latest + ready, event))
