"""Reading JSON from outside, whatever it turns out to be."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

# Invalid JSON and values of the wrong type; bytes that are no UTF-8; nesting beyond what the decoder follows.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_json(data: bytes) -> Any:
    """The value, also where only the standard library takes it: lone surrogates, a byte-order mark, large exponents.

    Raises ValueError for anything else.
    """
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        try:
            return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _refuse(name: str) -> None:
    """NaN and the infinities, which the standard library reads and JSON has no words for."""
    raise ValueError(f"{name} is not JSON")
