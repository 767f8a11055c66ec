"""Large arrays are read and written in slices, with the same result as at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core import json_slices
from penstock.core.json_slices import elements, slices, write_in_slices
from penstock.core.json_text import read_json, write_json

LONG: list[Any] = [{"a": [1, "],[", {"b": None}], "c": '\u00e4\\"' * (i % 7)} for i in range(3000)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_slices, "LARGE", 100)
    monkeypatch.setattr(json_slices, "_SLICE", 500)


@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n ", "\t: ")])
def test_the_elements_are_those_of_the_array(separators: tuple[str, str]) -> None:
    data = json.dumps(LONG, separators=separators).encode()
    pieces = list(slices(data))
    assert len(pieces) > 10
    assert max(map(len, pieces)) < 1000
    assert [each for piece in pieces for each in read_json(piece)] == LONG
    assert list(elements(data)) == LONG


def test_a_small_array_is_read_at_once() -> None:
    assert list(slices(b"[1, 2]")) == [b"[1, 2]"]
    assert list(elements(b"[1, 2]")) == [1, 2]


@pytest.mark.parametrize("bad", ["[%s 1]", "[%s,]", "[%s", "{%s}", "[%s,x]", "[%s,[[1]"])
def test_what_is_no_array_is_an_error(bad: str) -> None:
    data = (bad % ",".join(["1"] * 200)).encode()
    with pytest.raises(ValueError, match=r"array|JSON|comma|Expecting|malformed|truncated"):
        list(elements(data))


def test_a_value_is_written_as_at_once() -> None:
    value = {"messages": [{"content": LONG[:1500]}, *LONG], "tools": LONG, "x": {"y": [LONG]}, "half": "\ud800"}
    expected = write_json(value)
    written = write_in_slices(value)
    assert json.loads(written) == json.loads(expected)


def test_only_conversations_are_used_up() -> None:
    value: dict[str, Any] = {"messages": list(LONG), "tools": list(LONG)}
    write_in_slices(value)
    assert (value["messages"], value["tools"]) == ([], LONG)
