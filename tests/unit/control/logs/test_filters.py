"""By which index the rows of a filter are found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.control.logs.filters import LogFilter

FAILURES = LogFilter(is_success=False, workspaces=("w",))


@pytest.mark.parametrize(
    ("changes", "column", "are_failures"),
    [
        ({}, "status", True),
        ({"statuses": ((500, 599),), "is_success": None}, "status", True),
        ({"statuses": ((504, 504),), "is_success": None}, "status", False),
        ({"statuses": ((200, 200),), "is_success": None}, None, False),
        ({"is_success": None}, None, False),
        ({"texts": {"key_id": ("k",)}}, "key_id", False),
        ({"texts": {"key_id": ("k",)}, "found_by": "key_id"}, "key_id", False),
        ({"texts": {"key_id": ("k",)}, "is_success": None}, "key_id", False),
        ({"texts": {"key_id": ("k", "l")}, "is_success": None}, None, False),
        ({"texts": {"model": ("m",)}, "is_success": None, "workspaces": None}, None, False),
        ({"texts": {"key_id": ("k",)}, "is_success": None, "workspaces": None}, "key_id", False),
        ({"texts": {"model": ("m", "n")}, "found_by": "model", "is_success": None}, "model", False),
    ],
)
def test_the_column_whose_index_finds_the_rows(changes: dict[str, Any], column: str | None, are_failures: bool) -> None:
    wanted = msgspec.structs.replace(FAILURES, **changes)
    assert (wanted.found_column, wanted.is_of_failures) == (column, are_failures)
    assert wanted.found_part == (LogFilter() if column is None else wanted.summed_parts[column])
