"""A function's parameters for Nova, which knows three members at the top of a schema and refuses any other.

What is defined once beside them is said where it is used, a few levels deep where it goes on within itself. Source:
Amazon Nova user guide, "Define a tool".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json
from penstock.dialects.schema_references import ReferenceBudget

_KNOWN: Final = ("type", "properties", "required")
_DEFINING: Final = ("$defs", "definitions")
_SAYS_NOTHING: Final = frozenset({"$schema", "$id", "title", "description", "additionalProperties", *_DEFINING})
_LEVELS: Final = 4
"""How often a definition may be found within itself."""
_NODES: Final = 5000
"""Parts that definitions may come to in all; those beyond take anything."""


class NovaSchema(msgspec.Struct, frozen=True):
    """``data`` is the schema as JSON. ``lost`` are the keywords that Nova can't be told."""

    data: bytes
    lost: tuple[str, ...] = ()


def nova_schema(data: bytes) -> NovaSchema:
    """The schema as Nova takes it; its own bytes where it is that already."""
    try:
        root = read_json(data)
        if not isinstance(root, dict) or root.keys() <= set(_KNOWN):
            return NovaSchema(data)
        inliner = _Inliner(root)
        members = {name: inliner.inlined(root[name]) for name in _KNOWN if name in root}
    except (ValueError, RecursionError):
        return NovaSchema(data)
    lost = tuple(name for name in root if name not in _KNOWN and name not in _SAYS_NOTHING)
    return NovaSchema(write_json(members), lost)


class _Inliner:
    """Puts definitions in the place of what refers to them."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._budget = ReferenceBudget()
        self._depths: Counter[str] = Counter()
        """How often each of the references that are being resolved is among them."""
        self._nodes = 0

    def inlined(self, value: Any) -> Any:
        """The value without references."""
        self._nodes += 1
        if isinstance(value, list):
            return [self.inlined(each) for each in value]
        if not isinstance(value, dict):
            return value
        pointer = value.get("$ref")
        beside = {name: self.inlined(each) for name, each in value.items() if name not in {"$ref", *_DEFINING}}
        if not isinstance(pointer, str):
            return beside
        meant = self._meant(pointer)
        is_spent = self._depths[pointer] >= _LEVELS or self._nodes > _NODES
        if meant is None or is_spent or not self._budget.admits(meant):
            return beside
        self._depths[pointer] += 1
        members = {**self.inlined(meant), **beside}
        self._depths[pointer] -= 1
        return members

    def _meant(self, pointer: str) -> Mapping[str, Any] | None:
        """The definition that a pointer means."""
        for name in _DEFINING:
            defined, prefix = self._root.get(name), f"#/{name}/"
            if pointer.startswith(prefix) and isinstance(defined, dict):
                found = defined.get(pointer.removeprefix(prefix))
                return found if isinstance(found, dict) else None
        return None
