"""A config's values as JSON, within its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.stores.config_json import NotAConfig, as_json

CIRCLE: list[Any] = []
CIRCLE.append({"a": CIRCLE})
SHARED: Any = ["x"] * 9
for _ in range(9):
    SHARED = [SHARED] * 9


def test_values_become_json() -> None:
    assert as_json({"provider": "echo", "a": [1, None]}) == b'{"provider":"echo","a":[1,null]}'


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({(1, 2): 3}, "it holds what JSON can't"),
        ({"a": object()}, "it holds what JSON can't"),
        ({"a": 16**5000}, "a number of too many digits"),
        ({"a": [None, float("inf")]}, "a number that JSON can't write"),
        ({"a": {"b": (float("nan"),)}}, "a number that JSON can't write"),
        ({"a": CIRCLE}, "a value within itself"),
        ({"a": SHARED}, "it has more than 50000 values: make it smaller"),
        ({"a": ["x" * 100_000] * 20}, "more than 1048576 characters: make it smaller"),
    ],
)
def test_what_is_no_config(values: Any, reason: str) -> None:
    with pytest.raises(NotAConfig, match=reason):
        as_json(values)
