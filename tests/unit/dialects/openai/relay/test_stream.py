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
        (b': c\n\ndata: {"choices":[{}],"error":null}\n\n', False),
        (b"data: [DONE]\n\n", False),
        (b'data: {"object":"chat.completion.done"}\n\n', False),
        (b'data: {"choices":[],"usage":{}}\n\n', False),
    ],
)
def test_an_error_among_the_events(events: bytes, is_error: bool) -> None:
    scan = StreamWatch(STREAM)
    assert scan.feed(events) == events
    assert ((scan.error is not None), scan.is_over) == (is_error, False)


@pytest.mark.parametrize(
    ("event", "status", "passes"),
    [
        (b'event: error\ndata: {"status_code":400}\n\n', 400, False),
        (b'data: {"error":{}}\n\n', 502, False),
        (b'data: {"error":"full"}\n\n', 502, False),
        (b'data: [{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}]\n\n', 503, False),
        (b'data: {"detail":"Not authenticated"}\n\n', 502, False),
        (b'data: {"code":500,"success":false}\n\n', 500, False),
        (b'data: {"choices":null,"usage":{},"base_resp":{"status_code":1027,"status_msg":"x"}}\n\n', 502, False),
        (b'data: {"choices":[{"delta":{},"finish_reason":"error","error":{"code":429,"message":"x"}}]}\n\n', 429, True),
        (
            b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"insufficient_system_resource"}]}\n\n',
            502,
            True,
        ),
        (
            b'data: {"choices":[{"delta":{},"finish_reason":"stop","native_finish_reason":"network_error"}]}\n\n',
            502,
            True,
        ),
    ],
)
def test_an_error_in_another_shape_is_the_last_that_passes(event: bytes, status: int, passes: bool) -> None:
    scan = StreamWatch(STREAM)
    chunk = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
    assert scan.feed(chunk + event + chunk) == chunk + (event if passes else b"")
    assert scan.feed(chunk + b"data: [DONE]\n\n") + scan.finish() == b""
    assert scan.error is not None
    assert (scan.error.status, scan.is_over, scan.error_data) == (status, True, event.partition(b"data: ")[2].strip())
    assert scan.fork().is_over


def test_a_word_of_failure_is_no_content() -> None:
    scan = StreamWatch(STREAM)
    scan.feed(b'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n', weigh=True)
    assert scan.content == 0


@pytest.mark.parametrize(
    ("ends", "is_complete"),
    [
        (["stop"], True),
        (["tool_calls"], True),
        ([None, "stop"], True),
        (["length"], False),
        (["content_filter"], False),
        (["new_word"], False),
        ([None], False),
        ([], False),
    ],
)
def test_streams_that_may_be_given_again(ends: list[str | None], is_complete: bool) -> None:
    said = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}\n\n'
    rest = [json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]}).encode() for end in ends]
    stream = said + b"".join([b"data: " + data + b"\n\n" for data in rest]) + b"data: [DONE]\n\n"
    assert STREAM.is_complete(stream) is is_complete
    assert not STREAM.is_complete(stream.replace(b"Hi", b""))


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
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: {"choices":[{"finish_reason":null}]}\n\n', True),
        (b'data: {"choices":[{"index":1}]}\n\ndata: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n', False),
        (b'data: {"choices":[{"finish_reason":"stop"},{"finish_reason":null}]}\n\n', False),
        (b'data: {"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}\n\n', True),
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
