"""The arguments of a tool call, JSON that is text: checks look at the values of its strings, and change nothing else.

A pattern that reads the JSON itself would take the ``n`` of an escape for a letter, and a change could leave no JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from penstock.core.json_text import read_json_or_none, with_needed_escapes
from penstock.core.segments import Segment, SegmentKind
from penstock.guards.base import Edit
from penstock.guards.spelling import Spelling

_LITERAL: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_STOP: Final = re.compile(r'["\\]')
_ESCAPE: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BEGINNINGS: Final = frozenset('{["')
_BETWEEN: Final = re.compile(
    r"(?:[\s{}\[\]:,]|(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[\s{}\[\]:,]|\Z))*+", re.ASCII
)
"""What may stand between the strings of JSON."""
_OF_VALUES: Final = "0123456789+-.eEtrufalsn"
_BEGUN: Final = re.compile(
    r"t|tr|tru|true|f|fa|fal|fals|false|n|nu|nul|null|-?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d*)?)?", re.ASCII
)
"""A value there that may go on."""
_LONGEST_ESCAPE: Final = 12


def is_arguments(segment: Segment) -> bool:
    """Whether a text is JSON with the arguments of a tool call."""
    if segment.kind is not SegmentKind.TOOL_CALL:
        return False
    return segment.text.lstrip()[:1] in _BEGINNINGS and isinstance(
        read_json_or_none(segment.text.encode("utf-8", "replace")), dict | list | str
    )


def parts_of(segment: Segment) -> Iterator[tuple[str, int, list[int] | None]]:
    """The texts of a segment that a check looks at: each with its start, and the places of its characters behind it,
    None where no escape moves them."""
    if not is_arguments(segment):
        yield segment.text, 0, None
        return
    for match in _LITERAL.finditer(segment.text):
        if "\\" not in match[1]:
            yield match[1], match.start(1), None
            continue
        text, places, at = [], [], 0
        while at < len(match[1]):
            escape = _ESCAPE.match(match[1], at)
            value = match[1][at] if escape is None else _value(escape[0])
            text.append(value)
            places += [at] * len(value)
            at = at + 1 if escape is None else escape.end()
        yield "".join(text), match.start(1), [*places, at]


def part_edits(segment: Segment, change: Callable[[str], list[tuple[int, int, str]]]) -> Iterator[Edit]:
    """The edits of a segment. ``change``: a text -> its changes: start, end, replacement."""
    for text, start, places in parts_of(segment):
        for first, end, new in change(text):
            if places is not None:
                first, end = places[first], places[end]
            yield Edit(segment.pointer, start + first, start + end, new)


def escaped(text: str) -> str:
    """A text as it stands inside a JSON string."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


class Fed(Protocol):
    """Takes a text in pieces; gives back what can go on, and whether it is denied. ``idles`` takes a piece that goes on
    as it is, with nothing that waits behind it: False, and nothing done, for any other. ``idles_in_json`` takes one or
    several as JSON strings have them, with the same bytes between them, and tells how many characters they are: -1, and
    nothing done, for others, and where it doesn't know. Who inherits tells nothing so fast."""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]: ...

    def idles(self, text: str) -> bool:
        del text
        return False

    def idles_in_json(self, texts: bytes, between: bytes) -> int:
        del texts, between
        return -1


class ArgumentsText(Fed):
    """Arguments that arrive in pieces. ``begin`` makes what takes the value of one string. A text that is no JSON (code
    that begins with a brace, say) is one value, from the place on where that shows."""

    def __init__(self, begin: Callable[[], Fed]) -> None:
        self._begin = begin
        self._fed: Fed | None = None
        self._spelling = Spelling()
        self._is_json: bool | None = None
        self._escape = ""
        self._between = ""
        """The end of what stands outside of strings, which may be the beginning of a word or a number."""
        self._digits: list[str] = []
        """The digits with which that number goes on, not read yet: it may have any length."""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        if self._is_json is None and text.strip():
            self._is_json = text.lstrip()[0] in _BEGINNINGS
            self._fed = None if self._is_json else self._begin()
        if not self._is_json:
            return (text, False) if self._fed is None else self._fed.feed(text, last=last)
        if not last and self._between[-1:].isdigit() and (not text or (text.isdigit() and text.isascii())):
            self._digits.append(text)
            return "", False
        ready: list[str] = []
        text = "".join([self._between, *self._digits, self._escape, text])
        self._escape = self._between = ""
        self._digits.clear()
        at = 0
        while at < len(text):
            if self._fed is None:
                at, part, is_denied = self._outside(text, at, last=last)
            else:
                at, part, is_denied = self._inside(text, at, self._fed)
            ready.append(part)
            if is_denied or not self._is_json:
                return "".join(ready), is_denied
        if last and self._fed is not None:
            part, is_denied = self._fed.feed("", last=True)
            ready += [self._spelled(part), self._escape]
            self._escape = ""
            return "".join(ready), is_denied
        return "".join(ready), False

    def _outside(self, text: str, at: int, *, last: bool) -> tuple[int, str, bool]:
        quote = text.find('"', at)
        end = len(text) if quote < 0 else quote
        found = _BETWEEN.match(text, at, end)
        known = at if found is None else found.end()
        if quote < 0 and not last:
            begins = max(at, len(text.rstrip(_OF_VALUES)))
            if known >= begins and _BEGUN.fullmatch(text, begins):
                self._between = text[begins:]
                return end, text[at:begins], False
        if known < end:
            self._is_json, self._fed = False, self._begin()
            part, is_denied = self._fed.feed(text[known:], last=last)
            return len(text), text[at:known] + part, is_denied
        if quote >= 0:
            self._fed, self._spelling = self._begin(), Spelling()
            end += 1
        return end, text[at:end], False

    def _inside(self, text: str, at: int, fed: Fed) -> tuple[int, str, bool]:
        stop = _STOP.search(text, at)
        end = len(text) if stop is None else stop.start()
        if end > at:
            return end, *self._fed_with(fed, text[at:end], text[at:end])
        if text[at] == '"':
            part, is_denied = fed.feed("", last=True)
            self._fed = None
            return at + 1, self._spelled(part) + ("" if is_denied else '"'), is_denied
        escape = _ESCAPE.match(text, at)
        begins_pair = escape is not None and len(escape[0]) == 6 and "\ud800" <= _value(escape[0]) <= "\udbff"
        if len(text) - at < _LONGEST_ESCAPE and (escape is None or begins_pair):
            self._escape = text[at:]
            return len(text), "", False
        if escape is None:
            return at + 1, text[at], False
        return escape.end(), *self._fed_with(fed, _value(escape[0]), escape[0])

    def _fed_with(self, fed: Fed, text: str, spelled: str) -> tuple[str, bool]:
        self._spelling.add(text, spelled)
        part, is_denied = fed.feed(text)
        return self._spelled(part), is_denied

    def _spelled(self, part: str) -> str:
        known, changed = self._spelling.take(part)
        return known + escaped(changed) if changed else known


class CallText(Fed):
    """The arguments of a tool call that go through several stages, each of which takes what the one before it lets go
    on: checks that judge the JSON as it is, and such that judge its strings."""

    def __init__(self, stages: Sequence[Fed]) -> None:
        self._stages = stages

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        is_denied = False
        for stage in self._stages:
            text, denies = stage.feed(text, last=last)
            is_denied = is_denied or denies
            last = last or denies
        return text, is_denied


class UnescapedText(Fed):
    """Arguments that arrive in pieces, as checks read them which judge the JSON as it is: without escapes that it does
    not need. ``fed`` takes it so, and changes nothing; a text that is no object and no list is taken as it is."""

    def __init__(self, fed: Fed) -> None:
        self._fed = fed
        self._spelling = Spelling()
        self._is_json: bool | None = None
        self._escape = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        if self._is_json is None and text.strip():
            self._is_json = text.lstrip()[0] in "{["
        if not self._is_json:
            return self._fed.feed(text, last=last)
        text = self._escape + text
        end = len(text) if last else _end_of_escapes(text)
        self._escape, read, at = text[end:], list[str](), 0
        for escape in _ESCAPE.finditer(text, 0, end):
            read += [text[at : escape.start()], with_needed_escapes(escape[0])]
            self._spelling.add(read[-2], read[-2])
            self._spelling.add(read[-1], escape[0])
            at = escape.end()
        read.append(text[at:end])
        self._spelling.add(read[-1], read[-1])
        ready, is_denied = self._fed.feed("".join(read), last=last)
        return "".join(self._spelling.take(ready)), is_denied


def _end_of_escapes(text: str) -> int:
    """Where a text ends of which more comes: before an escape that may go on."""
    at = text.find("\\")
    while at >= 0:
        is_number = text[at + 1 : at + 2] == "u"
        left = len(text) - at
        if left < (_LENGTH if is_number else 2):
            return at
        if left < _LONGEST_ESCAPE and is_number and _HIGH.match(text, at):
            return at
        at = text.find("\\", at + (_LENGTH if is_number else 2))
    return len(text)


_LENGTH: Final = 6
"""Characters of an escape that is a number."""
_HIGH: Final = re.compile(r"\\u[dD][89abAB]")
"""The beginning of one for the first half of a surrogate pair."""


def _value(escape: str) -> str:
    try:
        return str(json.loads(f'"{escape}"'))
    except ValueError:
        return escape
