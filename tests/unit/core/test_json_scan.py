"""JSON text, scanned value by value."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.json_scan import first_elements, members_of


def test_members_keep_the_text_of_their_values() -> None:
    text = ' { "a" : [1.10, "\\ud800"] ,\n"b":1e400, "a":{"x" :null}} '
    assert list(members_of(text)) == [("a", b'[1.10, "\\ud800"]'), ("b", b"1e400"), ("a", b'{"x" :null}')]
    assert list(members_of("{}")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "it must be an object"),
        ("", "it must be an object"),
        ('{"a" 1}', "expected a name and a colon at character 5"),
        ("{1: 2}", "expected a name and a colon at character 2"),
        ('{"a": 1 "b": 2}', "expected a comma at character 8"),
        ('{"a": 1,}', "a comma without a member at character 8"),
        ('{"a": 1} x', "text after the object at character 8"),
        ('{"a": NaN}', "NaN is not JSON"),
    ],
)
def test_what_is_no_object_is_told(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(members_of(text))


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ('["a", 2, {"b": 3', ["a", 2, {}]),
        ('["a", "whole", "cut of', ["a", "whole", "cut of"]),
        ('["esc\\u00', ["esc"]),
        ('["esc\\\\', ["esc"]),
        ("[1, 2", [1]),
        ("[", []),
        ("[[[", []),
    ],
)
def test_of_a_cut_array_there_are_its_first_elements(text: str, elements: list[Any]) -> None:
    assert list(first_elements(text)) == elements
