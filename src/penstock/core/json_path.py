"""Taking one value out of a JSON document by its path, every other value left with its bytes."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.unreadable import UNREADABLE

Path = tuple[str | int | None, ...]
"""Steps from the outside in: a member's name, an index, or None for every element of an array."""

_STEP: Final = re.compile(r"(?:\A|\.)([^.\[\]]+)|\[(\d{1,6}|\*)\]")
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def parse_path(text: str) -> Path:
    """Read ``a.b``, ``tools[0].x`` or ``tools[*].function.strict``. Raises ValueError."""
    steps: list[str | int | None] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (found[1] is None and not steps):
            raise ValueError(f"no path at character {at}")
        name, index = found.groups()
        steps.append(name if name is not None else None if index == "*" else int(index))
        at = found.end()
    if not steps:
        raise ValueError("an empty path")
    return tuple(steps)


def without_path(body: Body, path: Path) -> Body:
    """The body without what the path leads to; the same one when it leads nowhere."""
    first, *rest = path
    if not isinstance(first, str) or first not in body:
        return body
    if not rest:
        return body.without(first)
    raw = body.raw(first) or b"null"
    less = _without(raw, tuple(rest))
    return body if less == raw else body.replaced({first: less})


def _without(raw: bytes, path: Path) -> bytes:
    try:
        if isinstance(path[0], str):
            return _from_object(raw, path)
        return _from_array(raw, path)
    except UNREADABLE:
        return raw


def _from_object(raw: bytes, path: Path) -> bytes:
    return without_path(Body(dict(_OBJECT.decode(raw))), path).encode()


def _from_array(raw: bytes, path: Path) -> bytes:
    first, *rest = path
    items = [bytes(item) for item in _ARRAY.decode(raw)]
    chosen = [index for index in range(len(items)) if first is None or index == first]
    if rest:
        items = [_without(item, tuple(rest)) if index in chosen else item for index, item in enumerate(items)]
    else:
        items = [item for index, item in enumerate(items) if index not in chosen]
    return b"[" + b",".join(items) + b"]"
