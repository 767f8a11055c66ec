"""What one detector looks for: a pattern, where its matches may begin, and which matches count.

A detector has no look-ahead: whether a match may end where it ends, ``accepts`` tells when what follows is known. So a
text that arrives in pieces gives what the whole text gives (detect/spans.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from penstock.guards.detect.automaton import places

if TYPE_CHECKING:
    import regex
    from ahocorasick_rs import AhoCorasick

DIGITS: Final = tuple("0123456789")
CONTEXT: Final = 64
"""Characters before a match that a detector may look at."""
SPACED_LETTERS: Final = (
    r"\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02c1\u0300-\u0374\u0376-\u0377\u037b-\u037d\u037f\u0386"
    r"\u0388-\u03f5\u03f7-\u0481\u048a-\u0556\u0561-\u0587\u0591-\u05bd\u05d0-\u05ea\u0620-\u0669\u066e-\u06d3\u0710-\u074a"
    r"\u0900-\u0963\u0966-\u096f\u0971-\u09f1\u0a01-\u0a75\u0a81-\u0aef\u0b01-\u0b6f\u0b82-\u0bef\u0c00-\u0c6f"
    r"\u0c80-\u0c83\u0c85-\u0d4e\u0d54-\u0d6f\u10a0-\u10fa\u10fc-\u10ff\u1200-\u135f\u1e00-\u1fbc"
)
"""Letters, marks and digits beyond ASCII of scripts with spaces between words, as the class of a pattern has them."""
_NAME: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.!#$%&'*+-^_`{}~"
"""The ASCII characters of names before an ``@``, of RFC 5322; ``/=?|`` rather stand between it and what is before."""
NAME_LIMIT: Final = 64
"""The most characters of such a name (RFC 5321): of a longer one the last are taken."""
FRONT_LIMIT: Final = 480
"""The most characters before an ``@`` where another address is written there."""
_LETTERS: Final = re.compile(r"[A-Za-z]{1,7}\Z")
_PREFIX: Final = re.compile(r"[A-Za-z]{1,2}[ -]\Z")
_NEAR: Final = 21
"""Characters within which a numbered kind has four digits: six others stand between two of them at most."""


@lru_cache(maxsize=1)
def _digits() -> AhoCorasick:
    from ahocorasick_rs import AhoCorasick  # few configs need it

    return AhoCorasick(DIGITS)


class ScannedText:
    """A whole text, and what its detectors find out together: where its digits are, and where matches may begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._places: dict[object, list[int]] = {}

    @cached_property
    def digits(self) -> list[int]:
        """The places of all digits."""
        return [start for _, start, _ in places(_digits(), self.text)]

    @cached_property
    def numbers(self) -> list[int]:
        """The places of digits behind no other, where three more digits are near."""
        digits = self.digits
        return [
            start
            for index, (start, fourth) in enumerate(zip(digits, digits[3:], strict=False))
            if fourth - start <= _NEAR and (not index or digits[index - 1] != start - 1)
        ]

    def starts(self, find: Starts) -> list[int]:
        """Where matches may begin, as ``find`` tells it."""
        places = self._places.get(find)
        if places is None:
            places = self._places[find] = sorted(set(find(self)))
        return places


Starts = Callable[[ScannedText], Iterable[int]]


class Span(msgspec.Struct, frozen=True, order=True):
    """A part of a text, in characters, and the detector that found it."""

    start: int
    end: int
    kind: str


def always(text: str, start: int, end: int) -> int:
    """Accept every match as it is."""
    del text, start
    return end


class Detector(msgspec.Struct, frozen=True, dict=True):
    """One kind of what is looked for.

    ``pattern`` is a source for the library ``regex``; it may look behind by one character, and not ahead.
    ``accepts``: (text, start, end of the match) -> the end of what counts; 0 for a match that doesn't count.
    ``starts``: a text -> where matches may begin, in their order (a superset). ``marks``: every match holds
    one of these texts. ``width``: the most characters of a match. ``ignores_case``: letters of both cases are alike.
    """

    kind: str
    pattern: str
    starts: Starts
    marks: tuple[str, ...]
    accepts: Callable[[str, int, int], int] = always
    width: int = 64
    ignores_case: bool = False
    first_end_is_final: bool = False
    """Whether a match never grows behind its first end, as that of a lazy pattern doesn't."""
    begins_at_mark: bool = False
    """Whether each match begins with one of the marks, and a mark that begins with a letter behind no letter or
    digit."""
    leads: str = ""
    """Characters that a match may begin with and that are no part of what counts: a quotation mark, say."""

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        import regex  # few configs need it, and every start would pay for it

        flags = regex.ASCII | regex.IGNORECASE if self.ignores_case else regex.ASCII
        return regex.compile(self.pattern, flags, cache_pattern=False)

    def found(self, scanned: ScannedText) -> list[Span]:
        """What is in a whole text."""
        places = scanned.starts(self.starts)
        if not places:
            return []
        spans: list[Span] = []
        text, at, match_at, accepts = scanned.text, 0, self.compiled.match, self.accepts
        for place in places:
            if place < at:
                continue
            match = match_at(text, place)
            if match is None:
                continue
            end = accepts(text, place, match.end())
            if end:
                spans.append(self._span(text, place, end))
                at = end
        return spans

    def decided(self, text: str, at: int, *, last: bool) -> tuple[list[Span], int]:
        """What is in a text from a place on, and the place up to which nothing that follows changes that. ``last``:
        nothing follows."""
        spans: list[Span] = []
        search, accepts = self.compiled.search, self.accepts
        while True:
            match: Any = search(text, at, partial=not last)
            if match is None:
                return spans, len(text)
            start = match.start()
            if not last:
                waits = self._waits_from(text, at, match)
                if waits is not None:
                    return spans, waits
            end = accepts(text, start, match.end())
            if end:
                spans.append(self._span(text, start, end))
            at = end or start + 1

    def _span(self, text: str, start: int, end: int) -> Span:
        if self.leads:
            start = end - len(text[start:end].lstrip(self.leads))
        return Span(start, end, self.kind)

    def _waits_from(self, text: str, at: int, match: Any) -> int | None:
        """Where the text begins whose meaning depends on what follows; None for a match that is final."""
        start = int(match.start())
        if match.partial:
            return start
        match_at = self.compiled.match
        for earlier in range(max(at, len(text) - self.width), start):
            if match_at(text, earlier, partial=True) is not None:
                return earlier
        if self.first_end_is_final:
            return None
        if match.end() == len(text) or self.compiled.fullmatch(text, start, partial=True) is not None:
            return start
        return None


def number_starts(scanned: ScannedText) -> Iterable[int]:
    """Where numbers begin: at a digit behind no other, or at the plus or the bracket before it."""
    text = scanned.text
    for at in scanned.numbers:
        if at and text[at - 1] in "+(":
            yield at - 1
            if text[at - 2 : at] == "+(":
                yield at - 2
        yield at


def word_starts(scanned: ScannedText) -> Iterable[int]:
    """Where words with digits begin: letters before a digit, a space or a hyphen between them."""
    text = scanned.text
    for at in scanned.numbers:
        letters = _LETTERS.search(text[max(0, at - 7) : at])
        if letters is not None:
            yield at - len(letters[0])
            continue
        prefix = _PREFIX.search(text[max(0, at - 3) : at])
        if prefix is not None:
            yield at - len(prefix[0])
        yield at


def local_part_starts(scanned: ScannedText) -> Iterable[int]:
    """Where the names before an ``@`` begin, and what is before such a name where another address is written in it."""
    text = scanned.text
    at = text.find("@")
    while at >= 0:
        name = text[max(0, at - NAME_LIMIT) : at]
        start = at - len(name) + len(without_end(name, _NAME))
        if start < at:
            yield start
        # Of a name that is longer, the equals sign stands farther before.
        if start and (text[start - 1] == "=" or at - start == NAME_LIMIT):
            front = text[max(0, at - FRONT_LIMIT) : at]
            yield at - len(front) + len(without_end(front, _NAME + "="))
        at = text.find("@", at + 1)


def without_end(text: str, characters: str) -> str:
    """A text without the end that is made of some ASCII characters and of ``SPACED_LETTERS``."""
    kept = text.rstrip(characters)
    if kept and not kept[-1].isascii():
        return kept.rstrip(characters + _every_letter())
    return kept


@lru_cache(maxsize=1)
def _every_letter() -> str:
    letter = re.compile(f"[{SPACED_LETTERS}]")
    return "".join(filter(letter.match, map(chr, range(0x80, 0x2000))))


def starts_of(pattern: re.Pattern[str]) -> Starts:
    """Where a pattern is found, a match at each place."""

    def starts(scanned: ScannedText) -> Iterable[int]:
        return [match.start() for match in pattern.finditer(scanned.text)]

    return starts
