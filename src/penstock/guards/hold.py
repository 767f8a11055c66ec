"""Exact hold-back: of a text that arrives in pieces, only what could still become part of a match waits.

The library ``regex`` tells whether a text ends in the middle of a possible match (``partial``). A partial search alone
is not exact: a match at the end may grow, a greedy match may grow over what follows, and a full match hides an earlier
partial one (docs/guardrails.md#holding-back). Any chunking of a text gives what the whole text gives, for patterns
without assertions beyond a match (``Pattern.is_local``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import regex

CONTEXT: Final = 64
"""Characters that went out already and are kept, for what an assertion sees before a match."""
SECONDS: Final = 0.01
"""The time limit of one search."""
HOLD_CHARS: Final = 4096
_ALTERING: Final = re.IGNORECASE | re.VERBOSE
"""Flags with which a word is more than its letters."""


class HoldRule(msgspec.Struct, frozen=True, dict=True):
    """What is looked for. ``replacement`` makes the text for a match, None leaves it; ``fails``: a match is a false
    verdict, with which a guard that denies ends the answer. ``is_once``: only the first match is replaced.
    ``first_end_is_final``: a match never grows behind its first end."""

    pattern: regex.Pattern[str]
    replacement: Callable[[regex.Match[str]], str] | None = None
    fails: bool = True
    is_once: bool = False
    first_end_is_final: bool = False

    @property
    def masks(self) -> None:
        """The replacement keeps nothing from one text to the next."""

    @property
    def signs(self) -> re.Pattern[str] | None:
        """Finds something in each text that holds a match, or the beginning of one; None where that takes too long."""
        try:
            return self.begins
        except TimeoutError:
            return None

    @property
    def begun(self) -> None:
        """No match has begun at the end of a text in which ``signs`` finds nothing."""

    @cached_property
    def begins(self) -> re.Pattern[str]:
        """Finds the first place at which a match may begin, faster than the pattern."""
        return _beginnings_of_words(self.pattern) or _beginnings(self.pattern)

    def idle_until(self, text: str, at: int) -> int:
        """The place up to which a text that goes on holds no match; -1 where it holds one. Raises TimeoutError."""
        begins = self.begins.search(text, at)
        if begins is None:
            return len(text)
        match = self.pattern.search(text, begins.start(), partial=True, timeout=SECONDS)
        if match is None:
            return len(text)
        return match.start() if match.partial else -1

    def holding(self, limit: int, *, denies: bool, mask: object = None) -> HeldText:
        """One text under the rule, as it arrives."""
        del mask
        return HeldText(self, limit, denies=denies)


_WORDS: Final = re.compile(r"[A-Za-z0-9 ]+(?:\|[A-Za-z0-9 ]+)*")
_MOST_LETTERS: Final = 400
"""Letters of a list of words of which all beginnings are looked for."""
_ASCII: Final = tuple(map(chr, range(128)))


def _beginnings_of_words(pattern: regex.Pattern[str]) -> re.Pattern[str] | None:
    """Finds one of the words that a pattern lists, or the beginning of one at the end of the text; None for any other
    pattern."""
    source = pattern.pattern
    if _WORDS.fullmatch(source) is None or len(source) > _MOST_LETTERS or pattern.flags & _ALTERING:
        return None
    # By their first letters: elsewhere no word is tried one by one.
    groups: dict[str, list[str]] = {}
    for word in source.split("|"):
        groups.setdefault(word[0], []).append(word[1:])
    return re.compile("|".join([f"{first}(?:{_begun_by(rests)})" for first, rests in groups.items()]))


def _begun_by(rests: list[str]) -> str:
    parts = {rest[:length] for rest in rests for length in range(len(rest))}
    return "|".join([*rests, *[f"{part}\\Z" for part in sorted(parts, key=len, reverse=True)]])


def _beginnings(pattern: regex.Pattern[str]) -> re.Pattern[str]:
    """Finds a character with which a match may begin: of ASCII those that the pattern itself takes at the beginning of
    a text, where no assertion that it may have forbids one, and every other character."""
    firsts = [each for each in _ASCII if pattern.match(each, partial=True, timeout=SECONDS) is not None]
    return re.compile(f"[{''.join(map(re.escape, firsts))}\x80-\U0010ffff]")


class HeldText:
    """One text under one rule. ``denies``: a match that is a false verdict ends the text, which is then ``denied``.
    ``found`` counts the matches; ``changed``: one was replaced; ``overflowed``: more than ``limit`` characters would
    have had to wait, and were decided as if the text ended there."""

    def __init__(self, rule: HoldRule, limit: int = HOLD_CHARS, *, denies: bool = False) -> None:
        self._rule = rule
        self._denies = denies and rule.fails
        self.found = 0
        self._limit = limit
        self._context = ""
        self._held = ""
        self._passes = False
        self.denied = False
        self.changed = False
        self.overflowed = False

    @property
    def held(self) -> int:
        """How many characters wait."""
        return len(self._held)

    @property
    def seen(self) -> str:
        """What went on last, and what waits."""
        return self._context + self._held

    @property
    def has_find(self) -> bool:
        """Matches wait for nothing."""
        return False

    def begin(self, context: str) -> None:
        """Nothing waits, and this text went on before."""
        self._context, self._held = context[-CONTEXT:], ""

    def waiting(self) -> str:
        """What waits, given up undecided."""
        held, self._held = self._held, ""
        return held

    def feed(self, text: str, *, last: bool = False) -> str:
        """Take more text; give back what can go on now. ``last``: nothing follows. Raises TimeoutError for a pattern
        that takes too long."""
        if self.denied:
            return ""
        if self._passes:
            held, self._held = self._held, ""
            return held + text
        ready = self._decided(text, last=last)
        if len(self._held) > self._limit and not self.denied:
            self.overflowed = True
            ready += self._decided("", last=True)
        return ready

    def _decided(self, text: str, *, last: bool) -> str:
        rule = self._rule
        buffer = self._context + self._held + text
        at = len(self._context)
        ready: list[str] = []
        while True:
            match = rule.pattern.search(buffer, at, partial=not last, timeout=SECONDS)
            until = len(buffer) if match is None else match.start()
            if match is not None and not last:
                earlier = self._waits_from(buffer, at, match)
                if earlier is not None:
                    ready.append(buffer[at:earlier])
                    at = earlier
                    break
            ready.append(buffer[at:until])
            at = until
            if match is None:
                break
            if match.end() == match.start():
                ready.append(buffer[at : at + 1])
                at += 1
                if at > len(buffer):
                    at = len(buffer)
                    break
                continue
            self.found += 1
            if self._denies:
                self.denied = True
                self._held = ""
                return "".join(ready)
            text = match[0] if rule.replacement is None else rule.replacement(match)
            ready.append(text)
            self.changed = self.changed or text != match[0]
            at = match.end()
            if rule.is_once:
                self._passes = True
                ready.append(buffer[at:])
                at = len(buffer)
                break
        self._held = buffer[at:]
        self._context = buffer[max(0, at - CONTEXT) : at]
        return "".join(ready)

    def _waits_from(self, buffer: str, at: int, match: regex.Match[str]) -> int | None:
        """Where the text begins that must wait because of a match that may be none, or another one, once more text is
        there; None for a match that is final."""
        pattern, start = self._rule.pattern, match.start()
        if match.partial:
            return start
        for earlier in range(at, start):
            if pattern.match(buffer, earlier, partial=True, timeout=SECONDS) is not None:
                return earlier
        if self._rule.first_end_is_final:
            return None
        if match.end() == len(buffer):
            return start
        grows = pattern.fullmatch(buffer, start, partial=True, timeout=SECONDS)
        return None if grows is None else start


def replaced(rule: HoldRule, text: str) -> tuple[str, bool]:
    """A whole text under a rule, and whether something matched. Raises TimeoutError."""
    held = HeldText(rule)
    ready = held.feed(text, last=True)
    return ready, held.found > 0
