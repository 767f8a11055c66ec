"""Chunks that differ from an earlier one in their text only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizing import CALL, DONE, ROLE, STOP, TEXT, arguments, chunk, sse
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.openai.relay.text_pattern import pattern_of


def raw(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def text(content: str, **members: Any) -> bytes:
    return raw(chunk({"content": content}, **members))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (text("a"), text("")),
        (text('"'), text('","content":"')),
        (text("a"), text('}}],"usage":null')),
        (text("a\\"), text("\n\u2028é😀")),
        (text("a", obfuscation="xy"), text("b", obfuscation='","obfuscation":"')),
        (raw(arguments("{")), raw(arguments('"a":"\\u00e9"}'))),
        (raw(chunk({"content": "", "reasoning_content": "a"})), raw(chunk({"content": "b", "reasoning_content": ""}))),
        (raw(chunk({"content": None, "reasoning": "a"})), raw(chunk({"content": None, "reasoning": "b"}))),
        (json.dumps(chunk({"content": "a"})).encode(), json.dumps(chunk({"content": 'b", "x": "'})).encode()),
    ],
)
def test_another_text_fits(first: bytes, second: bytes) -> None:
    pattern = pattern_of(first)
    assert pattern is not None
    assert pattern.fits(first)
    assert pattern.fits(second)


@pytest.mark.parametrize(
    "second",
    [
        text("b", model="n"),
        text("b").replace(b'"b"', b"null"),
        text("b").replace(b'"b"', b'"b","tool_calls":[]'),
        text("b").replace(b'"b"', b'"b"}},"error":{"x":"'),
        text("b").replace(b'"b"', b'"b'),
        text("b").replace(b'"b"', b'"\\ud800"'),
        text("b").replace(b'"b"', b'"\xff"'),
        text("b").replace(b'"b"', b'"\n"'),
        text("b").replace(b'"b"', b'\n"b"'),
        text("b").replace(b'"b"', b'"b"\n\n'),
        text("b").replace(b'"b"', b'"b"\r'),
        text("b").replace(b'"b"', b""),
        text("b")[:-1],
        text("b") + b" ",
        b"",
    ],
)
def test_anything_else_does_not(second: bytes) -> None:
    pattern = pattern_of(text("a"))
    assert pattern is not None
    assert not pattern.fits(second)


@pytest.mark.parametrize("obfuscation", [{}, {"obfuscation": "xyz"}])
def test_several_events_fit_if_each_does(obfuscation: dict[str, str]) -> None:
    first, other = (b"data: %b\n\n" % text(each, **obfuscation) for each in ("a", "another text " * 20))
    pattern = pattern_of(first)
    assert pattern is not None
    assert pattern.fits(first + other + first)
    for different in (
        other.replace(b'"m"', b'"n"'),
        other.replace(b"data: ", b"data:"),
        b"data: [DONE]\n\n",
        b": comment\n\n",
        b"\n",
    ):
        assert different != other
        for events in (first + different + first, different + first, first + different):
            assert not pattern.fits(events)


def test_a_head_and_a_tail_that_overlap_do_not_fit() -> None:
    pattern = pattern_of(b'{"content":"a","content":"b"}')
    assert pattern is not None
    assert not pattern.fits(b'{"content":"a"}')


@pytest.mark.parametrize(
    "data",
    [
        raw(chunk()),
        raw(chunk({"content": None})),
        raw(chunk({"content": "", "reasoning": "", "reasoning_content": ""}, obfuscation="")),
        b'{"content":"never ended',
    ],
)
def test_a_chunk_without_pattern(data: bytes) -> None:
    assert pattern_of(data) is None


_TEXTS = st.sampled_from(["", "a", "</s>", '"', "\\", '","content":"', "é", "}"])
_CHUNKS = st.one_of(
    _TEXTS.map(lambda each: chunk({"content": each})),
    _TEXTS.map(lambda each: chunk({"content": each}, obfuscation=each)),
    _TEXTS.map(arguments),
    st.builds(arguments, _TEXTS, st.integers(0, 1)),
    _TEXTS.map(lambda each: chunk({"content": each}, "stop")),
    _TEXTS.map(lambda each: {**chunk({"content": each}), "id": "other"}),
    _TEXTS.map(lambda each: chunk({"content": each}, error=each)),
    st.sampled_from([ROLE, TEXT, CALL, STOP, chunk(choices=[]), chunk({}, ...), chunk({"content": []}), []]),
)


@given(st.lists(_CHUNKS, max_size=12), st.booleans(), st.booleans())
@settings(max_examples=300)
def test_a_pattern_changes_nothing(chunks: list[Any], has_unsaid_end: bool, moves_usage: bool) -> None:
    """What is sound, and what is made of all else, is the same without any pattern."""
    with_patterns = StreamNormalizer(has_unsaid_end=has_unsaid_end, moves_usage=moves_usage)
    without = StreamNormalizer(has_unsaid_end=has_unsaid_end, moves_usage=moves_usage)
    without._patterns_left = 0
    for event in [*(sse(each) for each in chunks), DONE]:
        sound = with_patterns.sound(event)
        assert sound == without.sound(event)
        if not sound:
            assert with_patterns.normalize(event) == without.normalize(event)
    assert with_patterns.finish() == without.finish()


@given(st.lists(_CHUNKS, max_size=12))
@settings(max_examples=100)
def test_several_events_are_judged_as_one_by_one(chunks: list[Any]) -> None:
    together, apart = StreamNormalizer(), StreamNormalizer()
    sound = together.sound(sse(*chunks))
    length = 0
    for each in chunks:
        event = sse(each)
        if apart.sound(event) != len(event):
            break
        length += len(event)
    assert sound == length


def test_events_around_one_text_are_known_until_something_else_comes() -> None:
    normalizer, event = StreamNormalizer(), b"data: " + text("Q") + b"\n\n"
    before, behind = event.split(b"Q")
    assert not normalizer.knows(before, behind)
    normalizer.normalize(sse(ROLE))
    assert normalizer.sound(event) == len(event)
    assert normalizer.knows(before, behind)
    assert not normalizer.knows(before[1:], behind)
    assert not normalizer.knows(before, behind[1:])
    normalizer.normalize(sse(STOP))
    assert not normalizer.knows(before, behind)


def test_events_around_several_texts_are_not_known() -> None:
    normalizer, event = StreamNormalizer(), b"data: " + text("Q", obfuscation="xy") + b"\n\n"
    normalizer.normalize(sse(ROLE))
    assert normalizer.sound(event) == len(event)
    assert normalizer.pattern is not None
    for text_of_it in (b"Q", b"xy"):
        assert not normalizer.knows(*event.split(text_of_it))
    assert not normalizer.knows(b"", b"")
