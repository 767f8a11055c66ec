"""Events told by the bytes around their text."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.core.json_text import read_json, write_json
from penstock.dialects.framing.text_template import TextTemplate, characters


def event(text: str | bytes) -> bytes:
    """An event with a text, or with a string as it is written."""
    quoted = text if isinstance(text, bytes) else write_json(text)
    return b'event: delta\ndata: {"type":"delta","delta":{"type":"text","text":%b},"index":0}\n\n' % quoted


def taught() -> TextTemplate:
    template = TextTemplate.of(event("Hello"), "Hello")
    assert template is not None
    return template


HELLO = taught()


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
@example(['\b\f\n\r\t"\\/\x7f\u2028', "\x00"])
def test_texts_are_told_as_they_would_be_written_anew(texts: list[str]) -> None:
    told = HELLO.texts(b"".join(map(event, texts)))
    if told is None:  # a character that has a long escape alone
        assert any(character < " " and character not in "\b\f\n\r\t" for text in texts for character in text)
        return
    assert [b'"%b"' % each for each in told] == [write_json(text) for text in texts]
    assert [characters(each) for each in told] == [len(text) for text in texts]


@given(st.binary(max_size=12) | st.text(max_size=6).map(lambda text: json.dumps(text)[1:-1].encode()))
@example(b"\xff")
@example(b'a"}}\n\n')
@example(b"\\")
@example(b"\\/")
@example(b"\\u00e9")
def test_what_is_told_is_what_a_reader_tells(inner: bytes) -> None:
    for text in HELLO.texts(event(b'"%b"' % inner)) or ():
        assert read_json(b'"%b"' % text) == read_json(event(b'"%b"' % inner).partition(b"data: ")[2])["delta"]["text"]
        assert write_json(read_json(b'"%b"' % text)) == b'"%b"' % text


@pytest.mark.parametrize(
    "other",
    [
        event(""),
        event("a")[:-1],
        event("a") + event("b")[:-2],
        event("a").replace(b'"index":0', b'"index":1'),
        event("a") + b": comment\n\n",
        event("a") + event("b").replace(b'"index":0', b'"index":1'),
        event("a").replace(b"\n", b"\r\n"),
        b"",
        event("Hello")[:30],
    ],
)
def test_any_other_bytes_are_not_told(other: bytes) -> None:
    assert HELLO.texts(other) is None


@pytest.mark.parametrize(
    ("learnt", "text"),
    [
        (event("text"), "text"),
        (event(":"), ":"),
        (b'data: {"text":":"}\n\n', ":"),
        (event(","), ","),
        (event("a") + event("b"), "a"),
        (event("a")[:-2], "a"),
        (event(b'"\\u0061"'), "a"),
        (event("é\n"), "é\n"),
        (event("a"), "b"),
        (event("a").replace(b"\n", b"\r\n"), "a"),
        (b'data: {"pad":"\\u0062","text":"b"}\n\n', "b"),
    ],
)
def test_where_the_text_is_not_sure_there_is_no_template(learnt: bytes, text: str) -> None:
    assert TextTemplate.of(learnt, text) is None
