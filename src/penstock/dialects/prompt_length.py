"""How long a prompt was that is too long, and how long it may be: read off what a provider says of it.

Clients shorten their conversation by these numbers, which each wire says in words of its own.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_TEXT_LIMIT: Final = 4096
"""Characters of an error's text that are looked through."""
_NUMBER: Final = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w,])|(?<![\w.,])\d{3,9}(?![\w])")
_EXCEEDS: Final = re.compile(r"(?<![\d,])(\d[\d,]*+) tokens? > (\d[\d,]*+)")
_EXCESS: Final = re.compile(r"(?:limit )?exceed\w* by (\d[\d,]*)", re.IGNORECASE)
"""Cohere tells by how much."""
_LIMIT: Final = re.compile(
    r"(?:max\w{0,40}|limit\w{0,40}|context (?:size|window|length))\D{0,60}?(\d[\d,]{2,})", re.IGNORECASE
)


class PromptLength(msgspec.Struct, frozen=True):
    """Tokens of a prompt, and the tokens that its model takes, which are fewer."""

    tokens: int
    limit: int


def told_length(text: str) -> PromptLength | None:
    """The length and the limit that an error's text tells; None where it doesn't tell both."""
    text = text[:_TEXT_LIMIT]
    exceeds = _EXCEEDS.search(text)
    if exceeds is not None:
        return _length(_integer(exceeds[1]), _integer(exceeds[2]))
    excess = _EXCESS.search(text)
    rest = text if excess is None else text[: excess.start()] + text[excess.end() :]
    found = _LIMIT.search(rest)
    if found is None:
        return None
    limit = _integer(found[1])
    if excess is not None:
        return _length(limit + _integer(excess[1]), limit)
    return _length(max((_integer(number) for number in _NUMBER.findall(text)), default=0), limit)


def _length(tokens: int, limit: int) -> PromptLength | None:
    return PromptLength(tokens, limit) if tokens > limit > 0 else None


def _integer(number: str) -> int:
    return int(number.replace(",", "")[:18] or "0")
