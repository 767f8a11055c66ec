"""An event that is like an earlier one but for its text is told by its bytes; any other one is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.segments import Delta, SegmentKind
from penstock.guards.event_template import template_of
from penstock.guards.held_text import RuledText
from trials import WITH_TIME, trials
from upstream import chunk

pytestmark = WITH_TIME
POINTER = ("choices", 0, "delta", "content")


def delta(text: str) -> Delta:
    return Delta((SegmentKind.TEXT, 0, 0), POINTER, text)


FED = RuledText([])


def event(text: str, *, ascii_only: bool = False, **more: Any) -> bytes:
    value = {"id": "c", "choices": [{"index": 0, "delta": {"content": text}}], **more}
    return b"data: " + json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n\n"


@trials(300)
@given(st.text('a"\\\n,}:é\u2028', max_size=6), st.text('a"\\\n,}:é\U0001f600', max_size=6), st.booleans())
def test_an_event_with_another_text(first: str, second: str, ascii_only: bool) -> None:
    template = template_of(event(first), delta(first), FED, may_skip=True)
    assert template is not None
    assert template.text(event(second, ascii_only=ascii_only)) == second
    data = template.event(second)[6:]
    assert json.loads(data)["choices"][0]["delta"] == {"content": second}


def test_an_event_that_is_different_otherwise() -> None:
    template = template_of(event("a"), delta("a"), FED, may_skip=True)
    assert template is not None
    two = event("a") + event("b")
    for other in (
        event("b", usage={"n": 1}),
        two,
        chunk({"content": "b"}),
        event('b"')[:-4] + b'"x"}]}\n\n',
        b"",
        b"data: [DONE]\n\n",
    ):
        assert template.text(other) is None
    assert template.text(b"data: " + event("a")[6:].replace(b'"a"', b'"a", "content": "b"')) is None


@pytest.mark.parametrize("bad", [b"\x01", b"\t", b"\n", b"\r", b"\xff", b"\\x", b"\\ud83d"])
def test_a_text_that_is_no_json(bad: bytes) -> None:
    template = template_of(event("a"), delta("a"), FED, may_skip=True)
    assert template is not None
    assert template.text(event("Q").replace(b"Q", bad)) is None


@pytest.mark.parametrize("bad", [event("a", content="x"), event("b"), b"data: {}\n\n"])
def test_no_template_where_the_place_of_the_text_is_not_told(bad: bytes) -> None:
    assert template_of(bad, delta("a"), FED, may_skip=True) is None
