"""Reads and writes JSON text of callers and providers, and reads members of an expected type.

The fast codec (msgspec) is tried first. If it refuses the text (real clients send lone surrogates, a byte-order mark,
large exponents), the standard library parses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder()

# Invalid JSON and values of the wrong type; bytes that are no UTF-8; nesting beyond what the decoder follows.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_json(data: bytes | msgspec.Raw) -> Any:
    """The parsed value. Lone surrogates, a byte-order mark and large exponents are accepted.

    Raises ValueError for anything else.
    """
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        try:
            return json.loads(bytes(data).decode("utf-8-sig"), parse_constant=_refuse)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _refuse(name: str) -> None:
    """Refuse NaN and the infinities, which the standard library reads although they are no JSON."""
    raise ValueError(f"{name} is not JSON")


_NO_NUMBER: Final = re.compile(rb'"(?>[^"\\]|\\.)*+"?|-?\bInfinity\b|\bNaN\b', re.DOTALL)


def with_null_numbers(data: bytes) -> bytes:
    """The text with null for NaN and the infinities, which Python's ``json.dumps`` writes although they are no JSON.

    What stands within strings is kept. Linear in the text's length, whatever it holds.
    """
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    return _NO_NUMBER.sub(lambda found: found[0] if found[0][:1] == b'"' else b"null", data)


def with_utf8(data: bytes) -> bytes:
    """The text as clients decode it: what is no UTF-8 becomes U+FFFD."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def read_json_or_none(data: bytes) -> Any:
    """The value; None for anything that is no JSON."""
    try:
        return read_json(data)
    except ValueError:
        return None


def read_any_numbers(data: bytes) -> Any:
    """The value, also of a text with numbers that Python does not read (thousands of digits), which become null, as
    NaN and the infinities do; None for anything that is no JSON."""
    value = read_json_or_none(data)
    if value is not None:
        return value
    try:
        return json.loads(data.decode("utf-8-sig"), parse_int=_integer, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:
        return None


def read_reply_json(data: bytes) -> Any:
    """The value of a provider's reply, with null for NaN and the infinities; None for anything that is no JSON."""
    return read_repaired(data)[0]


def read_repaired(data: bytes) -> tuple[Any, bytes | None]:
    """The value as ``read_reply_json`` has it, and the repaired text: None for a text without NaN and infinities."""
    value = read_json_or_none(data)
    if value is not None:
        return value, None
    readable = with_null_numbers(data)
    return (None, None) if readable is data else (read_json_or_none(readable), readable)


def write_json(value: Any) -> bytes:
    """The value as JSON bytes, null for NaN and the infinities. ``msgspec.Raw`` values go in as they are, members of a
    struct in their order."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return with_null_numbers(json.dumps(value, separators=(",", ":"), default=_raw).encode())


def _raw(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def with_plain_names(value: Any) -> Any:
    """The value with a question mark in place of each half of a surrogate pair in its members' names, so that the names
    are UTF-8. Raises RecursionError for a value that nests too deeply."""
    if isinstance(value, list):
        return [with_plain_names(each) for each in value]
    if isinstance(value, dict):
        plain = {name.encode("utf-8", "replace").decode(): member for name, member in value.items()}
        return {name: with_plain_names(member) for name, member in plain.items()}
    return value


# Members of an object from outside: a value of another type than expected counts as absent.


def mapping(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The member if it is an object, else an empty object."""
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Mapping[str, Any], name: str) -> str:
    """The member if it is a string, else an empty string."""
    member = value.get(name)
    return member if isinstance(member, str) else ""


def integer(value: Mapping[str, Any], name: str) -> int | None:
    """The member if it is an integer, else None; true and false are no integers."""
    member = value.get(name)
    return member if type(member) is int else None


def integers(value: Mapping[str, Any], names: Iterable[str]) -> list[int | None]:
    """The members of these names, each as ``integer`` has it."""
    members = [*map(value.get, names)]
    if _COUNTS_OR_NOTHING.issuperset(map(type, members)):
        return members
    return [member if type(member) is int else None for member in members]


_COUNTS_OR_NOTHING: Final = frozenset({int, type(None)})


_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)


def with_needed_escapes(text: str) -> str:
    """A JSON text without the escapes that its strings do not need: the same value, as most writers have it."""
    return _ESCAPE.sub(_needed, text)


def _needed(escape: re.Match[str]) -> str:
    try:
        character = str(json.loads(f'"{escape[0]}"'))
    except ValueError:
        return escape[0]
    is_needed = character < " " or character in {'"', "\\"} or "\ud800" <= character <= "\udfff"
    return escape[0] if is_needed else character
