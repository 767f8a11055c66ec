"""JSON that is wrong or says more: in one of its members, or as bytes."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def broken(value: Any, seed: int, by: Any) -> Any:
    """The value with one of its members replaced, or taken out."""
    value = copy.deepcopy(value)
    generator = random.Random(seed)
    found = list(places(value))
    holder, key = generator.choice(found)
    if isinstance(holder, dict) and generator.random() < 0.2:
        del holder[key]
    else:
        holder[key] = by
    return value


def otherwise(body: bytes, *changes: tuple[bytes, bytes]) -> list[bytes]:
    """The JSON of an object with each of some changes (old bytes, new bytes) by itself; and what is not this object:
    nothing, other JSON, a part of it, an event."""
    changed = [body.replace(old, new, 1) for old, new in changes]
    assert body not in changed
    return [*changed, b"", b"{}", b"[1]", body[:-1], b"data: " + body]
