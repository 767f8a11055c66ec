"""Reading members of JSON from outside: those of another type than expected count as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: Mapping[str, Any], name: str) -> str:
    """A string; an empty one where there is none."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def integer(value: Mapping[str, Any], name: str) -> int | None:
    """A whole number, as which true and false don't count."""
    found = value.get(name)
    return found if type(found) is int else None
