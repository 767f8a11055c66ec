"""JSON of which one member is wrong."""

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
