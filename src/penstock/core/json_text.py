"""Writing JSON: as the fast codec does, and where it can't (lone surrogates, which real clients send) as the standard
library does, with escapes."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder()


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
