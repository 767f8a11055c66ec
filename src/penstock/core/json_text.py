"""JSON text from and for outside: reading it whatever it turns out to be, writing it, members of an expected type.

The fast codec (msgspec) comes first. Where it refuses what real clients send (lone surrogates, a byte-order mark, large
exponents), the standard library does the same work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder()

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


def read_json_or_none(data: bytes) -> Any:
    """The value; None for anything that is no JSON."""
    try:
        return read_json(data)
    except ValueError:
        return None


def write_json(value: Any) -> bytes:
    """The value as JSON bytes. ``msgspec.Raw`` values go in as they are."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_raw).encode()


def _raw(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


# Members of an object from outside: a value of another type than expected counts as absent.


def mapping(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Mapping[str, Any], name: str) -> str:
    """A string; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def integer(value: Mapping[str, Any], name: str) -> int | None:
    """A whole number, as which true and false don't count."""
    found = value.get(name)
    return found if type(found) is int else None
