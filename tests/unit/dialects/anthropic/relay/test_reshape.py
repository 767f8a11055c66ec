"""Stored messages in the other form: nothing is lost, and what can't be told is not told."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.anthropic.relay.reshape import RESHAPE
from penstock.dialects.framing import sse

MESSAGE: Final = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [
        {"type": "thinking", "thinking": "t" * 1200, "signature": "s" * 900},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "x" * 1100, "citations": [{"type": "char_location", "cited_text": "c"}]},
        {"type": "text", "text": ""},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "hologram", "odd": 1},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": {"why": 1},
    "container": {"id": "c"},
    "odd": True,
    "usage": {"input_tokens": 1, "output_tokens": 2, "service_tier": "standard"},
}
STREAM: Final = RESHAPE.to_stream(json.dumps(MESSAGE).encode(), True) or b""


def plain(stream: bytes) -> Any:
    found = RESHAPE.to_plain(stream)
    return None if found is None else json.loads(found)


def test_there_and_back() -> None:
    assert plain(STREAM) == MESSAGE


def test_a_call_keeps_its_bytes() -> None:
    raw = b'{"type":"message","content":[{"type":"tool_use","id":"a","name":"f","input":{"n": 1.10}}],"stop_reason":"tool_use"}'
    stream = RESHAPE.to_stream(raw, False) or b""
    assert b'{"n": 1.10}' in (RESHAPE.to_plain(stream) or b"")


def test_the_stream_is_one_that_clients_follow() -> None:
    events = [(name, json.loads(data)) for name, data in sse.events(STREAM)]
    assert all(value["type"].encode() == name for name, value in events)
    assert events[0][1]["message"]["content"] == []
    assert events[0][1]["message"]["stop_reason"] is None
    assert (
        max(len(value["delta"].get("text", "")) for _, value in events if value["type"] == "content_block_delta") <= 500
    )
    assert events[-1][0] == b"message_stop"


def test_counts_of_the_end_win() -> None:
    stream = STREAM.replace(b'"usage":{"input_tokens": 1', b'"usage":{"extra":7,"input_tokens": 1', 1)
    assert plain(stream)["usage"] == {**MESSAGE["usage"], "extra": 7}  # type: ignore[dict-item]


def test_pings_and_repeated_ends_are_passed_over() -> None:
    assert plain(STREAM.replace(b"\n\n", b"\n\nevent: ping\ndata: {}\n\n") + STREAM) == MESSAGE


def test_a_message_that_said_why_it_ended_is_whole_without_its_last_event() -> None:
    assert plain(STREAM.removesuffix(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')) == MESSAGE


def test_an_end_without_a_reason_is_a_null() -> None:  # docs/fidelity.md#answers-without-a-reason
    unsaid = {name: value for name, value in MESSAGE.items() if name != "stop_reason"}
    stream = RESHAPE.to_stream(json.dumps(unsaid).encode(), True)
    assert stream is not None
    assert plain(stream) == {**MESSAGE, "stop_reason": None}


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        STREAM[: STREAM.index(b"event: message_delta")],
        STREAM[: STREAM.index(b"event: message_delta")].replace(b'"stop_reason":null', b'"stop_reason":"x"'),
        b'event: error\ndata: {"type":"error","error":{}}\n\n' + STREAM,
        STREAM.replace(b'"index":1', b'"index":5'),
        STREAM.replace(b'"partial_json":"{', b'"partial_json":"}'),
        STREAM.replace(b"content_block_stop", b"content_block_odd"),
        b"data: []\n\n",
        b"data: {\n\n",
        b"event: message_start\ndata: {}\n\n",
    ],
)
def test_what_cannot_be_followed(stream: bytes) -> None:
    assert plain(stream) is None


@pytest.mark.parametrize(
    "reply",
    [b"", b"[]", b"{}", b'{"type":"error"}', b'{"type":"message","content":{}}', b'{"type":"message","content":[]}'],
)
def test_what_is_no_finished_message(reply: bytes) -> None:
    assert RESHAPE.to_stream(reply, True) is None


def test_usage_is_always_told() -> None:
    assert RESHAPE.with_usage(b"x", False) == b"x"


@given(st.binary(max_size=60), st.integers(0, len(STREAM)))
def test_any_stream(data: bytes, at: int) -> None:
    RESHAPE.to_plain(data)
    RESHAPE.to_plain(STREAM[:at] + data + STREAM[at:])
    RESHAPE.to_stream(data, True)


def test_an_indented_message_is_told_in_events_of_one_line_each() -> None:
    for indented in (json.dumps(MESSAGE, indent=1), json.dumps(MESSAGE, indent=1).replace("\n", "\r\n")):
        stream = RESHAPE.to_stream(indented.encode(), True) or b""
        assert all(line.startswith((b"event: ", b"data: ")) for line in stream.splitlines() if line)
        assert plain(stream) == MESSAGE
