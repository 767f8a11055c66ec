"""Aho-Corasick over any text: JSON may hold half of a surrogate pair, which the library refuses.

A caller who writes one anywhere would otherwise keep a check from judging at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

_HALF: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def whole_characters(text: str) -> str:
    """The text with a sign of its own for each half of a surrogate pair. The library passes over all words behind one
    that holds a half, without a word."""
    return _HALF.sub(_REPLACEMENT, text)


def places(automaton: AhoCorasick, text: str, *, overlapping: bool = False) -> Sequence[tuple[int, int, int]]:
    """What the automaton finds: pattern, start and end, in characters of the text."""
    try:
        return automaton.find_matches_as_indexes(text, overlapping=overlapping)
    except UnicodeEncodeError:
        return automaton.find_matches_as_indexes(whole_characters(text), overlapping=overlapping)
