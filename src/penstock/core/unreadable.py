"""What decoding bytes from outside may raise, in one place: forgetting one of them turns bad input into a crash."""

from __future__ import annotations

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Malformed or unexpected JSON, text that is no UTF-8, nesting beyond what the codec follows."""
