"""Converse's replies: frames, streams that break, errors, and whatever else may come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converse_replies import BEGIN, CLAUDE, TOKENS, USAGE, delta, end, frame, start, stop, streamed, whole
from penstock.core.events import (
    Fail,
    Stop,
    Text,
    collect,
)
from penstock.dialects.bedrock import DIALECT


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("internalServerException", 500),
        ("modelStreamErrorException", 424),
        ("validationException", 400),
        ("throttlingException", 429),
        ("serviceUnavailableException", 503),
        ("modelTimeoutException", 408),
        ("newException", 0),
    ],
)
def test_an_exception_ends_the_stream(kind: str, status: int) -> None:
    payload = b'{"message":"Not now."}'
    raised = frame(payload, exception_type=kind, content_type="application/json", message_type="exception")
    data = BEGIN + delta(0, text="Hel") + raised
    expected = [Text("Hel"), Fail("Not now.", kind, "", status, payload)]
    assert streamed(data + delta(0, text="lo")) == expected
    assert streamed(data, cuts=list(range(1, len(data)))) == expected


def test_an_error_is_told_in_headers() -> None:
    told = frame(b"", message_type="error", error_code="InternalFailure", error_message="Something broke.")
    assert streamed(told) == [Fail("Something broke.", "InternalFailure")]
    silent = frame(b"[1", message_type="exception", exception_type="validationException")
    (failed,) = streamed(silent)
    assert failed == Fail("the provider tells of an error without a message", "validationException", "", 400, b"[1")


def test_an_error_in_place_of_a_whole_reply() -> None:  # docs/quirks.md#q66
    raw = b'{"message":"Too many requests, please wait before trying again."}'
    assert DIALECT.read_reply(raw, CLAUDE) == [Fail("Too many requests, please wait before trying again.", raw=raw)]


def test_streams_that_break() -> None:
    good = BEGIN + delta(0, text="Hi")
    for data, reason in (
        (b"", "ended before"),
        (good, "ended before"),
        (good + stop(0)[:-3], "cut off"),
        (good + b"\x00" * 16, "can't be read"),
        (good + frame(b"{", event_type="contentBlockDelta"), "no JSON object"),
        (good + frame(b"[]", event_type="contentBlockDelta"), "no JSON object"),
        (good + delta(4, toolUse={"input": "{}"}) + end(), "never began"),
    ):
        found = streamed(data)
        assert isinstance(found[-1], Fail)
        assert found[-1].broken
        assert reason in found[-1].message
        assert found[:-1] == ([Text("Hi")] if data else [])
        assert streamed(data, cuts=list(range(1, len(data)))) == found


def test_a_reader_that_has_ended_says_nothing_more() -> None:
    reader = DIALECT.reader(CLAUDE)
    assert reader.feed(b"\x00" * 16)
    assert reader.feed(BEGIN) == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"{}", b'{"output":{"message":{"content":"x"}}}', b'{"output":1}']
)
def test_replies_that_are_none(data: bytes) -> None:
    (found,) = DIALECT.read_reply(data, CLAUDE)
    assert isinstance(found, Fail)
    assert found.broken
    assert found.raw == data


# Anything at all.
FULL = (
    BEGIN + delta(0, text="Hi") + stop(0) + delta(1, reasoningContent={"text": "Hm", "signature": "s"})
    + start(2, toolUse={"name": "f", "toolUseId": "t"}) + delta(2, toolUse={"input": "{}"}) + stop(2)
    + start(3, image={"format": "png"}) + delta(3, image={"source": {"bytes": "AAEC"}}) + stop(3)
    + delta(4, citation={"title": "t"}) + delta(4, text="x") + stop(4) + end("tool_use")
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
BLOCK: dict[str, Any] = {
    "text": "Hi",
    "toolUse": {"name": "f", "toolUseId": "t", "type": "tool_use", "input": {}},
    "toolResult": {"toolUseId": "t", "content": [{"text": "x"}]},
    "reasoningContent": {"reasoningText": {"text": "a", "signature": "b"}, "redactedContent": "YQ=="},
    "citationsContent": {"content": [{"text": "x"}], "citations": [{"location": {"web": {"url": "u"}}, "source": "s"}]},
    "image": {"format": "png", "source": {"bytes": "AAEC", "s3Location": {"uri": "s3://x"}}},
}
EVENTS: dict[str, Any] = {
    "messageStart": {"role": "assistant"},
    "contentBlockStart": {"contentBlockIndex": 0, "start": BLOCK},
    "contentBlockDelta": {
        "contentBlockIndex": 0,
        "delta": {**BLOCK, "toolUse": {"input": "{}"}, "toolResult": [{"text": "x"}], "citation": {"title": "t"}},
    },
    "contentBlockStop": {"contentBlockIndex": 0},
    "messageStop": {"stopReason": "end_turn"},
    "metadata": {"usage": USAGE, "metrics": {}},
}


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every member stands."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for name, each in members for path in paths(each, (*before, name)))]


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with something else at one place."""
    if not path:
        return odd
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, len(FULL)), max_size=5))
def test_any_pieces_give_the_same_events(cuts: list[int]) -> None:
    assert streamed(FULL, cuts=sorted(cuts)) == streamed(FULL)


def test_a_stream_cut_anywhere_is_broken_or_ended() -> None:
    for cut in range(len(FULL)):
        found = streamed(FULL[:cut])
        broken = isinstance(found[-1], Fail) and found[-1].broken
        assert broken != any(isinstance(event, Stop) for event in found)


@settings(max_examples=100)
@given(data=st.binary(max_size=100))
def test_any_bytes_give_events(data: bytes) -> None:
    for found in (streamed(data), DIALECT.read_reply(data, CLAUDE)):
        assert isinstance(found[-1], Fail)


@settings(max_examples=200)
@given(odd=JSON, path=st.sampled_from(paths(EVENTS)[1:]))
def test_any_value_for_any_member_of_a_stream(odd: Any, path: tuple[Any, ...]) -> None:
    events = replaced(EVENTS, path, odd)
    members = [(kind, value) for kind, value in events.items() if isinstance(value, dict)]
    data = b"".join(frame(json.dumps(value).encode(), event_type=kind) for kind, value in members)
    collect(streamed(data))
    assert streamed(data, cuts=[len(data) // 2]) == streamed(data)


@settings(max_examples=200)
@given(odd=JSON, path=st.sampled_from(paths(BLOCK)))
def test_any_value_for_any_member_of_a_reply(odd: Any, path: tuple[Any, ...]) -> None:
    reply = collect(whole(replaced(BLOCK, path, odd)))
    assert reply.usage == TOKENS
    assert reply.failure is None
