"""The events of one stream under the hooks of its answer: which go on, which wait, and what the hooks say at last.

stream.py reads the stream, and ends it where a hook denies.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from penstock.core.json_text import with_utf8
from penstock.dialects.caller import CallerDialect
from penstock.dialects.framing import sse
from penstock.dialects.texts import TextView
from penstock.guards.base import Outbound, Phase, could_not
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.held_events import HeldEvents
from penstock.guards.plan import Hook, StreamMode
from penstock.guards.restore import Restoring
from penstock.guards.results import CheckRun, HookRun, phase_results
from penstock.guards.results import denied as any_denied
from penstock.guards.windows import Windows, gathered_texts
from penstock.pipeline.guarding.at_once import undone
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject

_MOST_KEPT: Final = 4 << 20
"""Bytes of a stream that are kept to be judged at its end, and the most that a buffer holds."""
_TOO_LATE: Final = "the answer is with the caller already: set stream to buffer"


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
    """Whether no results quote anything."""
    hides_denied: bool = True
    """Whether the results of an answer that is denied quote nothing of it."""
    gives_reasons: bool = False
    """Whether a denial names hooks and checks."""
    look_on: Callable[[Subject], Awaitable[None]] | None = None
    """Told of the answer at its end, for hooks that only look on."""
    restoring: Restoring | None = None
    asks_tokens: bool = False
    """Whether the request asks for the tokens of the answer (``logprobs``)."""

    def of(self, *modes: StreamMode) -> list[Hook]:
        return [hook for hook in self.hooks if hook.stream in modes]

    def with_first_event(self, events: bytes) -> bytes:
        """The beginning of a stream, with the event that tells of the request's hooks."""
        return self.view.with_results(phase_results(Phase.BEFORE, self.before, hides=self.hides), events)


class JudgedEvents:
    """``tells``: events of their own tell the results. ``denies``: a hook denies the answer, and nothing goes on any
    more. ``released`` is above 0 when text has gone on, or an answer was judged as a whole. ``runs`` are those of the
    hooks that have judged the answer, none while it lasts; ``whole`` those that judged the whole answer before its head
    was sent, ``unable`` those that can't judge an answer which is too long to wait. ``is_untold``: a hook changes the
    answer, and the changed one can't be told as a stream: nothing goes on any more."""

    def __init__(self, guards: StreamGuards, *, tells: bool) -> None:
        self._guards = guards
        self._tells = tells
        hooks = guards.of(StreamMode.BUFFER)
        # One hook that needs the whole answer makes all wait: then all are judged at the end.
        self.buffers = bool(hooks)
        self._buffer_bytes = min([_MOST_KEPT, *[hook.buffer_bytes for hook in hooks]])
        self.held = self._holding([] if hooks else guards.of(StreamMode.HOLD))
        self._window_hooks = [] if hooks else guards.of(StreamMode.WINDOW)
        self._windows = self._new_windows()
        self._window_runs: dict[int, HookRun] = {}
        self.unable: list[HookRun] = []
        self._unable_behind: list[HookRun] = []
        """The runs of hooks that could judge no text behind the end of an answer that was judged as a whole."""
        late = guards.of(StreamMode.AFTER)
        self._kept: list[bytes] | None = [] if hooks or late or guards.look_on is not None else None
        differs = any(hook.transforms for hook in late) and any(hook.transforms for hook in guards.of(StreamMode.HOLD))
        self._kept_changed: list[bytes] | None = [] if differs else None
        """What goes on of these, where hooks hold back and change texts: hooks that may change an answer, too, judge
        what the ones before them made of it."""
        self._kept_bytes = 0
        self._is_judged = False
        self.released = self._out_of_windows = 0
        self.denies = self.is_untold = False
        self.runs: list[HookRun] = []
        self.whole: list[HookRun] = []
        self._began, self._moment = time.monotonic(), time.time()

    @property
    def is_immediate(self) -> bool:
        """Whether each event is judged when it comes, until the stream ends."""
        return not (self.buffers or self._window_hooks)

    @property
    def is_unreadable(self) -> bool:
        """Whether an event came that no hook can read, and clients might: nothing goes on from there."""
        return self.held.is_unreadable or self._windows.is_unreadable

    @property
    def characters(self) -> int:
        """How many characters of texts have gone on of a stream that isn't judged as a whole."""
        return self._out_of_windows if self._window_hooks and not self.held.has_rules else self.held.released

    @property
    def holds_back(self) -> bool:
        """Whether a hook judges events before they go on, however long the answer is."""
        return self.held.has_rules or bool(self._window_hooks)

    def _holding(self, hooks: Sequence[Hook]) -> HeldEvents:
        guards = self._guards
        return HeldEvents(hooks, guards.view, guards.kind, asks_tokens=guards.asks_tokens)

    def _new_windows(self) -> Windows:
        hooks = self._window_hooks
        size = min([hook.window for hook in hooks], default=0)
        overlap = max([hook.overlap for hook in hooks], default=0)
        return Windows(self._guards.view, self._guards.kind, size, overlap)

    async def finished(self) -> bytes:
        """What waits at the end of a stream that did not tell its end."""
        if self.buffers:
            return await self._judged_whole()
        return await self._judged(b"", is_last=True)

    @property
    def keeps(self) -> bool:
        """Whether events are kept, for hooks that judge the answer at its end."""
        return self._kept is not None

    def passed_text(self, event: bytes, text: str) -> bytes:
        """What goes on of an event that is like an earlier one but for its text."""
        ready = self.held.feed_text(event, text)
        self._keep(event, ready)
        return self.denied(ready) if self.held.denied else ready

    def passed_texts(self, events: Iterable[tuple[bytes, str]]) -> bytes:
        """The same of several such events."""
        ready: list[bytes] = []
        for event, text in events:
            if self.denies:
                break
            ready.append(self.passed_text(event, text))
        return b"".join(ready)

    async def passed(self, events: bytes) -> bytes:
        """What goes on of some whole events. Bytes that no guard can read would hide the text around them, which
        clients read all the same."""
        events = with_utf8(events)
        if self.buffers:
            return await self._buffered(events)
        end = self._end_of(events)
        if end is None:
            return await self._judged(events)
        last = next(sse.blocks(events[end:]))
        before, behind = events[:end], events[end + len(last) :]
        ready = await self._judged(before) if before else b""
        if not (self.denies or self.is_unreadable):
            ready += await self.finished()
        if self.denies or self.is_unreadable:
            return ready
        ready += await self.judged_after(last) + last
        # Some clients read on behind the end, of which there may be any number.
        return ready + await self._judged(behind) if behind else ready

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

    async def _judged(self, events: bytes, *, is_last: bool = False) -> bytes:
        if self._unable_behind and gathered_texts(events, self._guards.view, self._guards.kind):
            self.unable, self._unable_behind = self._unable_behind, []
            if any_denied(self.unable):
                return self.denied(runs=self.unable)
        passed = await self._windowed(events, is_last=is_last)
        if self.denies or self._windows.is_unreadable:
            return b""
        ready = self.held.feed(passed) if passed else b""
        if is_last and not self.held.denied:
            ready += self.held.finish()
        self._keep(events, ready)
        if self.held.has_rules:
            self.released = max(self.released, self.held.released)
        elif not self._window_hooks:
            self.released = self.released or len(ready)
        return self.denied(ready) if self.held.denied else ready

    def _keep(self, events: bytes, ready: bytes) -> None:
        """Keep events, and what goes on of them, where the whole answer is judged at its end."""
        if self._kept is not None:
            self._kept_bytes += len(events)
            if self.buffers or self._kept_bytes <= _MOST_KEPT:
                self._kept.append(events)
                if self._kept_changed is not None:
                    self._kept_changed.append(ready)

    async def _windowed(self, events: bytes, *, is_last: bool = False) -> bytes:
        if not self._window_hooks:
            return events
        windows = self._windows
        windows.add(events)
        if not windows.waits or not (windows.is_due or is_last):
            return b""
        texts = windows.texts()
        if windows.is_unreadable:
            return b""
        if texts:
            body = GuardedBody(b"", lambda _: texts)
            subject = msgspec.structs.replace(self._guards.answered(b""), response=body)
            runs, _ = await run_hooks(self._window_hooks, subject, self._guards.outbound)
            for index, run in enumerate(runs):
                known = self._window_runs.get(index)
                # A window that could not be judged is told, unless another one fails.
                if known is None or known.is_clean or (known.verdict and not run.verdict):
                    self._window_runs[index] = run
            if any_denied(runs):
                return self.denied()
        ready, characters = windows.released()
        self.released += characters
        self._out_of_windows += characters
        return ready

    async def _buffered(self, events: bytes) -> bytes:
        self._keep(events, events)
        if self._kept_bytes > self._buffer_bytes:
            kept = self._overflowed()
            return b"" if self.denies else await self.passed(kept)
        return b"" if self._end_of(events) is None else await self._judged_whole()

    def _overflowed(self) -> bytes:
        """The events that waited of an answer which is larger than what may wait: hooks that can judge it as it arrives
        do so from here on, or in windows; the others can't judge it, and deny it where they fail closed."""
        self.unable = self._judging_as_it_arrives("The answer is too long to be held back.")
        if any_denied(self.unable):
            return self.denied(runs=self.unable)
        kept, self._kept_bytes = b"".join(self._kept or ()), 0
        is_kept = self._guards.of(StreamMode.AFTER) or self._guards.look_on is not None
        self._kept = [] if is_kept else None
        if self._kept_changed is not None:
            self._kept_changed.clear()
        return kept

    def _judging_as_it_arrives(self, why: str) -> list[HookRun]:
        """From here on hooks judge what comes as it arrives, or in windows: the runs of those that can do neither."""
        waiting = self._guards.of(StreamMode.BUFFER, StreamMode.WINDOW)
        self.buffers, self._window_hooks = False, [hook for hook in waiting if hook.may_judge_windows]
        self._windows, self.held = self._new_windows(), self._holding(self._guards.of(StreamMode.HOLD))
        return unjudged([hook for hook in waiting if not hook.may_judge_windows], why)

    async def _judged_whole(self) -> bytes:
        """The whole stream, judged as a plain answer is; and what stands behind its end, which some clients read."""
        stream, behind = b"".join(self._kept or ()), b""
        end = self._end_of(stream)
        if end is not None:
            whole = end + len(next(sse.blocks(stream[end:])))
            stream, behind = stream[:whole], stream[whole:]
        subject = self._subject_of(stream)
        if self._guards.look_on is not None:
            await self._guards.look_on(subject)
        self.runs, changed = await run_hooks(self._guards.hooks, subject, self._guards.outbound)
        new = None
        if changed is not subject:
            new = self._guards.dialect.replies.reshape.to_stream(changed.body.raw, self._guards.include_usage)
            self.runs = self.runs if new is not None else undone(self.runs, "the answer can't be told as a stream")
        if any_denied(self.runs):
            return self.denied(runs=self.runs)
        if new is None and any(each.is_unmade for run in self.runs for each in run.checks):
            # What a guard takes out must not go on because it can't be taken out here.
            self.is_untold, self.buffers = True, False
            return b""
        if new is not None:
            stream, end = new, self._end_of(new)
        self.released, self._kept, self.whole = 1, None, self.runs
        results = self._told() if self._tells else b""
        ready = stream + results if end is None else stream[:end] + results + stream[end:]
        self._unable_behind = self._judging_as_it_arrives("It follows the end of the answer.")
        return ready + await self._judged(behind) if behind else ready

    async def judged_after(self, last: bytes) -> bytes:
        """The event that tells what came of all hooks, before the stream's end. ``after`` hooks judge now; the answer
        is with the caller, so they deny nothing."""
        if self.whole or self._is_judged:
            return b""
        self._is_judged = True
        hooks, look_on = self._guards.of(StreamMode.AFTER), self._guards.look_on
        runs: list[HookRun] = []
        if self._kept is not None and self._kept_bytes > _MOST_KEPT:
            runs = unjudged(hooks, "The answer is too long to be judged.")
        elif self._kept is not None:
            subject = self._subject_of(b"".join(self._kept) + last)
            if look_on is not None:
                await look_on(subject)
            runs = await self._run_late([hook for hook in hooks if not hook.transforms], subject)
            if self._kept_changed is not None:
                subject = self._subject_of(b"".join(self._kept_changed) + last)
            runs += await self._run_late([hook for hook in hooks if hook.transforms], subject)
        self.runs = self._all_runs([msgspec.structs.replace(run, can_deny=False) for run in undone(runs, _TOO_LATE)])
        return self._told() if self._tells and self.runs else b""

    async def _run_late(self, hooks: Sequence[Hook], subject: Subject) -> list[HookRun]:
        runs, _ = await run_hooks(hooks, subject, self._guards.outbound, awaits_all=True)
        return runs

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
        runs = [*self.held.runs(self._moment, milliseconds), *self._window_runs.values(), *self.unable, *after]
        by_hook = {id(run.hook): run for run in runs}
        return [by_hook[id(hook)] for hook in self._guards.hooks if id(hook) in by_hook]

    def _told(self) -> bytes:
        return self._guards.view.results_event(phase_results(Phase.AFTER, self.runs, hides=self._guards.hides))

    def denied(self, ready: bytes = b"", runs: Sequence[HookRun] | None = None) -> bytes:
        """A hook denies the answer behind events that still go on."""
        self.runs = self._all_runs() if runs is None else list(runs)
        self.denies = True
        return ready


def unjudged(hooks: Sequence[Hook], why: str) -> list[HookRun]:
    """The runs of hooks that could not judge."""
    now = time.time()
    return [
        HookRun(hook, tuple(CheckRun(each, could_not(why), 0, now) for each in hook.checks), 0, now) for hook in hooks
    ]
