"""The models that an event of a session over WebSocket names, in any wire: judged for who may use certain ones only."""

from __future__ import annotations

import json
from typing import Any, Final

_DEEPEST: Final = 32


def models_in(event: bytes) -> list[str] | None:
    """The models that one event of the caller's names, at any depth, in each member whose name is ``model`` in any case
    and however often it comes: hosts differ in which of them counts. None for an event that can't be read."""
    found: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> list[Any]:
        found.extend([value for name, value in pairs if name.casefold() == "model" and isinstance(value, str)])
        return [value for _, value in pairs]

    try:
        read = json.loads(event.decode(), object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None
    return found if _depth_fits(read) else None


def _depth_fits(value: Any) -> bool:
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            return False
        if isinstance(item, list):
            waiting += [(each, depth + 1) for each in item]
    return True
