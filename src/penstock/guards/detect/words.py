"""Lists of words, of which a text is searched for all at once (Aho-Corasick).

Letters are compared one by one: case folded, or in the form that looks alike (fullwidth letters, Cyrillic ones that
look Latin). So a text that arrives in pieces gives what the whole text gives.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from penstock.guards.detect.automaton import places as places_in
from penstock.guards.detect.automaton import whole_characters
from penstock.guards.detect.detector import ScannedText, Span

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

MOST_CHARACTERS: Final = 400_000
"""Characters of all words of a list."""
LONGEST: Final = 200
"""Characters of a word."""
_ALIKE: Final = {
    **dict(zip("аеорсухіјѕԁɡһԛԝνοαρυικτΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХІЈЅ",
               "aeopcyxijsdghqwvoapuiktABEZHIKMNOPTYXABEKMHOPCTXIJS", strict=True)),
    "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",
}  # fmt: skip
"""Letters that look like a Latin one (Unicode's confusables.txt has them all), and signs that nobody sees."""


@lru_cache(maxsize=8192)
def _plain(character: str, *, matches_case: bool, normalises: bool) -> str:
    """What one character is compared as: often itself, nothing for a sign that nobody sees."""
    text = character
    if normalises:
        text = "".join([_ALIKE.get(each, each) for each in unicodedata.normalize("NFKC", text)])
        text = "".join([each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)])
    return text if matches_case else text.casefold()


_OF_ASCII: Final = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})
"""Letters beside ASCII that the library ``regex`` takes for one of ASCII where case doesn't matter: of the two that
Turkish has it takes one for "i", and one for "I"."""


def ascii_folded(text: str) -> str:
    """A text of the same length in which each letter of ASCII stands for all that patterns without regard to case take
    for it."""
    return text.lower() if text.isascii() else text.translate(_OF_ASCII).lower()


class WordList:
    """Some words. ``whole``: letters and digits beside a match make it none. ``fold`` takes the place of how letters
    are compared otherwise; it keeps the places of all characters. ``counts`` says of what stands where a word is found
    whether it is one: what doesn't count hides no other word that overlaps it."""

    starts = None
    """They may begin anywhere."""

    def __init__(
        self,
        words: tuple[str, ...],
        *,
        matches_case: bool = False,
        whole: bool = True,
        normalises: bool = False,
        fold: Callable[[str], str] | None = None,
        counts: Callable[[str], bool] | None = None,
    ) -> None:
        from ahocorasick_rs import AhoCorasick  # few configs need it

        self._matches_case = matches_case
        self._normalises = normalises
        self._whole = whole
        self._fold = fold
        self._counts = counts
        folded = dict.fromkeys(self._folded(word)[0] for word in reversed(words))
        folded.pop("", None)
        self._automaton: AhoCorasick = AhoCorasick(list(map(whole_characters, folded)), store_patterns=False)
        self._lengths = [len(word) for word in folded]
        self._longest = max(self._lengths, default=0)
        self._beginnings = {word[:end] for word in folded for end in range(1, len(word) + (1 if whole else 0))}
        self.size = sum(self._lengths) * 40

    def holds(self, text: str) -> bool:
        """Whether a word is in a text, beside whatever."""
        return bool(places_in(self._automaton, self._folded(text)[0]))

    def found(self, scanned: ScannedText) -> list[Span]:
        """The words in a whole text: the leftmost ones, of those that begin together the longest."""
        return self.decided(scanned.text, 0, last=True)[0]

    def decided(self, text: str, at: int, *, last: bool) -> tuple[list[Span], int]:
        """What is in a text from a place on, and the place up to which nothing that follows changes that."""
        folded, places = self._folded(text[at:])
        spans: list[Span] = []
        matches = places_in(self._automaton, folded, overlapping=True)
        if last and not matches:
            return spans, len(text)
        waits = len(folded) if last else self._waits_from(folded, 0)
        best: dict[int, int] = {}
        for _, start, end in matches:
            if start < waits and end > best.get(start, 0) and self._stands(text, places, start, end, at):
                best[start] = end
        done = 0
        for start in sorted(best):
            if start >= done:
                done = best[start]
                spans.append(Span(self._place(places, start) + at, self._end(places, done) + at, "word"))
        if done > waits:
            waits = self._waits_from(folded, done)
        return spans, len(text) if waits == len(folded) else at + self._place(places, waits)

    def idle_until(self, text: str, at: int) -> int:
        """The place up to which a text that goes on holds no word; -1 where it holds one."""
        folded, places = self._folded(text[at:])
        if places_in(self._automaton, folded):
            return -1
        waits = self._waits_from(folded, 0)
        return len(text) if waits == len(folded) else at + self._place(places, waits)

    def _waits_from(self, folded: str, done: int) -> int:
        """Where a part at the end begins that may become a word."""
        beginnings, length = self._beginnings, len(folded)
        for start in range(max(done, length - self._longest), length):
            if folded[start:] in beginnings:
                return start
        return length

    def _folded(self, text: str) -> tuple[str, list[int] | None]:
        """A text as it is compared, and the place of each of its characters; None where the places are the same."""
        if self._fold is not None:
            return self._fold(text), None
        if self._matches_case and not self._normalises:
            return text, None
        if text.isascii():
            return (text if self._matches_case else text.lower()), None
        parts = [_plain(each, matches_case=self._matches_case, normalises=self._normalises) for each in text]
        places = [place for place, part in enumerate(parts) for _ in part]
        return "".join(parts), [*places, len(text)]

    def _stands(self, text: str, places: object, start: int, end: int, at: int = 0) -> bool:
        """Whether a match counts, and no letter and no digit stands beside it, where that is asked for."""
        if not self._whole and self._counts is None:
            return True
        first, behind = self._place(places, start) + at, self._end(places, end) + at
        if self._counts is not None and not self._counts(text[first:behind]):
            return False
        return not self._whole or not (_joins(text, first - 1, first) or _joins(text, behind - 1, behind))

    @staticmethod
    def _place(places: object, at: int) -> int:
        return places[at] if isinstance(places, list) else at

    @staticmethod
    def _end(places: object, end: int) -> int:
        return places[end - 1] + 1 if isinstance(places, list) else end


def _joins(text: str, left: int, right: int) -> bool:
    """Whether two neighbours are letters or digits of one word."""
    if left < 0 or right >= len(text):
        return False
    return (text[left].isalnum() or text[left] == "_") and (text[right].isalnum() or text[right] == "_")
