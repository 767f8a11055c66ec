"""JSON Pointers. The first cases are those of RFC 6901, 5."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.json_pointer import pointed

DOCUMENT: dict[str, Any] = {
    "foo": ["bar", {"baz": True}], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8,
    "~1": 9, "1": {"2": 10},
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT), ("/foo", DOCUMENT["foo"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8), ("/~01", 9), ("/1/2", 10), ("/foo/1/baz", True),
    ],
)  # fmt: skip
def test_a_pointer_leads_to_its_value(pointer: str, value: object) -> None:
    assert pointed(DOCUMENT, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/bar", "/foo/2", "/foo/-1", "/foo/-", "/foo/x", "/foo/٠", f"/foo/{'9' * 5000}", "/foo/0/0", "/a~1b/x"]
)
def test_elsewhere_there_is_nothing(pointer: str) -> None:
    assert pointed(DOCUMENT, pointer) is None
