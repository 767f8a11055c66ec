"""Estimates of tokens. The numbers beside the texts are bounds that hold an estimate of that text, and no tokeniser's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.token_estimate import PER_MESSAGE, PER_PICTURE, text_tokens, value_tokens


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("The quick brown fox jumps over the lazy dog.", 9, 11),
        ("internationalization", 1, 4),
        ("1234567890", 4, 4),
        ('{"type": "object", "properties": {"city": {"type": "string"}}}', 18, 26),
        ("def add(a, b):\n    return a + b\n", 12, 17),
        ("你好，世界", 3, 6),
        ("Привет, как дела?", 5, 8),
        ("🙂🙂", 2, 6),
    ],
)
def test_texts(text: str, least: int, most: int) -> None:
    assert least <= text_tokens(text) <= most


@given(st.text(), st.text())
def test_more_text_has_no_fewer_tokens(one: str, other: str) -> None:
    assert 0 <= text_tokens(one) <= text_tokens(one + "\n" + other) <= 2 * len(one + "\n" + other)


PICTURE: dict[str, Any] = {"type": "image", "source": {"type": "base64", "data": "A" * 9000}}


def test_conversations_of_any_wire() -> None:
    text = text_tokens("Hello there")
    assert value_tokens({"messages": [{"role": "user", "content": "Hello there"}]}) == text + PER_MESSAGE
    assert value_tokens({"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}) == text + PER_MESSAGE
    assert value_tokens({"input": "Hello there"}) == text
    assert value_tokens([{"type": "text", "text": "Hello there", "cache_control": {"type": "ephemeral"}}]) == text


def test_pictures_have_a_round_number() -> None:
    assert value_tokens(PICTURE) == PER_PICTURE
    assert value_tokens({"inlineData": {"data": "A" * 9000}}) == PER_PICTURE
    assert value_tokens({"type": "reasoning", "encrypted_content": "A" * 9000}) == 0
    document = {"type": "document", "source": {"type": "text", "data": "Hello there"}}
    assert value_tokens(document) == text_tokens("Hello there")


def test_tools_and_arguments_are_json() -> None:
    assert value_tokens({"tools": [{"name": "f"}]}) == text_tokens('[{"name": "f"}]')
    assert value_tokens({"type": "tool_use", "input": {"a": 1}}) == text_tokens('{"a": 1}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "role", "text", "input", "tools", "source"]), inner)
    ),
)


@given(JSON)
def test_any_value_is_counted(value: Any) -> None:
    assert value_tokens(value) >= 0


def test_depth_is_bounded() -> None:
    value: Any = "deep"
    for _ in range(5000):
        value = [value]
    assert value_tokens(value) == 0


@pytest.mark.parametrize("kind", [[], {}, [["text"]], 1, None])
def test_a_source_of_any_type_is_counted(kind: Any) -> None:
    assert value_tokens([{"type": "document", "source": {"type": kind, "data": "x"}}]) >= 0
