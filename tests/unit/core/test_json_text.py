"""JSON from outside is read as clients send it, written whatever it holds, and members have the expected type or none."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import json_text
from penstock.core.json_text import (
    read_any_numbers,
    read_json,
    read_json_or_none,
    read_repaired,
    read_reply_json,
    with_needed_escapes,
    with_plain_names,
    with_utf8,
    write_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"\xef\xbb\xbf[1]", [1]),
        (rb'"\ud83d"', "\ud83d"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
    ],
    ids=["plain", "byte-order mark", "lone surrogate", "large number"],
)
def test_what_clients_send_is_read(data: bytes, value: Any) -> None:
    assert read_json(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000], ids=range(6))
def test_anything_else_is_a_value_error_or_none(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (its text is the decoder's)
        read_json(data)
    assert read_json_or_none(data) is None


@given(JSON)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert read_json(write_json(value)) == value


def test_raw_values_keep_their_bytes_and_half_a_character_is_written() -> None:
    assert write_json({"a": msgspec.Raw(b"1.10")}) == b'{"a":1.10}'
    assert write_json(["\ud83d", msgspec.Raw(b"[1]")]) == rb'["\ud83d",[1]]'


@pytest.mark.parametrize("beside", ["x", "\ud83d"])
def test_numbers_that_are_no_json_are_written_as_null(beside: str) -> None:
    numbers = [math.inf, -math.inf, math.nan]
    assert read_json(write_json({"NaN": numbers, "beside": beside})) == {"NaN": [None, None, None], "beside": beside}


def test_members_of_another_type_count_as_absent() -> None:
    value = {"object": {"a": 1}, "text": "x", "number": 3, "flag": True}
    assert [json_text.mapping(value, name) for name in ("object", "text", "none")] == [{"a": 1}, {}, {}]
    assert [json_text.text(value, name) for name in ("text", "number", "none")] == ["x", "", ""]
    assert [json_text.integer(value, name) for name in ("number", "flag", "text", "none")] == [3, None, None, None]
    assert json_text.mappings([{"a": 1}, 2, {}]) == [{"a": 1}, {}]
    assert json_text.mappings("x") == []


def test_names_of_members_become_utf_8() -> None:
    value = {"\ud800": [{"a\udfff": "\ud800"}], "b": 1}
    assert with_plain_names(value) == {"?": [{"a?": "\ud800"}], "b": 1}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":NaN,"b":[-Infinity,"NaN"]}', {"a": None, "b": [None, "NaN"]}),
        (b'{"a":1}', {"a": 1}),
        (b'{"a":NaN', None),
        (b"{", None),
        (b"", None),
    ],
)
def test_a_providers_reply(data: bytes, value: Any) -> None:
    assert read_reply_json(data) == value


@pytest.mark.parametrize(
    ("data", "mended"),
    [
        (b'{"a":1}', ({"a": 1}, None)),
        (b'{"a":NaN,"b":"NaN"}', ({"a": None, "b": "NaN"}, b'{"a":null,"b":"NaN"}')),
        (b"{", (None, None)),
        (b'{"a":NaN', (None, b'{"a":null')),
    ],
)
def test_a_mended_text_comes_with_its_value(data: bytes, mended: tuple[Any, bytes | None]) -> None:
    assert read_repaired(data) == mended


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"plain", b"plain"),
        ("\u00e9\U0001f600".encode(), "\u00e9\U0001f600".encode()),
        (b"a\xffb", "a\ufffdb".encode()),
    ],
)
def test_what_is_no_utf_8_becomes_what_clients_read(data: bytes, told: bytes) -> None:
    assert with_utf8(data) == told
    assert with_utf8(data).decode() == data.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'{"a":"c\u0061n \/ \u00e9"}', '{"a":"can / é"}'),
        (r'{"a":"\ud83d\ude00 \ud83d"}', '{"a":"😀 \\ud83d"}'),
        (r'{"a":"\u0022 \\u0061 \n \u000a \x"}', r'{"a":"\u0022 \\u0061 \n \u000a \x"}'),
    ],
)
def test_a_text_without_needless_escapes(text: str, read: str) -> None:
    assert with_needed_escapes(text) == read


def test_a_number_that_python_does_not_read_is_null() -> None:
    text = b'{"a": ' + b"1" * 5000 + b', "b": 2, "c": NaN, "d": "\\ud800"}'
    assert read_json_or_none(text) is None
    assert read_any_numbers(text) == {"a": None, "b": 2, "c": None, "d": "\ud800"}
    assert read_any_numbers(b'{"a": 1}') == {"a": 1}
    for no_json in (b'{"a": 1', b"\xff", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        assert read_any_numbers(no_json) is None
