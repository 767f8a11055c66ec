"""Taking values out of a JSON document: everything else keeps its bytes."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.json_path import Path, parse_path, without_paths


def less(document: bytes, path: str) -> bytes:
    return without_paths(Body.parse(document), (parse_path(path),)).encode()


# Paths.


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[0]", ("a", 0)),
        ("a[007]", ("a", 7)),
        ("tools[*].function.strict", ("tools", None, "function", "strict")),
        ("tools[0][1].x", ("tools", 0, 1, "x")),
        ("response_format", ("response_format",)),
        ("a-b $c.ü", ("a-b $c", "ü")),
    ],
)
def test_reading_a_path(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", "a..b", "[0]", "[*].a", "a[", "a[]", "a[x]", "a[-1]", "a[1", "a]", "a[0]b", "a.[0]", "a[1234567]"],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


@given(st.text("ab.[]*0 ", max_size=12))
def test_a_path_is_read_as_written_or_refused(text: str) -> None:
    try:
        path = parse_path(text)
    except ValueError:
        return
    written = "".join(f".{step}" if isinstance(step, str) else "[*]" if step is None else f"[{step}]" for step in path)
    assert isinstance(path[0], str)
    assert parse_path(written.removeprefix(".")) == path


# Removal.


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        (b'{"a":1,"b":2}', "a", b'{"b":2}'),
        (b'{"a":1}', "a", b"{}"),
        (b'{"a":{"b":1,"c":2}}', "a.b", b'{"a":{"c":2}}'),
        (b'{"a":{"b":1}}', "a.b", b'{"a":{}}'),
        (b'{"a":[1,2,3]}', "a[1]", b'{"a":[1,3]}'),
        (b'{"a":[1,2,3]}', "a[*]", b'{"a":[]}'),
        (b'{"a":[{"x":1,"y":2},{"x":3},{"z":4}]}', "a[*].x", b'{"a":[{"y":2},{},{"z":4}]}'),
        (b'{"a":[{"x":1},{"x":3}]}', "a[1].x", b'{"a":[{"x":1},{}]}'),
        (b'{"a":[[1,2],[3,4]]}', "a[*][0]", b'{"a":[[2],[4]]}'),
        (b'{"tools":[{"function":{"strict":true,"name":"f"}}]}', "tools[*].function.strict", b'{"tools":[{"function":{"name":"f"}}]}'),
        (b'{"a":null}', "a", b"{}"),
    ],
)  # fmt: skip
def test_what_is_taken_out(document: bytes, path: str, expected: bytes) -> None:
    assert less(document, path) == expected


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b'{"a":1}', "b"),
        (b'{"a":1}', "a.b"),
        (b'{"a":null}', "a.b"),
        (b'{"a":"b"}', "a.b"),
        (b'{"a":{"b":1}}', "a[0]"),
        (b'{"a":{"b":1}}', "a[*]"),
        (b'{"a":[1]}', "a.b"),
        (b'{"a":[1]}', "a[1]"),
        (b'{"a":[1,"x",null]}', "a[*].b"),
        (b'{"a":[]}', "a[*]"),
        (b'{"a":{"b":1}}', "a.c.d"),
        (b"{}", "a"),
    ],
)
def test_a_path_to_nowhere_takes_nothing(document: bytes, path: str) -> None:
    body = Body.parse(document)
    assert without_paths(body, (parse_path(path),)) is body


def test_a_path_to_nowhere_leaves_the_spaces_too() -> None:
    body = Body.parse(b'{"a": { "b": 1 }, "c": [ 1 ]}')
    for path in ("a.x", "c[1]"):
        assert without_paths(body, (parse_path(path),)) is body


@pytest.mark.parametrize("text", [b'"\\ud800"', b'["\\ud83d"]'])
def test_values_beside_a_lone_surrogate_are_taken_out(text: bytes) -> None:
    assert less(b'{"a":{"x":1,"b":' + text + b"}}", "a.x") == b'{"a":{"b":' + text + b"}}"


VERBATIM = [
    b"12345678901234567890123",
    b"1e400",
    b"1.10",
    b"-0.0",
    b'"\\u00e9\\/"',
    b'"\xc3\xa9"',
    b'{ "k" : [ 1 , 2 ] }',
    b"[\n\t1.0\n]",
    b"true",
    b"null",
]


@pytest.mark.parametrize("raw", VERBATIM)
@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        (b'{"x":1,"v":%s}', "x", b'{"v":%s}'),
        (b'{"a":{"x":1,"v":%s}}', "a.x", b'{"a":{"v":%s}}'),
        (b'{"a":[0,%s]}', "a[0]", b'{"a":[%s]}'),
        (b'{"a":[{"x":1,"v":%s},%s]}', "a[0].x", b'{"a":[{"v":%s},%s]}'),
    ],
)
def test_every_other_value_keeps_its_bytes(raw: bytes, document: bytes, path: str, expected: bytes) -> None:
    assert less(document.replace(b"%s", raw), path) == expected.replace(b"%s", raw)


@pytest.mark.parametrize(
    ("open_", "close", "path"),
    [
        (b'{"a":', b"}", ("a",) * 5000),
        (b"[", b"]", ("a", *[None] * 5000)),
    ],
)
def test_a_path_deeper_than_can_be_followed_takes_nothing(open_: bytes, close: bytes, path: Path) -> None:
    body = Body.parse(b'{"a":' + open_ * 450 + b"1" + close * 450 + b"}")
    assert without_paths(body, (path,)) is body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "é", 'é"\\', "é,]}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
STEPS = st.lists(st.sampled_from(["a", "b", "c", None, 0, 1]), max_size=4)


def taken(value: Any, path: tuple[str | int | None, ...]) -> Any:
    """The same on decoded values."""
    first, *rest = path
    if isinstance(value, dict) and isinstance(first, str):
        return {
            key: taken(item, tuple(rest)) if key == first else item
            for key, item in value.items()
            if rest or key != first
        }
    if isinstance(value, list) and not isinstance(first, str):
        return [
            taken(item, tuple(rest)) if first in (None, index) else item
            for index, item in enumerate(value)
            if rest or first not in (None, index)
        ]
    return value


DOCUMENTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(DOCUMENTS, st.sampled_from("abc"), STEPS, st.sampled_from([None, 1, "\t"]))
def test_lone_surrogates_and_spaces_change_nothing(
    document: dict[str, Any], first: str, steps: list[str | int | None], indent: int | str | None
) -> None:
    path = (first, *steps)
    raw = json.dumps(document, indent=indent).replace("\\u00e9", "\\ud800").encode()
    expected = taken(json.loads(raw), path)
    assert json.loads(without_paths(Body.parse(raw), (path,)).encode()) == expected


@given(DOCUMENTS, st.sampled_from("abc"), STEPS)
def test_it_does_what_the_same_removal_does_on_decoded_values(
    document: dict[str, Any], first: str, steps: list[str | int | None]
) -> None:
    path = (first, *steps)
    raw = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    assert (
        without_paths(Body.parse(raw), (path,)).encode()
        == json.dumps(taken(document, path), ensure_ascii=False, separators=(",", ":")).encode()
    )


@pytest.mark.parametrize(
    ("document", "paths", "expected"),
    [
        (b'{"a":[1,2,3]}', ["a[0]", "a[1]"], b'{"a":[3]}'),
        (b'{"a":[1,2,3]}', ["a[0]", "a[0]"], b'{"a":[2,3]}'),
        (b'{"a":[{"x":1,"y":2,"z":3},{"x":4,"y":5}]}', ["a[*].x", "a[0].z", "a[7]"], b'{"a":[{"y":2},{"y":5}]}'),
        (b'{"a":{"b":{"c":1,"d":2}},"e":1}', ["a.b.c", "a.b", "e.f"], b'{"a":{},"e":1}'),
        (b'{"a":[[1,2],[3,4]]}', ["a[*][0]", "a[1][*]"], b'{"a":[[2],[]]}'),
        (b'{"a":1,"b":2}', ["a", "b", "c"], b"{}"),
        (b'{"a":1}', [], b'{"a":1}'),
    ],
)
def test_every_path_names_a_place_in_the_document_as_it_came(
    document: bytes, paths: list[str], expected: bytes
) -> None:
    assert without_paths(Body.parse(document), [parse_path(path) for path in paths]).encode() == expected


def test_a_part_is_read_once_however_many_paths_lead_there(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    parse = Body.parse

    def counted(data: bytes) -> Body:
        read.append(data)
        return parse(data)

    body = Body.parse(json.dumps({"tools": [[[[{"f": {"x": 1}, "g": 2}]]]]}).encode())
    monkeypatch.setattr(Body, "parse", staticmethod(counted))
    steps = ["".join(each) for each in itertools.product(["[0]", "[*]"], repeat=4)]
    paths = [*(f"tools{step}.f.x{index}" for step in steps for index in range(6)), "tools[0][*][0][*].g"]
    less = without_paths(body, [parse_path(path) for path in paths])
    assert less.raw("tools") == b'[[[[{"f":{"x": 1}}]]]]'
    assert len(read) == 2
