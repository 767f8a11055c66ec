"""Looking into streams as they pass: content, garbage, errors, the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.stream import STREAM, ending
from penstock.dialects.stream_watch import StreamWatch


def chunk(delta: Any = None, **members: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": None}
    return b"data: " + json.dumps({"id": "c", "choices": [choice], **members}).encode() + b"\n\n"


TEXT = chunk({"content": "Hi"})


@pytest.mark.parametrize(
    ("events", "content"),
    [
        (chunk({"role": "assistant"}), 0),
        (chunk({"role": "assistant", "content": ""}), 0),
        (chunk({"role": "assistant", "content": None, "tool_calls": []}), 0),
        (chunk({}), 0),
        (b": comment\n\n", 0),
        (b"data: [DONE]\n\n", 0),
        (b'data: {"choices":[],"usage":null}\n\n', 0),
        (b'data: {"choices":[],"prompt_filter_results":[{}]}\n\n', 0),
        (TEXT, 1),
        (TEXT + TEXT, 2),
        (chunk({"reasoning_content": "hm"}), 1),
        (chunk({"tool_calls": [{"index": 0}]}), 1),
        (chunk({"refusal": "no"}), 1),
        (b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n', 1),
        (b'data: {"choices":[{"text":"Hi"}]}\n\n', 1),
        (b"data: 1\n\n", 0),
        (b'data: {"choices":1}\n\ndata: {"choices":[1]}\n\ndata: {"choices":[{"delta":1}]}\n\n', 0),
        (chunk({"content": "Hi"}, error={"message": "x"}), 0),
    ],
)
def test_what_counts_as_content(events: bytes, content: int) -> None:
    scan = StreamWatch(STREAM)
    assert scan.feed(events, weigh=True) == events
    assert scan.content == content
    assert scan.skipped == 0


@pytest.mark.parametrize(
    ("events", "is_error"),
    [
        (b'data: {"error":{"message":"x"}}\n\n', True),
        (b'event: error\ndata: {"status_code":400}\n\n', True),
        (b': c\n\ndata: {"choices":[{}],"error":null}\n\n', False),
        (b'data: {"choices":[]}\n\ndata: {"error":{}}\n\n', True),
        (b"data: [DONE]\n\n", False),
    ],
)
def test_an_error_among_the_events(events: bytes, is_error: bool) -> None:
    scan = StreamWatch(STREAM)
    assert scan.feed(events) == events
    assert (scan.error is not None) is is_error


def test_the_last_usage_of_a_stream_counts() -> None:
    tail = b'cut"}\n\ndata: {"usage":{"prompt_tokens":1}}\n\ndata: {"usage":{"prompt_tokens":2}}\r\n\r\ndata: {"usage":null}\n\ndata: [DONE]\n\n'
    assert ending(tail) == (True, Usage(2))
    assert ending(b"data: [DONE]\n\n") == (True, None)


@pytest.mark.parametrize(
    ("tail", "ended"),
    [
        (b"data: [DONE]\n\n", True),
        (b"data:[DONE]", True),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', True),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{}}\n\n', True),
        (b'data: {"choices":[{"finish_reason":null}]}\n\n', False),
        (b'data: {"choices":{}}\n\ndata: not json\n\n', False),
    ],
)
def test_how_a_stream_says_that_it_is_finished(tail: bytes, ended: bool) -> None:
    assert ending(tail)[0] is ended


@given(st.binary(max_size=60), st.sampled_from([b"", b"event: error\n", b"data: "]))
def test_no_bytes_lead_to_an_exception(data: bytes, before: bytes) -> None:
    for stream in (data, before + data + b"\n\n", b'data: {"choices":[' + data + b"]}\n\n"):
        StreamWatch(STREAM).feed(stream, weigh=True)
        ending(stream)
