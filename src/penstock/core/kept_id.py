"""Ids of responses that the gateway itself keeps (docs/responses.md#kept-by-the-gateway), and of their items.

A response is ``resp_kept_…``: the milliseconds since 1970 and 80 random bits, in hexadecimal digits. An item has the
same digits and its number behind them, ``msg_kept_…0001``, so that its id names its response.
"""

from __future__ import annotations

import re
from typing import Final

ENTROPY: Final = 10
"""Random bytes of a seed."""
_MARK: Final = "kept_"
_RESPONSE: Final = re.compile(r"resp_kept_([0-9a-f]{12})[0-9a-f]{20}")
_ITEM: Final = re.compile(r"[a-z]{1,8}_(kept_[0-9a-f]{32})[0-9a-f]{4,8}")


def seed(milliseconds: int, entropy: bytes) -> str:
    """The seed of a reply that is kept (``Caption.seed``): the part of its ids behind their prefix."""
    return f"{_MARK}{milliseconds & (1 << 48) - 1:012x}{entropy[:ENTROPY].hex()}"


def is_kept(response_id: str) -> bool:
    """Whether an id is that of a response which the gateway keeps, or kept."""
    return _RESPONSE.fullmatch(response_id) is not None


def made_at(response_id: str) -> int:
    """When a response was made, in milliseconds since 1970; 0 for any other id."""
    found = _RESPONSE.fullmatch(response_id)
    return int(found[1], 16) if found is not None else 0


def response_of(item_id: str) -> str | None:
    """The id of the response that an item is of; None for any other item."""
    found = _ITEM.fullmatch(item_id)
    return f"resp_{found[1]}" if found is not None else None
