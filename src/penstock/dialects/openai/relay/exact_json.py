"""JSON of replies that change their form: what can't be written again as it was is refused with ValueError."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

import msgspec

from penstock.core.json_text import UNREADABLE


class Text:
    """A text that came in pieces. It is joined when it is written: two pieces may hold one half of an emoji each."""

    __slots__ = ("pieces",)

    def __init__(self, piece: str) -> None:
        self.pieces = [piece]

    def __bool__(self) -> bool:
        return any(self.pieces)

    def extend(self, more: Text) -> None:
        self.pieces += more.pieces


def as_object(value: Any) -> dict[str, Any]:
    """A decoded value that must be an object. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 (bad input, not a bug)
    return value


def as_array(value: Any) -> list[Any]:
    """A decoded value that must be an array; null is an empty one. Raises ValueError."""
    if value is not None and not isinstance(value, list):
        raise ValueError("not an array")
    return value or []


def as_index(value: Any, otherwise: int) -> int:
    """A decoded value that must be a whole number; ``otherwise`` for null. Raises ValueError."""
    if value is None:
        return otherwise
    if type(value) is not int:
        raise ValueError("not an index")
    return value


def read_exact(data: bytes) -> Any:
    """Like ``read_json``, but ValueError for numbers that could not be written again: NaN, infinities, 1e400."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _joined(text: Any) -> str:
    return "".join(text.pieces)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_joined)


def write_exact(value: Any) -> bytes:
    """JSON, also where only the standard library can write it: halves of surrogate pairs and numbers beyond 64 bits."""
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, default=_joined).encode()
