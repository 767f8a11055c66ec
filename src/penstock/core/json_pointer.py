"""JSON Pointers: the way to a value inside another one. Source: RFC 6901."""

from __future__ import annotations

from typing import Any

from penstock.core.whole_number import whole_number


def pointed(value: Any, pointer: str) -> Any:
    """The value to which a pointer such as ``/$defs/a~1b`` leads; None if there is none."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            index = whole_number(name)
            value = value[index] if index is not None and index < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value
