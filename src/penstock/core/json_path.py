"""Removes values from a JSON document by their paths; all other values keep their bytes.

Every path names a place in the document as it came: ``a[0]`` and ``a[1]`` are its first two elements. All paths are
followed together, so that each part of the document is read once, however many paths lead there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import UNREADABLE

Path = tuple[str | int | None, ...]
"""Steps from the outside in: a member's name, an index, or None for every element of an array."""

_STEP: Final = re.compile(r"(?:\A|\.)([^.\[\]]+)|\[(\d{1,6}|\*)\]")
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def parse_path(text: str) -> Path:
    """Read ``a.b``, ``tools[0].x`` or ``tools[*].function.strict``. Raises ValueError."""
    if text.startswith("."):
        raise ValueError("no path at character 0")
    steps: list[str | int | None] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or (step[1] is None and not steps):
            raise ValueError(f"no path at character {at}")
        name, index = step.groups()
        steps.append(name if name is not None else None if index == "*" else int(index))
        at = step.end()
    if not steps:
        raise ValueError("an empty path")
    return tuple(steps)


def without_paths(body: Body, paths: Collection[Path]) -> Body:
    """The body without the values at the paths; the same body if there is none."""
    return _from_body(body, _Places(paths)) if paths else body


class _Places:
    """Where paths lead from one value: by a member's name, by an element's index, by all elements of an array."""

    __slots__ = ("_below", "_every", "_indexes", "members")

    def __init__(self, paths: Collection[Path]) -> None:
        self.members: dict[str, list[Path]] = {}
        self._indexes: dict[int, list[Path]] = {}
        self._every: list[Path] = []
        self._below: dict[str | int | None, _Places | None] = {}
        for first, *after in dict.fromkeys(paths):
            if isinstance(first, str):
                self.members.setdefault(first, []).append(tuple(after))
            elif first is None:
                self._every.append(tuple(after))
            else:
                self._indexes.setdefault(first, []).append(tuple(after))

    @property
    def are_in_an_array(self) -> bool:
        return bool(self._every or self._indexes)

    def in_member(self, name: str) -> _Places | None:
        """The places in a member; None for a member that is removed as a whole."""
        return self._made(name, self.members[name])

    def in_element(self, index: int) -> _Places | None:
        """The places in an element; None for an element that is removed as a whole."""
        own = self._indexes.get(index)
        return self._made(None, self._every) if own is None else self._made(index, [*self._every, *own])

    def _made(self, key: str | int | None, paths: list[Path]) -> _Places | None:
        if key not in self._below:
            self._below[key] = None if () in paths else _Places(paths)
        return self._below[key]


def _from_body(body: Body, places: _Places) -> Body:
    changes: dict[str, bytes | None] = {}
    for name in places.members:
        raw = body.raw(name)
        if raw is None:
            continue
        inner = places.in_member(name)
        less = None if inner is None else _without(raw, inner)
        if less is not raw:
            changes[name] = less
    return body.changed(changes) if changes else body


def _without(raw: bytes, places: _Places) -> bytes:
    """The JSON without the values at the places; the same bytes object if there is none."""
    first = raw.lstrip()[:1]
    try:
        if places.members and first == b"{":
            inner = Body.parse(raw)
            less = _from_body(inner, places)
            return raw if less is inner else less.encode()
        return _from_array(raw, places) if places.are_in_an_array and first == b"[" else raw
    except (ValueError, RecursionError):
        return raw


def _from_array(raw: bytes, places: _Places) -> bytes:
    items = _elements(raw)
    less = []
    is_same = True
    for index, item in enumerate(items):
        inner = places.in_element(index)
        rest = None if inner is None else _without(item, inner)
        is_same = is_same and rest is item
        if rest is not None:
            less.append(rest)
    return raw if is_same else b"[" + b",".join(less) + b"]"


def _elements(raw: bytes) -> list[bytes]:
    """The elements of an array, each as its own bytes. Raises ValueError."""
    try:
        return [bytes(item) for item in _ARRAY.decode(raw)]
    except msgspec.ValidationError:
        raise ValueError("no array") from None
    except UNREADABLE:
        # Lone surrogates, which only the standard library accepts.
        return _elements_leniently(raw.decode())


def _elements_leniently(text: str) -> list[bytes]:
    items: list[bytes] = []
    at = 1
    while text[:1] == "[":
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr] # it matches everywhere
        if text[at] == "]":
            return items
        _, end = _LENIENT.raw_decode(text, at)
        items.append(text[at:end].encode())
        at = end
    raise ValueError("no array")


_LENIENT: Final = json.JSONDecoder()
_BETWEEN: Final = re.compile(r"[ \t\n\r,]*")
