"""Reads the body of a request within bounds: bytes, depth, and only JSON."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from penstock.control.refusal import Problem, Refusal, Why, invalid
from penstock.core.failure import Failure
from penstock.core.json_text import read_json

LARGEST: Final = 2 << 20
"""Bytes of a body: a config may have 1 MB, and stand as text within the JSON."""
_DEEPEST: Final = 64


class Gone(Exception):
    """The caller left before the body was complete."""


async def read_body(receive: Callable[[], Awaitable[Any]], headers: Mapping[str, str]) -> bytes:
    """The bytes of a body, at most ``LARGEST``. Raises Refusal and Gone.

    A server's message ``http.disconnect`` may hold the failure with which the server refuses the body.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            failure = message.get("failure")
            if isinstance(failure, Failure):
                raise Refusal(Why.INVALID, failure.message)
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST:
            raise Refusal(Why.INVALID, f"the body is larger than {LARGEST} bytes")
        pieces.append(piece)
        if not message.get("more_body"):
            return _unpacked(b"".join(pieces), headers.get("content-encoding", ""))


def _unpacked(body: bytes, coding: str) -> bytes:
    if not body or coding.strip().lower() in {"", "identity"}:
        return body
    if coding.strip().lower() not in {"gzip", "x-gzip"}:
        raise Refusal(Why.INVALID, "the body's content-encoding must be gzip or identity")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, LARGEST + 1)
    except zlib.error:
        plain = b""
    if len(plain) > LARGEST:
        raise Refusal(Why.INVALID, f"the body is larger than {LARGEST} bytes")
    if not unpacker.eof:
        raise Refusal(Why.INVALID, "the body is no gzip, as its content-encoding says")
    return plain


def decode(body: bytes) -> Any:
    """What the JSON of a body says; an empty object for an empty body. Raises Refusal."""
    if not body.strip():
        return {}
    try:
        value = read_json(body)
    except ValueError as error:
        raise invalid([Problem("", f"the body is not JSON: {str(error)[:120]}")]) from None
    if _depth(value) > _DEEPEST:
        raise invalid([Problem("", f"the body nests deeper than {_DEEPEST} levels")])
    return value


def _depth(value: Any) -> int:
    """How deep a value nests, looked at level by level; the count stops at one more than is allowed."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
