"""Several detectors on one text, whole or in pieces: what they find, united where it overlaps, and its masks.

Each detector looks at the text as it came, so the order of the detectors changes nothing but a name: where finds
overlap, all of it is one find, named by the one that begins first and is longest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Final, Protocol

import msgspec

from penstock.guards.detect.detector import CONTEXT, Detector, ScannedText, Span, Starts, without_end
from penstock.guards.detect.mark_search import MarkSearch

TAIL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-():/=!#$&'*^`{}~"
"""The ASCII characters of what a match may begin with before its trigger; ``SPACED_LETTERS`` are the others."""
_PREFIX: Final = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,2} \Z")
"""With a space before its trigger a match begins only so: "AB 12 34 56 C", say."""
_PREFIX_WIDTH: Final = 3
_ALPHANUMERIC: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
Begun = Callable[[str, int], int]
"""(a text in which nothing is found, a place) -> the place from there on at which a find may have begun."""


class Seeker(Protocol):
    """Looks for one kind, or for the words of one list."""

    @property
    def starts(self) -> Starts | None: ...
    def found(self, scanned: ScannedText) -> list[Span]: ...
    def decided(self, text: str, at: int, *, last: bool) -> tuple[list[Span], int]: ...


Mask = Callable[[str, str], str]
"""(kind, what was found) -> what takes its place."""


class DetectRule(msgspec.Struct, frozen=True, dict=True):
    """What is looked for. ``counts``: (kind, what was found) -> whether it counts. ``masks`` makes, for each text or
    stream, the function that replaces finds; None leaves them. ``fails``: a find is a false verdict.

    ``trigger``: each find holds a match of it, and what stands before that is made of ``TAIL`` and ``SPACED_LETTERS``,
    or is one or two letters and a space; without one, ``idle`` tells up to where a text that goes on holds nothing, -1
    where it holds something.
    """

    seekers: tuple[Seeker, ...]
    counts: Callable[[str, str], bool] | None = None
    masks: Callable[[], Mask] | None = None
    fails: bool = True
    trigger: re.Pattern[str] | None = None
    idle: Callable[[str, int], int] | None = None
    may_hold: Callable[[str], bool] | None = None
    """Whether a whole text may hold something, told fast."""
    sign: re.Pattern[str] | None = None
    """Finds a character that each match of the trigger has."""
    begun: Begun | None = None
    """Where, of a text that goes on and in which ``signs`` finds nothing, a find may have begun."""

    @cached_property
    def groups(self) -> list[tuple[Starts | None, list[Seeker]]]:
        """The seekers by what tells where their finds may begin."""
        groups: dict[Starts | None, list[Seeker]] = {}
        for seeker in self.seekers:
            groups.setdefault(seeker.starts, []).append(seeker)
        return list(groups.items())

    @cached_property
    def in_turn(self) -> list[Seeker]:
        """The seekers in the order in which a whole text is looked at: of finds at the same place the first names it,
        in a text that arrives, too."""
        return [seeker for _, seekers in self.groups for seeker in seekers]

    def spans(self, text: str) -> list[Span]:
        """What is in a whole text, united."""
        if self.may_hold is not None and not self.may_hold(text):
            return []
        scanned, found = ScannedText(text), list[Span]()
        for starts, seekers in self.groups:
            if starts is None or scanned.starts(starts):
                for seeker in seekers:
                    found += seeker.found(scanned)
        return self.united(found, text) if found else found

    def united(self, found: Iterable[Span], text: str) -> list[Span]:
        """Finds that count, in their order; those that overlap are one."""
        counts, spans = self.counts, list[Span]()
        for span in sorted(found, key=lambda each: (each.start, -each.end)):
            if counts is not None and not counts(span.kind, text[span.start : span.end]):
                continue
            if spans and span.start < spans[-1].end:
                spans[-1] = Span(spans[-1].start, max(spans[-1].end, span.end), spans[-1].kind)
            else:
                spans.append(span)
        return spans

    @property
    def signs(self) -> re.Pattern[str] | None:
        """Finds something in each text that holds a trigger; None where only ``idle`` tells."""
        return self.trigger if self.sign is None else self.sign

    def idle_until(self, text: str, at: int) -> int:
        """The place up to which a text that goes on holds nothing, told fast; -1 where that can't be."""
        if self.trigger is None:
            return -1 if self.idle is None else self.idle(text, at)
        sign = self.sign
        if (sign is None or sign.search(text, at) is not None) and self.trigger.search(text, at) is not None:
            return -1
        return len(text) if self.begun is None else self.begun(text, at)

    def holding(self, limit: int, *, denies: bool, mask: Mask | None) -> DetectedText:
        """One text under the rule, as it arrives."""
        return DetectedText(self, limit, denies=denies, mask=mask)


def begun_from(text: str, at: int) -> int:
    """The place from which on the end of a text may be what stands before a trigger."""
    if text[-1:] != " ":
        return max(at, len(without_end(text, TAIL)))
    letters = _PREFIX.search(text, max(0, len(text) - _PREFIX_WIDTH))
    return len(text) if letters is None else max(at, letters.start())


def _begun_with(marks: Iterable[str]) -> Begun:
    """The same where each find begins with one of some marks (``Detector.begins_at_mark``): most words begin none."""
    beginnings = frozenset([mark[:end] for mark in marks for end in range(1, len(mark) + 1)])

    def begun(text: str, at: int) -> int:
        last = text[-1:]
        if not last.isalnum() and last not in _JOINS:
            return len(text)
        last_word = text[text.rfind(" ") + 1 :]
        if last_word.isalnum() and last_word.isascii():
            return max(at, len(text) - len(last_word)) if last_word in beginnings else len(text)
        word = len(text.rstrip(_ALPHANUMERIC))
        if text[word - 1 : word] in _JOINS:
            return begun_from(text, at)
        return max(at, word) if text[word:] in beginnings else len(text)

    return begun


_JOINS: Final = frozenset("_-.=")
"""The other characters of marks."""


def rule_of(
    detectors: tuple[Detector, ...],
    counts: Callable[[str, str], bool] | None,
    masks: Callable[[], Mask] | None,
    *,
    fails: bool,
) -> DetectRule:
    """The rule for some detectors: texts that hold none of their marks are passed over."""
    marks = sorted({mark for each in detectors for mark in each.marks})
    search = MarkSearch(marks)
    single = "".join([mark for mark in marks if len(mark) == 1])
    several = [re.escape(mark) for mark in marks if len(mark) > 1]
    trigger = re.compile("|".join([f"[{re.escape(single)}]", *several] if single else several))

    begun = _begun_with(marks) if all(each.begins_at_mark for each in detectors) else begun_from
    return DetectRule(
        detectors, counts, masks, fails, trigger=trigger, may_hold=search.may_find, sign=search.sign, begun=begun
    )


class DetectedText:
    """One text that arrives in pieces (``hold.HeldText`` for a pattern of a config). ``denied``: a find is a false
    verdict, and the text has ended with it; ``overflowed``: more than ``limit`` characters would have had to wait."""

    def __init__(self, rule: DetectRule, limit: int, *, denies: bool = False, mask: Mask | None = None) -> None:
        self._rule = rule
        self._limit = limit
        self._denies = denies and rule.fails
        self._mask = mask
        self._text = ""
        self._at = 0
        self._decided = [0] * len(rule.in_turn)
        self._spans: list[Span] = []
        self.found = 0
        self.denied = self.changed = self.overflowed = False

    @property
    def held(self) -> int:
        return len(self._text) - self._at

    @property
    def seen(self) -> str:
        """What went on last, and what waits."""
        return self._text

    @property
    def has_find(self) -> bool:
        """Whether a find waits for what other detectors find: begun anew, its text could hold none, since what stood
        before it may have gone on."""
        return bool(self._spans)

    def begin(self, context: str) -> None:
        """Nothing waits, and this text went on before."""
        self._text, self._at = context, len(context)
        self._decided = [self._at] * len(self._decided)
        self._spans = []

    def waiting(self) -> str:
        held = self._text[self._at :]
        self.begin(self._text[-CONTEXT:])
        return held

    def feed(self, text: str, *, last: bool = False) -> str:
        """Take more text; give back what can go on now."""
        if self.denied:
            return ""
        self._text += text
        ready = self._ready(last=last)
        if self.held > self._limit and not self.denied:
            self.overflowed = True
            ready += self._ready(last=True)
        return ready

    def _ready(self, *, last: bool) -> str:
        text, decided, rule = self._text, self._decided, self._rule
        for index, seeker in enumerate(rule.in_turn):
            if decided[index] < len(text) or last:
                spans, decided[index] = seeker.decided(text, decided[index], last=last)
                self._spans += spans
        until = len(text) if last else min(decided, default=len(text))
        ready: list[str] = []
        for span in rule.united(self._spans, text):
            if span.end > until:
                until = min(until, span.start)
                break
            ready.append(text[self._at : span.start])
            self._at = span.end
            self.found += 1
            if self._denies:
                self.denied, self._text, self._at = True, "", 0
                return "".join(ready)
            value = text[span.start : span.end]
            self.changed = self.changed or self._mask is not None
            ready.append(value if self._mask is None else self._mask(span.kind, value))
        if until > self._at:
            ready.append(text[self._at : until])
            self._at = until
        self._spans = [span for span in self._spans if span.start >= self._at]
        gone = max(0, self._at - CONTEXT)
        if gone:
            self._text = text[gone:]
            self._at -= gone
            self._decided = [each - gone for each in decided]
            self._spans = [Span(each.start - gone, each.end - gone, each.kind) for each in self._spans]
        return "".join(ready)
