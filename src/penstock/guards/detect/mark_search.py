"""Tells fast that a text holds none of some marks, as nearly all texts do.

A mark is looked for by one of its characters that prose has seldom, which C finds at the speed of memory; where the
character stands, what is before and behind it decides. A text that has it often is searched for all marks at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SELDOM: Final = "_-J9ABS"
"""Characters that are looked for rather than others: between them all prefixes of credentials have one."""
_OFTEN: Final = 64
"""Places of one character up to which each of them is looked at."""


class MarkSearch:
    """Knows some marks. ``sign`` finds a character without which no mark is there."""

    def __init__(self, marks: Iterable[str]) -> None:
        from ahocorasick_rs import BytesAhoCorasick  # few configs need it

        marks = list(marks)
        signs: dict[str, list[tuple[str, str]]] = {}
        for mark in marks:
            sign = next((each for each in _SELDOM if each in mark), mark[0])
            before, _, behind = mark.partition(sign)
            signs.setdefault(sign, []).append((before, behind))
        self._signs = [(sign, *_around(parts)) for sign, parts in signs.items()]
        self.sign = re.compile(f"[{''.join(map(re.escape, signs))}]")
        self._automaton = BytesAhoCorasick([mark.encode() for mark in marks])

    def may_find(self, text: str) -> bool:
        """Whether a mark may be in the text; False only where there is none."""
        for sign, befores, heads, behinds, tails in self._signs:
            if sign not in text:
                continue
            if not (befores or behinds):
                return True
            at, left = text.find(sign), _OFTEN
            while at >= 0:
                if at and text[at - 1] in befores and text.endswith(heads, 0, at):
                    return True
                if behinds and text[at + 1 : at + 2] in behinds and text.startswith(tails, at + 1):
                    return True
                left -= 1
                if not left:
                    return bool(self._automaton.find_matches_as_indexes(text.encode("utf-8", "replace")))
                at = text.find(sign, at + 1)
        return False


def _around(parts: list[tuple[str, str]]) -> tuple[frozenset[str], tuple[str, ...], frozenset[str], tuple[str, ...]]:
    """What stands before a sign in some marks, and what behind it in the others; of both first the characters beside
    the sign, of which nearly all other places have none. Nothing where the sign is a mark by itself."""
    heads = tuple({before for before, _ in parts if before})
    tails = tuple({behind for before, behind in parts if not before})
    if "" in tails:
        return frozenset(), (), frozenset(), ()
    return frozenset([head[-1] for head in heads]), heads, frozenset([tail[0] for tail in tails]), tails
