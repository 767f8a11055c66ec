"""Names of members that some hosts read as other ones: Go's ``encoding/json`` takes ``"Content"`` for ``content``.

Guards read names as they are written. A text under a name in another case would be judged by nobody, and read by such a
host. Source: https://pkg.go.dev/encoding/json#Unmarshal
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

_NAMES: Final = frozenset(
    """
    arguments content contents documents function functions input instructions message messages parts prompt query
    refusal role suffix system text texts tool_calls
    """.split()
)
"""The members in which texts stand, or which say whose texts they are."""
_USUAL: Final = frozenset({"role", "content", "type", "text"})
_DEPTH: Final = 6


def in_other_case(names: Iterable[str], value: Any) -> str:
    """A name that means another one to some hosts: among those of a body, or below its members ``value`` that hold
    texts. Empty where there is none. What a model is told of tools has names of its own, and is no such member."""
    found = _of(names)
    if not found and isinstance(value, dict):
        for name, each in value.items():
            if name in _NAMES and isinstance(each, list):
                found = found or _below(each, _DEPTH)
    return found


def _of(names: Iterable[str]) -> str:
    for name in names:
        if name not in _NAMES and name.lower() in _NAMES:
            return name
    return ""


def _below(items: list[Any], depth: int) -> str:
    """In objects of a list, and in the lists and calls that they hold. Objects of arguments have names of their own."""
    for item in items:
        if not isinstance(item, dict):
            continue
        if not item.keys() <= _USUAL and (found := _of(item)):
            return found
        for name, each in item.items():
            if isinstance(each, list):
                found = _below(each, depth - 1) if depth else ""
            else:
                found = _of(each) if name == "function" and isinstance(each, dict) else ""
            if found:
                return found
    return ""
