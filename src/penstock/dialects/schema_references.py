"""How much the references of one JSON schema may come to where they are replaced by what they refer to.

A schema of a few kilobytes can refer to the same part thousands of times: said each time, it would be gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.json_text import write_json

_SIZE: Final = 256 << 10
"""Bytes of JSON that repeated parts may come to in all."""


class ReferenceBudget:
    """Counts the parts of one schema that are referred to. Each may be said once, and more often within ``_SIZE``."""

    __slots__ = ("_sizes", "_spent")

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        """The bytes of each part that was referred to, by the identity of its value, which the schema keeps alive."""
        self._spent = 0

    def admits(self, part: Mapping[str, Any]) -> bool:
        """Whether a part may be said here; then it counts. Raises RecursionError for one that nests too deeply."""
        size = self._sizes.get(id(part))
        if size is None:
            self._sizes[id(part)] = len(write_json(part))
            return True
        self._spent += size
        return self._spent <= _SIZE
