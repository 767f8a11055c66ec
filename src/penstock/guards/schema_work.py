"""How much work a JSON schema can make of a value, told before the value is validated.

A schema that comes back to itself by two ways is applied twice as often to each level of a value as to the level above:
22 levels are four million times, each with an error of its own. Source: JSON Schema 2020-12, core, 10 (applicators).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

LARGEST: Final = 1 << 40
"""What is more than this is not counted any further."""
DEEPEST: Final = 64
"""Levels of a value that are reckoned with."""
_MOST_STEPS: Final = 10_000
"""Parts of a schema, at each level of a value, that are counted."""
_IN_PLACE_LISTS: Final = ("allOf", "anyOf", "oneOf")
_IN_PLACE: Final = ("not", "if", "then", "else")
_NAMED_IN_PLACE: Final = ("dependentSchemas", "dependencies")
_ANY_CHILD: Final = (
    "additionalProperties", "unevaluatedProperties", "propertyNames", "additionalItems", "unevaluatedItems", "contains",
)  # fmt: skip
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")


class SchemaWork:
    """Counts for one schema. ``times(depth)`` is how often its parts are applied, at most, along one way down a value
    of so many levels."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._times: dict[int, int] = {}
        self._anchors = dict(_anchors(schema))

    def times(self, depth: int) -> int:
        if depth > DEEPEST:
            return LARGEST
        if depth not in self._times:
            known: dict[tuple[int, int], int] = {}
            try:
                self._times[depth] = self._count(self._root, depth, known, ())
            except RecursionError:
                self._times[depth] = LARGEST
        return self._times[depth]

    def _count(self, node: Any, depth: int, known: dict[tuple[int, int], int], above: tuple[int, ...]) -> int:
        """``above``: the parts that are being applied to the same level. A part among them would never end."""
        if not isinstance(node, dict):
            return 1
        place = id(node), depth
        if place in known:
            return known[place]
        if id(node) in above or len(known) >= _MOST_STEPS:
            return LARGEST
        above = (*above, id(node))
        count = 1 + sum(self._count(each, depth, known, above) for each in self._in_place(node))
        if depth:
            for group in _children(node):
                count += max((self._count(each, depth - 1, known, ()) for each in group), default=0)
        known[place] = min(count, LARGEST)
        return known[place]

    def _in_place(self, node: dict[str, Any]) -> Iterator[Any]:
        """The parts that are applied to the same value."""
        for key in _REFERENCES:
            if isinstance(node.get(key), str):
                yield self._referred(node[key])
        for key in _IN_PLACE_LISTS:
            yield from _listed(node.get(key))
        for key in _IN_PLACE:
            if key in node:
                yield node[key]
        for key in _NAMED_IN_PLACE:
            yield from _named(node.get(key))

    def _referred(self, reference: str) -> Any:
        """The part that a reference names; the whole schema for one that is not understood here."""
        document, _, fragment = reference.partition("#")
        if document or (fragment and not fragment.startswith("/")):
            return self._anchors.get(fragment or document, self._root)
        node = self._root
        for step in unquote(fragment).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                return self._root
        return node


def _children(node: dict[str, Any]) -> Iterator[list[Any]]:
    """The parts that are applied to members and elements, in groups of which one is applied to each."""
    yield list(_named(node.get("properties")))
    yield from ([each] for each in _named(node.get("patternProperties")))
    items = node.get("items")
    yield [*_listed(node.get("prefixItems")), *(items if isinstance(items, list) else _given(node, "items"))]
    for key in _ANY_CHILD:
        yield _given(node, key)


def _given(node: dict[str, Any], key: str) -> list[Any]:
    return [node[key]] if key in node else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _named(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _anchors(schema: Any) -> Iterator[tuple[str, Any]]:
    """The parts that have a name of their own."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for key in ("$anchor", "$dynamicAnchor", "$id"):
                if isinstance(node.get(key), str):
                    yield node[key], node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def extent(value: Any) -> tuple[int, int]:
    """The number of values in a decoded JSON value, and its levels."""
    number, levels, waiting = 0, 0, [value]
    while waiting:
        number += len(waiting)
        inner: list[Any] = []
        for each in waiting:
            inner += each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        levels, waiting = levels + bool(inner), inner
    return number, levels
