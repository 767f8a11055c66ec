"""The types of parameters, as all dialects rely on them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.malformed import Malformed
from penstock.dialects.parameter_types import checked, is_strings


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [("max_tokens", 5.0, 5), ("temperature", 1, 1), ("stop", "x", "x"), ("stop", ["x"], ["x"]), ("new", {}, {})],
)
def test_what_dialects_can_rely_on(name: str, value: Any, read: Any) -> None:
    assert checked(name, name, value) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_tokens", 1.5), ("max_tokens", True), ("top_p", "x"), ("top_k", float("inf")), ("stop", [1]),
     ("user", 1), ("store", 1), ("logit_bias", []), ("tool_choice", "auto"), ("tools", []), ("reasoning", {})],
)  # fmt: skip
def test_anything_else_is_refused_by_its_place(name: str, value: Any) -> None:
    with pytest.raises(Malformed) as refused:
        checked(name, "the.place", value)
    assert refused.value.path == "the.place"


def test_lists_of_strings() -> None:
    assert is_strings(["a"])
    assert not is_strings("a")
