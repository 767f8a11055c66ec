"""Scans JSON text with the standard library's parser, value by value: for texts that the fast codec refuses, and texts
that are cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

_SPACE: Final = frozenset(" \t\n\r")
_BEGINNING: Final = 12_000
"""Characters of a string that is cut off which are decoded: at least 2000 characters of its text."""


def members_of(text: str) -> Iterator[tuple[str, bytes]]:
    """The members of an object, each value as its own slice of the text. Raises ValueError."""
    at = _skip_space(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("it must be an object")
    at = _skip_space(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _STRICT.raw_decode(text, at)
        at = _skip_space(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise ValueError(f"expected a name and a colon at character {at}")
        start = _skip_space(text, at + 1)
        _, end = _STRICT.raw_decode(text, start)
        yield key, text[start:end].encode()
        at = _skip_space(text, end)
        if text[at : at + 1] == ",":
            at = _skip_space(text, at + 1)
            if text[at : at + 1] == "}":
                raise ValueError(f"a comma without a member at character {at}")
        elif text[at : at + 1] != "}":
            raise ValueError(f"expected a comma at character {at}")
    if _skip_space(text, at + 1) != len(text):
        raise ValueError(f"text after the object at character {at + 1}")


def first_elements(text: str) -> Iterator[Any]:
    """The elements of an array whose text is cut off. Of the last one, what there is: an empty object, the beginning of
    a string."""
    at = 1
    while True:
        at = _skip_space(text, at)
        try:
            element, end = _STRICT.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        end = _skip_space(text, end)
        if text[end : end + 1] != ",":
            break
        yield element
        at = end + 1
    if text[at : at + 1] == "{":
        yield {}
    elif text[at : at + 1] == '"':
        # No escape may be cut in two: the longest one has six characters.
        beginning = text[at + 1 : at + _BEGINNING]
        cut = beginning.rfind("\\", -6)
        yield _string(beginning if cut < 0 else beginning[:cut].rstrip("\\"))


def _string(inner: str) -> str:
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:
        return ""


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACE:
        at += 1
    return at


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_STRICT: Final = json.JSONDecoder(parse_constant=_refuse_constant)
