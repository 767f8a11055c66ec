"""Columns that hold a text in JSON, read strictly: a text that can't be read never counts as an absent limit.

Many rows hold the same text: each is decoded once, and the rows share its value.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.json_text import read_json
from penstock.stores.definition import Unusable

_REMEMBERED: Final = 1024
"""Texts that are remembered of each kind of column."""


@functools.lru_cache(_REMEMBERED)
def read_object(text: str, column: str) -> Mapping[str, Any]:
    """A JSON object. Nobody may change it: rows share it. Raises Unusable."""
    value = _json(text, column)
    if not isinstance(value, dict):
        raise Unusable(f"its {column} is no JSON object")
    return value


@functools.lru_cache(_REMEMBERED)
def read_labels(text: str, column: str) -> Mapping[str, str]:
    """A JSON object of texts; numbers, true and false become texts. Raises Unusable."""
    labels = {}
    for name, value in read_object(text, column).items():
        if isinstance(value, bool):
            labels[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            labels[name] = str(value)
        else:
            raise Unusable(f"its {column} has a value that is no text: {name[:64]}")
    return labels


@functools.lru_cache(_REMEMBERED)
def read_texts(text: str, column: str) -> tuple[str, ...]:
    """A JSON list of texts. Raises Unusable."""
    value = _json(text, column)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unusable(f"its {column} is no JSON list of texts")
    return tuple(value)


def _json(text: str, column: str) -> Any:
    try:
        return read_json(text.encode())
    except ValueError:
        raise Unusable(f"its {column} is no JSON") from None


def read_switch(value: object) -> bool | None:
    """A switch of a column's object: 1 or 0; None where it says nothing."""
    return bool(value) if isinstance(value, int) else None
