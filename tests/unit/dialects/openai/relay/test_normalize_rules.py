"""The steps of which rules are made."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.openai.relay.normalize_rules import stand_in, whole_number, written


def test_what_nests_too_deep_is_not_written() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert written(nested) is None


@pytest.mark.parametrize(
    ("value", "found"), [(3, 3), (3.9, 3), ("3", 3), ("3.5", 3), (True, None), (None, None), ("x", None), ("inf", None)]
)
def test_whole_numbers(value: object, found: int | None) -> None:
    assert whole_number(value) == found


def test_what_stands_in_for_a_delta() -> None:
    for choice, delta in (
        ({"delta": {"content": "a"}, "message": {}}, {"content": "a"}),
        ({"message": {"content": "a"}}, {"content": "a"}),
        ({"delta": None, "text": "a"}, {"content": "a"}),
        ({}, {}),
    ):
        given: dict[str, Any] = dict(choice)
        assert stand_in(given, "delta", "message") is ("content" not in (choice.get("delta") or {}))
        assert given["delta"] == delta
