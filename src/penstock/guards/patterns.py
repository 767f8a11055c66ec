"""JavaScript patterns of checks: compiled with the plan, searched within a time limit.

A search has 10 ms, and 1 ms more for each 10 kB of text, half a second at most, for it takes memory meanwhile, too
(docs/guardrails.md#patterns).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from penstock.guards.parameters import Parameters
from penstock.routing.javascript_regex import Pattern, TooLarge, read_pattern, written_name

if TYPE_CHECKING:
    import regex

_LONGEST: Final = 10_000
"""Characters of a pattern."""
_LARGEST: Final = 20_000
"""Tokens that a pattern's compiler writes out."""
_MOST_WRITTEN: Final = 150_000
"""Characters of a pattern as its compiler reads it (``Pattern.written``)."""
_MOST_SECONDS: Final = 0.5
_LITERAL: Final = re.compile(r"/(?P<pattern>.+)/(?P<flags>[gimsuyd]*)", re.DOTALL)
_REFERENCE: Final = re.compile(r"\$(?:\$|&|`|'|<(?P<name>[^>]*)>|(?P<number>\d{1,2}))")


def seconds_for(text: str) -> float:
    """The time limit of a search of a text."""
    return min(0.01 + len(text) / 10_000 * 0.001, _MOST_SECONDS)


def compiled(source: str, parameters: Parameters, name: str, flags: str = "") -> Pattern | None:
    """The pattern; None, with a problem of the parameter ``name``, for one that isn't valid."""
    if len(source) > _LONGEST:
        parameters.complain(name, f"the pattern has more than {_LONGEST} characters")
        return None
    try:
        pattern = read_pattern(source, flags)
    except TooLarge:
        parameters.complain(name, "the pattern's repeats multiply to too many")
        return None
    if pattern is not None and pattern.written > _MOST_WRITTEN:
        parameters.complain(name, "the pattern has too many dots and classes")
        return None
    if pattern is None or pattern.size > _LARGEST or not pattern.compile():
        parameters.complain(name, "it is no valid JavaScript pattern")
        return None
    return pattern


def literal(source: str) -> tuple[str, str]:
    """A pattern and its flags: ``/x/gi`` is a literal, any other text a pattern without flags."""
    match = _LITERAL.fullmatch(source)
    return (source, "") if match is None else (match["pattern"], match["flags"])


def holds(pattern: Pattern) -> bool:
    """Whether matches of the pattern can be told while a text arrives (guards/hold.py)."""
    return pattern.is_local and pattern.compiled.match("", timeout=1.0) is None


def found_in(text: str, pattern: Pattern, seconds_left: Callable[[], float]) -> Iterator[regex.Match[str]]:
    """All matches of a pattern, one after the other as JavaScript finds them. Raises TimeoutError when no time is
    left."""
    compiled, at = pattern.for_text(text), 0
    while at <= len(text):
        if (left := seconds_left()) <= 0:
            raise TimeoutError
        for match in compiled.finditer(text, at, timeout=left):
            yield match
            if match.end() == match.start():
                # The library looks here once more, for a match that is longer; JavaScript goes on behind.
                at = match.end() + 1
                break
        else:
            return


def expanded(template: str, match: regex.Match[str]) -> str:
    """A replacement for a match, with JavaScript's references: ``$1``, ``$&``, ``$$``, ``$<name>`` and others."""
    if "$" not in template:
        return template
    return _REFERENCE.sub(lambda reference: _referred(reference, match), template)


def _referred(reference: re.Match[str], match: regex.Match[str]) -> str:
    text, groups = reference[0], match.groups()
    if text == "$$":
        return "$"
    if text == "$&":
        return str(match[0])
    if text == "$`":
        return str(match.string[: match.start()])
    if text == "$'":
        return str(match.string[match.end() :])
    if reference["name"] is not None:
        names = match.groupdict()
        return (names.get(written_name(reference["name"])) or "") if names else "$<" + expanded(text[2:], match)
    digits = reference["number"]
    if 0 < int(digits) <= len(groups):
        return groups[int(digits) - 1] or ""
    if len(digits) == 2 and 0 < int(digits[0]) <= len(groups):
        return (groups[int(digits[0]) - 1] or "") + digits[1]
    return text


def utf16(text: str) -> int:
    """The length of a text in UTF-16 units, as JavaScript counts."""
    return len(text) + sum(1 for character in text if character > "\uffff") if not text.isascii() else len(text)


SHORT_EXCERPT: Final = 50
"""Characters of a text that is its own excerpt, whatever they are."""


def excerpt(text: str) -> str:
    """The first 100 UTF-16 units of a text, and three dots if there is more."""
    if len(text) <= SHORT_EXCERPT or utf16(text) <= 100:
        return text
    if text.isascii():
        return text[:100] + "..."
    return text.encode("utf-16-le", "surrogatepass")[:200].decode("utf-16-le", "ignore") + "..."
