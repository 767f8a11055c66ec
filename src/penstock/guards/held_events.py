"""Guards that hold back: the events of a stream, of whose texts only what could still become part of a match waits.

Each choice, reasoning text and tool call has its own state (``TextKey``). Several rules change a text one after the
other, in their order. Sans-I/O; pipeline/guarding/stream.py feeds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_any_numbers, write_json
from penstock.core.segments import ALL_SLOTS, Delta, Pointer, Segment, SegmentKind, TextKey, with_whole_pairs
from penstock.dialects.framing import sse
from penstock.dialects.remaining_texts import rest_of_event
from penstock.dialects.texts import NamePiece, TextView
from penstock.guards.arguments import ArgumentsText, CallText, Fed, UnescapedText, is_arguments
from penstock.guards.base import Judgement, could_not
from penstock.guards.event_template import EventTemplate, template_of
from penstock.guards.held_text import RuledText, StreamRule, in_turn
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.repeated_texts import RepeatedTexts
from penstock.guards.results import CheckRun, HookRun
from penstock.guards.rewritten_event import (
    number_of,
    numbered,
    says_nothing_else,
    tokens_beside,
    with_text_alone,
    written,
)
from penstock.guards.streamed_names import MOST_WAITING, StreamedNames
from penstock.guards.whole_events import Piece, WholeEvents
from penstock.guards.windows import is_unreadable

_BETWEEN: Final = b"\n\n"
_NAMES: Final = Delta((SegmentKind.OTHER, 0, 0), (), "", is_plain=False, is_whole=True)


def _no_text(_: bytes) -> None:
    """No event was there that others may be like."""


def _never(_: str) -> bool:
    return False


def _never_in_json(*_: bytes) -> int:
    return -1


class _Text:
    """One text of the stream, which ``fed`` takes."""

    def __init__(self, fed: Fed) -> None:
        self.fed = fed
        self.half = ""
        """The first half of a surrogate pair, with which a piece ended: it waits for the other."""
        self.carrier: tuple[bytes, Any, Pointer] | None = None
        """The latest event that added to the text: its name, its data, and the place of the text."""

    def feed(self, text: str, *, last: bool) -> tuple[str, bool]:
        """What can go on now, and whether a rule denies the text."""
        if self.half:
            text, self.half = with_whole_pairs(self.half + text), ""
        if not last and "\ud800" <= text[-1:] <= "\udbff":
            text, self.half = text[:-1], text[-1]
        return self.fed.feed(text, last=last)


class _Event(msgspec.Struct):
    """An event: its bytes, its name and its data, what it adds to texts, which of them end with it, and what it adds to
    names that are judged."""

    block: bytes
    name: bytes
    data: bytes
    value: Any
    deltas: tuple[Delta, ...]
    closed: int | None
    pieces: tuple[NamePiece, ...] = ()


class HeldEvents:
    """Passes the events of one stream. ``denied``: a rule denies the answer; nothing goes on behind that.
    ``released`` counts the characters of text that went on. ``asks_tokens``: the request asks for the tokens of the
    answer, with which its events go on as they are where no rule changes a text (whole_events.py)."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        view: TextView,
        kind: str,
        besides: Sequence[StreamRule] = (),
        *,
        asks_tokens: bool = False,
    ) -> None:
        self._view = view
        self._kind = kind
        self._hooks = tuple(hooks)
        rules = [
            StreamRule(check.prepared.hold, hook, check)
            for hook in hooks
            for check in hook.checks
            if check.prepared.hold is not None
        ]
        self._told_rules, self._rules = rules, in_turn(rules)
        self._naming = [each for each in self._rules if each.check is not None and _sees(each.check, _NAMES)]
        """The rules that judge names, too."""
        self._reads_rest = bool(self._naming or besides)
        """Whether a rule sees what the wire's own view of texts passes over."""
        self._judges = bool(self._rules)
        """Whether a rule is a guard's: what none of them can read must not go on."""
        keeps = asks_tokens and self._judges and not any(each.changes for each in self._rules)
        self._whole = WholeEvents() if keeps else None
        self._rules += besides
        self._texts: dict[TextKey, _Text] = {}
        self._repeated = RepeatedTexts()
        self._names = StreamedNames()
        self._waiting: list[_Event] = []
        self._waiting_bytes = 0
        """The events since the first piece of a name that may go on."""
        self._next = self._shift = 0
        """In a wire that numbers its events: the next event's number, and by how much it is above its own."""
        self._template: EventTemplate | None = None
        self.text_of: Callable[[bytes], str | None] = _no_text
        """The text of an event that is like an earlier one but for it; None for any other event."""
        self.before = self.behind = self.between = b""
        """What stands around the text of such an event, and between the texts of several; empty where there was
        none."""
        self.idles: Callable[[str], bool] = _never
        """Takes the text of such events, where they go on as they are (``Fed.idles``)."""
        self.idles_in_json: Callable[[bytes, bytes], int] = _never_in_json
        """The same of what is between ``before`` and ``behind`` (``Fed.idles_in_json``)."""
        self.denied = False
        self.is_unreadable = False
        """Whether an event is no JSON, though it begins as JSON does: nobody knows what clients read of it, and nothing
        goes on from there."""
        self.released = 0

    @property
    def has_rules(self) -> bool:
        return bool(self._rules)

    def overflowed(self) -> Iterator[tuple[Hook, HookCheck]]:
        """The checks for which more of a text would have had to wait than may."""
        for rule in self._rules:
            if rule.has_overflowed and rule.hook is not None and rule.check is not None:
                yield rule.hook, rule.check

    def feed(self, events: bytes) -> bytes:
        """Take whole events; give back those that can go on now."""
        if not self._rules:
            return events
        text = None if self.denied else self.text_of(events)
        if text is not None:
            return self.feed_text(events, text)
        ready = [self._fed(block) for block in sse.blocks(events) if not (self.denied or self.is_unreadable)]
        return b"".join([*ready, self._given_up()])

    def _fed(self, block: bytes) -> bytes:
        text = self.text_of(block)
        return self._event(block) if text is None else self.feed_text(block, text)

    def texts_of(self, events: bytes) -> Sequence[tuple[bytes, str]] | None:
        """Several events and their texts; None unless all are like an earlier one but for these."""
        text_of, found = self.text_of, list[tuple[bytes, str]]()
        for event in events.split(_BETWEEN)[:-1]:
            event += _BETWEEN
            text = text_of(event)
            if text is None:
                return None
            found.append((event, text))
        return found

    def feed_text(self, event: bytes, text: str) -> bytes:
        """What goes on of an event of which ``text_of`` told the text."""
        template = self._template
        if template is None:
            return b""
        ready, is_denied = template.fed.feed(text)
        self.released += len(ready)
        if is_denied:
            self.denied = True
            self._forget_template()
        if ready == text:
            return event
        return b"" if not ready and (template.may_skip or self.denied) else template.event(ready)

    def _remember_template(self, template: EventTemplate) -> None:
        self._template, self.text_of = template, template.text
        self.before, self.behind = template.prefix, template.suffix
        self.between = template.suffix + template.prefix
        self.idles, self.idles_in_json = template.fed.idles, template.fed.idles_in_json

    def _forget_template(self) -> None:
        self._template, self.text_of = None, _no_text
        self.before = self.behind = self.between = b""
        self.idles, self.idles_in_json = _never, _never_in_json

    def finish(self) -> bytes:
        """The texts that still wait when the stream has ended without telling so."""
        return b"" if self.denied else self._rest() + self._given_up()

    def runs(self, began: float, milliseconds: int) -> list[HookRun]:
        """What came of the hooks. ``began`` is in seconds since 1970."""
        return [
            HookRun(
                hook,
                tuple(
                    _run(rule, rule.check, began, milliseconds)
                    for rule in self._told_rules
                    if rule.hook is hook and rule.check is not None
                ),
                milliseconds,
                began,
            )
            for hook in self._hooks
        ]

    def _event(self, block: bytes) -> bytes:
        name, data = next(sse.events(block), (b"", b""))
        if not data:
            return block
        if self._view.is_end(name, data):
            ready = self._rest()
            return ready if self.denied else ready + block
        value = read_any_numbers(data)
        if value is None and self._judges and is_unreadable(data):
            self.is_unreadable = True
            self._forget_template()
            return b""
        deltas, closed = tuple(self._view.deltas(self._kind, value)), self._view.closes(name, value)
        if not self._reads_rest:
            return self._told(_Event(block, name, data, value, deltas, closed))
        pieces = tuple(self._view.name_pieces(value))
        seen = {*[each.pointer for each in deltas], *[each.pointer for each in pieces]}
        names, others = rest_of_event(value, self._view.said_in_events, seen)
        event = _Event(block, name, data, value, (*deltas, *others), closed, pieces)
        return self._named(closed, event, names) if self._naming else self._told(event)

    def _rest(self) -> bytes:
        """All that waits where the stream ends; up to where a rule denies it."""
        named, closed = self._named(ALL_SLOTS), self._closed(ALL_SLOTS, frozenset())
        waiting = b"" if self._whole is None else self._whole.ready()
        return named + (waiting + self._given_up() if self.denied else waiting) + closed

    def _given_up(self) -> bytes:
        """Of events that wait, where nothing goes on behind them, what may go on of their texts: tokens would tell
        more."""
        if self._whole is None or not (self.denied or self.is_unreadable):
            return b""
        ready: list[bytes] = []
        for block, texts in self._whole.given_up():
            name, data = next(sse.events(block), (b"", b""))
            tokens = tokens_beside(read_any_numbers(data), texts) if texts else {}
            ready.append(written(name, data, {**texts, **tokens}) if texts else block)
        return b"".join(ready)

    def _named(self, closed: int | None, event: _Event | None = None, others: str = "") -> bytes:
        """What goes on when an event comes, or a stream ends, to rules that judge names, too: an event waits until the
        names are whole of which it tells a piece, and what comes behind it waits as well."""
        pieces: tuple[NamePiece, ...] = ()
        deltas: tuple[Delta, ...] = ()
        if event is not None:
            pieces, deltas = event.pieces, event.deltas
            self._waiting.append(event)
            self._waiting_bytes += len(event.block)
            closed = ALL_SLOTS if self._waiting_bytes > MOST_WAITING else closed
        names = [*self._names.add(pieces, deltas, closed), *filter(None, (others,))]
        if names and self._denies_names("\n".join(names)):
            self.denied = True
            self._waiting.clear()
            self._forget_template()
            return b""
        if self._names.is_open:
            # No event may go by those that wait.
            self._forget_template()
            return b""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return b"".join([self._told(each) for each in waiting if not self.denied])

    def _told(self, event: _Event) -> bytes:
        """What goes on of an event whose names pass."""
        number, block = number_of(event.value), event.block
        if number is not None:
            self._next = number + self._shift
        pieces: list[Piece] = []
        before, block = self._passed(event, pieces)
        if number is not None and block:
            block = block if not self._shift else numbered(event.name, block, self._next)
            self._next += 1
        if self._whole is None:
            return before + block
        ready = self._whole.add(before, ()) + self._whole.add(block, () if self.denied else pieces)
        return ready if self._whole.size <= MOST_WAITING else ready + self._let_all(self._whole)

    def _let_all(self, whole: WholeEvents) -> bytes:
        """The events that wait, which are too many: what waits of their texts is decided as if it ended there."""
        for key in whole.unfinished:
            ready, is_denied = self._texts[key].feed("", last=True)
            whole.let(key, ready)
            self.released += len(ready)
            self.denied = self.denied or is_denied
        for rule in self._rules:
            rule.has_overflowed = True
        return whole.ready()

    def _passed(self, event: _Event, pieces: list[Piece]) -> tuple[bytes, bytes]:
        """What goes on before an event, and of the event itself: as it is as soon as its ``pieces`` may, which are
        added to the list."""
        block, value, deltas, slot = event.block, event.value, event.deltas, event.closed
        texts = self._changed_in(event, pieces)
        parts = frozenset(each.key for each in deltas if not each.is_whole)
        before = b"" if slot is None or self.denied else self._closed(slot, parts)
        if self.denied:
            if self._whole is not None:
                texts |= {each.pointer: self._whole.begun_of(each) for each in pieces}
            if not any(texts.get(each.pointer, each.text) for each in deltas):
                return before, b""
            # What stands before the match goes on; the texts behind it were not judged.
            texts = {each.pointer: texts.get(each.pointer, "") for each in deltas}
        if not texts:
            return before, block
        if slot is None and self._view.may_skip and says_nothing_else(value, deltas, texts):
            return before, b""
        tokens = tokens_beside(value, texts) if self._judges else {}
        return before, written(event.name, event.data, {**texts, **tokens})

    def _changed_in(self, event: _Event, pieces: list[Piece]) -> dict[Pointer, str]:
        """What goes on in the places of the texts of an event, where that is not what stands there."""
        whole, deltas = self._whole, event.deltas
        texts: dict[Pointer, str] = {}
        has_half = False
        for delta, following in zip_longest(deltas, deltas[1:]):
            goes_on = following is not None and following.key == delta.key
            ready, is_denied, is_half = self._added_to(event, delta, goes_on=goes_on)
            has_half = has_half or is_half
            if whole is not None and not delta.is_whole and whole.takes(delta.key):
                pieces.append(whole.piece(delta.key, delta.pointer, delta.text, ready))
            elif ready != delta.text:
                texts[delta.pointer] = ready
            if is_denied:
                self.denied = True
                break
        if has_half:
            self._forget_template()  # what comes next has to be put to it
        elif len(deltas) == 1 and event.closed is None and not deltas[0].is_whole and whole is None:
            self._find_template(event, deltas[0])
        return texts

    def _added_to(self, event: _Event, delta: Delta, *, goes_on: bool) -> tuple[str, bool, bool]:
        """What goes on in the place of what an event adds to a text, whether a rule denies the text, and whether it
        ends with half of a surrogate pair. ``goes_on``: more of it follows in the event."""
        is_last = event.closed is not None and event.closed in {ALL_SLOTS, delta.key[1]} and not goes_on
        if delta.is_whole:
            is_last = is_last or not delta.is_growing
            ready, released, is_denied = self._repeated.feed(delta, self._new_text, last=is_last)
            self.released += released
            return ready, is_denied, False
        text = self._text(delta)
        ready, is_denied = text.feed(delta.text, last=is_last)
        text.carrier = event.name, event.value, delta.pointer
        self.released += len(ready)
        return ready, is_denied, bool(text.half)

    def _find_template(self, event: _Event, delta: Delta) -> None:
        # What is like an event with a piece of a name tells that piece once more, to be put to the others.
        if event.pieces or self.denied or number_of(event.value) is not None:
            return
        skips = self._view.may_skip and says_nothing_else(event.value, event.deltas, {delta.pointer: ""})
        template = template_of(event.block, delta, self._texts[delta.key].fed, may_skip=skips)
        self._forget_template()
        if template is not None:
            self._remember_template(template)

    def _denies_names(self, names: str) -> bool:
        """Whether a rule denies a name. None is changed: nobody would know what is called."""
        changed = [rule.changed for rule in self._naming]
        _, is_denied = RuledText(self._naming).feed(names, last=True)
        for rule, was_changed in zip(self._naming, changed, strict=True):
            rule.changed = was_changed
        return is_denied

    def _text(self, delta: Delta) -> _Text:
        text = self._texts.get(delta.key)
        if text is None:
            text = self._texts[delta.key] = self._new_text(delta)
        return text

    def _new_text(self, delta: Delta) -> _Text:
        rules = [each for each in self._rules if each.check is None or _sees(each.check, delta)]
        is_call = delta.key[0] is SegmentKind.TOOL_CALL and _may_be_json(delta)
        return _Text(_call_under(rules, are_texts=self._view.calls_are_texts) if is_call else RuledText(rules))

    def _closed(self, slot: int, besides: frozenset[TextKey]) -> bytes:
        """What still waits of the texts that end, each in an event of its own."""
        parts: list[bytes] = []
        for key, text in self._texts.items():
            if key in besides or slot not in {ALL_SLOTS, key[1]} or self.denied:
                continue
            ready, is_denied = text.feed("", last=True)
            self.denied = is_denied
            if self._whole is not None and self._whole.takes(key):
                self._whole.let(key, ready)
                self.released += len(ready)
            elif ready and text.carrier is not None:
                name, value, pointer = text.carrier
                self.released += len(ready)
                parts.append(self._added(name, value, pointer, ready))
        return b"".join(parts)

    def _added(self, name: bytes, value: Any, pointer: Pointer, text: str) -> bytes:
        """An event of its own for a text that waited: what else its last event said was told then."""
        event = with_text_alone(value, pointer, text)
        if number_of(value) is not None:
            event["sequence_number"] = self._next
            self._next += 1
            self._shift += 1
        return written(name, write_json(event), {})


def _sees(check: HookCheck, delta: Delta) -> bool:
    scope = check.scope
    return not (scope.first_choice and delta.choice) and scope.sees(delta.key[0], is_plain=delta.is_plain)


def _call_under(rules: Sequence[StreamRule], *, are_texts: bool) -> Fed:
    """What may be the JSON of a tool call, under rules in their turn. ``are_texts``: a rule may judge it as a text."""
    groups = [(of_text, [*each]) for of_text, each in groupby(rules, lambda rule: are_texts and rule.judges_text)]
    stages = [UnescapedText(RuledText(each)) if of_text else _strings_under(each) for of_text, each in groups]
    return stages[0] if len(stages) == 1 else CallText(stages)


def _strings_under(rules: Sequence[StreamRule]) -> ArgumentsText:
    return ArgumentsText(lambda: RuledText(rules))


def _may_be_json(delta: Delta) -> bool:
    """Whether a text of a tool call may be JSON: one that is whole is read, of one that arrives it is supposed."""
    is_arriving = delta.is_growing or not delta.is_whole
    return is_arriving or is_arguments(Segment((), delta.text, kind=SegmentKind.TOOL_CALL))


def _run(rule: StreamRule, check: HookCheck, began: float, milliseconds: int) -> CheckRun:
    if rule.has_failed:
        judgement = could_not("The pattern took too long.", "TimeoutError")
    else:
        verdict = not (rule.found and rule.rule.fails)
        judgement = Judgement(verdict, {"explanation": f"The text was judged as it arrived: {rule.found} found."})
    return CheckRun(check, judgement, milliseconds, began, transformed=rule.changed)
