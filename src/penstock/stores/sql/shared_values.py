"""Rows of plain values that share most of them: what they share is told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Row = tuple[Any, ...]


def whole_rows(shared: Row, places: Sequence[int], own: Iterable[Row]) -> list[Row]:
    """Rows whose values are ``shared``, but for those at some places, which are each row's ``own``."""
    row, rows = list(shared), []
    for values in own:
        for place, value in zip(places, values, strict=True):
            row[place] = value
        rows.append(tuple(row))
    return rows
