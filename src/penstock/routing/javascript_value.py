"""Values of a request as JavaScript sees them: equality, ``parseFloat``, ``String`` (docs/portkey.md#conditions).

Values come from callers and may be as large as a request's body: only as much of a value is looked at as the first 2000
characters of its text need.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any, Final

_MAX_SUBJECT: Final = 2000
_DEEPEST: Final = 32
"""Nested arrays whose elements still count for the text."""


class Missing(Enum):
    """The value that a view returns for a name that the request does not have (JavaScript's ``undefined``)."""

    MISSING = "undefined"


MISSING: Final = Missing.MISSING


class Value:
    """One value of a request as JavaScript sees it. Identity, number and text are made on first use, once."""

    __slots__ = ("_identity", "_number", "_text", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._identity: object | None = None
        self._number: float | None = None
        self._text: str | None = None

    def identity(self) -> object:
        """A hashable. Two of them are equal if ``===`` holds between the values."""
        if self._identity is None:
            self._identity = (_identity(self.raw),)
        return self._identity

    def number(self) -> float:
        """JavaScript's ``parseFloat``."""
        if self._number is None:
            self._number = _parse_float(self.text())
        return self._number

    def text(self) -> str:
        """JavaScript's ``String``, cut to ``_MAX_SUBJECT`` characters."""
        if self._text is None:
            self._text = _text(self.raw)
        return self._text


def _identity(value: Any) -> object:
    """A hashable. Two of them are equal if ``===`` holds: numbers are doubles, arrays and objects equal nothing."""
    match value:
        case bool():
            return (bool, value)
        case int() | float():
            return _double(value)
        case str() | None | Missing():
            return value
        case _:
            return object()


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


_SPACES: Final = (
    "\t\n\v\f\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_FLOAT: Final = re.compile(r"[+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)


def _parse_float(text: str) -> float:
    """JavaScript's ``parseFloat``: the number at the start of the text (``"12px"`` -> 12.0), else NaN."""
    match = _FLOAT.match(text.lstrip(_SPACES))
    return float(match[0]) if match else math.nan


def _text(value: Any, depth: int = 0, room: int = _MAX_SUBJECT) -> str:
    """JavaScript's ``String``, cut to ``room`` characters. No more of a value is looked at than the text needs."""
    match value:
        case str():
            return value[:room]
        case Missing():
            return "undefined"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number_text(_double(value))
        case list() if depth < _DEEPEST:
            return ",".join(_texts(value, depth + 1, room))[:room]
        case _:
            return "[object Object]"


def _texts(items: list[Any], depth: int, room: int) -> Iterator[str]:
    """The texts of an array's elements, until they fill ``room`` together with the commas between them."""
    for item in items:
        if room <= 0:
            return
        text = "" if item is None else _text(item, depth, room)
        room -= len(text) + 1
        yield text


def _number_text(number: float) -> str:
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return f"{Decimal(repr(number + 0.0)):f}".removesuffix(".0")
    return re.sub(r"(e[+-])0+", r"\1", repr(number))
