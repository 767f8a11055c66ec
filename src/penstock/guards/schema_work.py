"""How much work a JSON schema can make of a value, told before the value is validated.

A schema that comes back to itself by two ways is applied twice as often to each level of a value as to the level above:
22 levels are four million times, each with an error of its own. Source: JSON Schema 2020-12, core, 10 (applicators).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from penstock.core.json_pointer import pointed

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
_MOST_RESOURCES: Final = 100
"""Parts with an identifier of their own. Which of them a reference means is not told: any that it may mean counts."""


_Above = tuple[int, ...]
_Known = dict[tuple[int | str, int], int]
"""The counts of parts, by identity, and of references, by their text, at a level."""


class SchemaWork:
    """Counts for one schema. ``times(depth)`` is how often its parts are applied, at most, along one way down a value
    of so many levels."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._times: dict[int, int] = {}
        self._resources, self._anchors = _named_parts(schema)
        self._referred: dict[str, list[Any]] = {}

    def times(self, depth: int) -> int:
        if depth > DEEPEST or len(self._resources) > _MOST_RESOURCES:
            return LARGEST
        if depth not in self._times:
            known: _Known = {}
            try:
                self._times[depth] = self._count(self._root, depth, known, ())
            except RecursionError:
                self._times[depth] = LARGEST
        return self._times[depth]

    def _count(self, node: Any, depth: int, known: _Known, above: _Above) -> int:
        """``above``: the parts that are being applied to the same level. A part among them would never end."""
        if not isinstance(node, dict):
            return 1
        place = id(node), depth
        if place in known:
            return known[place]
        if id(node) in above or len(known) >= _MOST_STEPS:
            return LARGEST
        above = (*above, id(node))
        count = 1 + self._in_place(node, depth, known, above)
        if depth:
            for group in _children(node):
                count += max((self._count(each, depth - 1, known, ()) for each in group), default=0)
        known[place] = min(count, LARGEST)
        return known[place]

    def _in_place(self, node: dict[str, Any], depth: int, known: _Known, above: _Above) -> int:
        """The count of the parts that are applied to the same value."""
        count = 0
        for key in _REFERENCES:
            if isinstance(node.get(key), str):
                place = node[key], depth
                if place not in known:
                    meant = self._meant(node[key])
                    known[place] = max((self._count(each, depth, known, above) for each in meant), default=LARGEST)
                count += known[place]
        return count + sum(self._count(each, depth, known, above) for each in _applied_here(node))

    def _meant(self, reference: str) -> list[Any]:
        """The parts that a reference may mean: in each resource whose identifier ends like the reference's. None of
        them is left out because another one has its name."""
        if reference not in self._referred:
            document, _, fragment = reference.partition("#")
            fragment = unquote(fragment)
            if fragment and not fragment.startswith("/"):
                found = self._anchors.get(fragment, [])
            else:
                last = _last_step(document)
                resources = [
                    each for name, each in self._resources if not document or name is None or last in (name, None)
                ]
                parts = [pointed(each, fragment) for each in resources]
                found = [part for part in parts if part is not None]
            self._referred[reference] = found
        return self._referred[reference]


def _applied_here(node: dict[str, Any]) -> Iterator[Any]:
    """The parts that are applied to the same value, but for references."""
    for key in _IN_PLACE_LISTS:
        yield from _listed(node.get(key))
    for key in _IN_PLACE:
        if key in node:
            yield node[key]
    for key in _NAMED_IN_PLACE:
        yield from _named(node.get(key))


def _last_step(identifier: str) -> str | None:
    """The last step of a URI's path, which is the same before and after it is resolved; None if that can't be told."""
    if "?" in identifier:
        return None
    path = identifier.partition("://")[2].partition("/")[2] if "://" in identifier else identifier
    step = unquote(path.rpartition("/")[2]).lower()
    return "" if step in (".", "..") else step


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


_Resources = list[tuple[str | None, Any]]


def _named_parts(schema: Any) -> tuple[_Resources, dict[str, list[Any]]]:
    """The resources of a schema, the whole of it first, each with the last step of its identifier; and the parts with
    an anchor. An identifier counts wherever it stands, also that of older drafts."""
    resources: _Resources = []
    anchors: dict[str, list[Any]] = {}
    waiting = [schema]
    while waiting and len(resources) <= _MOST_RESOURCES:
        node = waiting.pop()
        if isinstance(node, dict):
            ids = [node[key] for key in ("$id", "id") if isinstance(node.get(key), str)]
            resources += [(_last_step(each.partition("#")[0]), node) for each in ids]
            names = [node[key] for key in ("$anchor", "$dynamicAnchor") if isinstance(node.get(key), str)]
            for name in [*names, *(each.partition("#")[2] for each in ids if "#" in each)]:
                anchors.setdefault(name, []).append(node)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return [("", schema), *resources], anchors


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
