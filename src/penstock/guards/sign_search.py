"""One search for what the signs of several rules find, in texts and in the bytes of JSON strings.

Nearly every piece of a stream is searched, and hardly any holds something: what is tried at each place costs most. So
the pattern begins with one set of characters, which the library passes over fastest, and tries words only behind their
first letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_CLASS: Final = re.compile(r"\[(?![\^-])((?:[^\]\\]|\\.)*(?:[^\]\\-]|\\.))\]", re.DOTALL)
"""A pattern for one of some characters, which others may be put to: no dash at an end would span up to them."""
_WORD: Final = re.compile(r"([A-Za-z0-9 ])\(\?:([^()]*)\)")
_WORDS: Final = re.compile(rf"{_WORD.pattern}(?:\|{_WORD.pattern})*")
"""Words by their first letters (``hold.begins``)."""
_NOT_PLAIN: Final = r'"\\\x00-\x1f\x80-\xff'
_BESIDE_ASCII: Final = "\x80-\U0010ffff"
_LOOKING_BACK: Final = ("(?<", "\\b", "\\B", "\\A", "^")
"""What finds something else where the text before is not there."""
_ALWAYS: Final = re.compile("")
_NOWHERE_PLAIN: Final = re.compile(b"")


class SignSearch(NamedTuple):
    """``in_text``: a text, and the place from which on it is searched -> a find in it, None for none. ``in_json``: the
    bytes of JSON strings -> the same, and a find in each that has other bytes than its text."""

    in_text: Callable[[str, int], object]
    in_json: Callable[[bytes], object]


@lru_cache(64)
def search_of(patterns: tuple[re.Pattern[str] | None, ...]) -> SignSearch:
    """Finds what any of some patterns finds; something everywhere where they can't be one."""
    found = [each for each in patterns if each is not None and each.flags == re.UNICODE]
    if not found or len(found) < len(patterns):
        return SignSearch(_ALWAYS.search, _NOWHERE_PLAIN.search)
    characters, others, words = "", list[str](), dict[str, list[str]]()
    for source in dict.fromkeys([each.pattern for each in found]):
        one_of = _CLASS.fullmatch(source)
        if one_of is not None:
            characters += one_of[1]
        elif _WORDS.fullmatch(source) is not None:
            for first, rests in _WORD.findall(source):
                words.setdefault(first, []).append(rests)
        else:
            others.append(source)
    return SignSearch(re.compile(_joined(characters, words, others)).search, _in_json(characters, words, others).search)


def _joined(characters: str, words: Mapping[str, Sequence[str]], others: Sequence[str]) -> str:
    """One pattern for characters, for what follows the first letters of words, and for other patterns."""
    known = re.compile(f"[{characters}]").match if characters else None
    more = {first: rests for first, rests in words.items() if known is None or known(first) is None}
    parts = [f"(?:{each})" for each in others]
    if more:
        firsts = "".join(more)
        begun = [f"(?<={first})(?:{'|'.join(rests)})" for first, rests in more.items()]
        alone = [f"(?<![{firsts}])"] if characters else []
        parts.insert(0, f"[{characters}{firsts}](?:{'|'.join([*alone, *begun])})")
    elif characters:
        parts.insert(0, f"[{characters}]")
    return "|".join(parts)


def _in_json(characters: str, words: Mapping[str, Sequence[str]], others: Sequence[str]) -> re.Pattern[bytes]:
    if any(mark in each for each in others for mark in _LOOKING_BACK):
        return _NOWHERE_PLAIN
    characters = _NOT_PLAIN + characters.replace(_BESIDE_ASCII, "")
    others = [each.replace(_BESIDE_ASCII, r"\x80-\xff") for each in others]
    try:
        return re.compile(_joined(characters, words, others).encode("ascii"))
    except (UnicodeEncodeError, re.error):
        return _NOWHERE_PLAIN
