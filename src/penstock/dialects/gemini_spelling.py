"""Google's own parameters, which callers spell as its JSON does (``safetySettings``) or as its Python clients do
(``safety_settings``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from penstock.core.taking import Taking


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)


def take(taking: Taking, names: Iterable[str]) -> dict[str, Any]:
    """Those that were given, by their names in JSON."""
    return {name: value for name in names if (value := taking.first(snake(name), name)) is not None}


def take_object(taking: Taking, name: str) -> dict[str, Any]:
    """One that is an object, its members as in JSON; empty when it wasn't given. Anything else is refused."""
    value = taking.first(snake(name), name)
    if isinstance(value, dict):
        return {camel(member): each for member, each in value.items()}
    if value is not None:
        taking.refuse(snake(name))
    return {}
