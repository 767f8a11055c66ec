"""What every caller's side shares when it reads a request: a member that is not what it must be, and small readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Malformed(Exception):
    """A member has the wrong form. ``path`` is where (``messages[2].content``), ``expected`` is what it must be."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(path)
        self.path = path
        self.expected = expected


def cache_in(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The ``cache_control`` marker of a part."""
    cache = value.get("cache_control")
    return cache if isinstance(cache, dict) else None


def text_in(value: Any) -> str:
    """The value if it is text, else nothing."""
    return value if isinstance(value, str) else ""
