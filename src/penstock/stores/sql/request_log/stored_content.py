"""Headers and bodies of a request and its answer, as one compressed value of ``request_content``."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_LEVEL: Final = 6
_LARGEST: Final = 64 << 20
"""Bytes of a value that is unpacked: what was written by us is never as large."""


class StoredContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Headers and bodies as they are stored. A body is text, or bytes where it is no text."""

    request_headers: Mapping[str, str] = {}
    request: Any = ""
    response_headers: Mapping[str, str] = {}
    response: Any = ""
    is_truncated: bool = False


_DECODER: Final = msgspec.msgpack.Decoder(StoredContent)


def packed(stored: StoredContent) -> bytes:
    """The value of a row."""
    return zlib.compress(msgspec.msgpack.encode(stored), _LEVEL)


def unpacked(data: bytes) -> StoredContent | None:
    """What a row says; None if it can't be read."""
    try:
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(data, _LARGEST)
        return _DECODER.decode(plain) if unpacker.eof else None
    except (zlib.error, msgspec.DecodeError):
        return None
