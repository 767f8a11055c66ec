"""Whole replies in the other form (the ways there are in test_first_content.py)."""

from __future__ import annotations

import pytest

import calling
from calling import ANTHROPIC, CHAT, OPENAI, PLAIN
from fake_reply import FakeReply
from penstock.dialects.caller import CallerDialect, NormalizedReply
from penstock.dialects.registry import CALLERS
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.replies.reshaped_reply import is_stream, normalized, streamed, unframed


def asked(dialect: CallerDialect = OPENAI, **members: object) -> PreparedRequest:
    to = calling.route(calling.target("nvidia" if dialect is OPENAI else "anthropic"))
    return calling.prepared(calling.call({**CHAT, "stream": True, **members}, dialect), to)


@pytest.mark.parametrize(
    ("body", "kind", "found"),
    [
        (b"data: {}\n\n", b"", True),
        (b"\xef\xbb\xbf\n: hi\n\n", b"application/json", True),
        (b"event: ping\ndata: {}\n\n", b"text/plain", True),
        (b"{}", b"text/event-stream", False),
        (b"", b"text/event-stream", True),
        (b"<html>", b"text/html", False),
        (b"database", b"", False),
    ],
)
def test_a_stream_is_told_by_its_beginning(body: bytes, kind: bytes, found: bool) -> None:
    assert is_stream(FakeReply(200, headers=[(b"content-type", kind)]), body) is found


def test_a_stream_in_the_frames_of_its_wire_is_told_by_its_bytes() -> None:
    call = calling.call({"model": "m", "stream": False, "messages": CHAT["messages"]}, CALLERS["ollama"])
    to_ollama = calling.prepared(call, calling.route(calling.target("ollama", options={"ollama_api": "native"})))
    assert unframed(b'{"done":false}\n{"done":true}\n', to_ollama) == b'data: {"done":false}\n\ndata: {"done":true}\n\n'
    assert unframed(b'{"done":true}\n', to_ollama) is None
    assert unframed(b"data: {}\n\n", asked()) is None


def test_replies_of_lane_1_are_normalized() -> None:
    body = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    assert b'"role":"assistant"' in normalized(body, asked()).body
    assert normalized(calling.COMPLETION, asked()).body == calling.COMPLETION
    assert normalized(calling.MESSAGE, asked(ANTHROPIC)) == NormalizedReply(calling.MESSAGE)


def test_usage_is_told_to_who_asks_and_to_the_record() -> None:
    wanted, leaves_out = streamed(PLAIN["openai_chat"], asked(stream_options={"include_usage": True}))
    assert (wanted.count(b'"choices":[]'), leaves_out) == (1, False)
    unwanted, leaves_out = streamed(PLAIN["openai_chat"], asked())
    assert (unwanted.count(b'"choices":[]'), unwanted.count(b'"usage":null'), leaves_out) == (1, 0, True)
    without = PLAIN["openai_chat"].replace(b'"usage"', b'"other"')
    stream, leaves_out = streamed(without, asked(stream_options={"include_usage": True}))
    assert (stream.endswith(calling.DONE), leaves_out) == (True, False)
    message, leaves_out = streamed(PLAIN["anthropic"], asked(ANTHROPIC))
    assert (message.endswith(b'{"type":"message_stop"}\n\n'), leaves_out) == (True, False)
    assert streamed(b"{}", asked()) == (b"", False)
