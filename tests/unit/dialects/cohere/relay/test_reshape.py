"""A stored answer of Cohere's in the other form."""

import json

import pytest

from calling import PLAIN, STREAMS
from penstock.dialects.cohere.relay.reshape import RESHAPE, to_plain, to_stream

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
RICH = {
    "id": "i",
    "message": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}],
        "tool_plan": "plan",
        "tool_calls": [CALL],
        "citations": [{"start": 0, "end": 2, "text": "Hi", "sources": []}],
    },
    "finish_reason": "TOOL_CALL",
    "usage": {"tokens": {"input_tokens": 3}},
}


@pytest.mark.parametrize("reply", [PLAIN["cohere"], json.dumps(RICH).encode()])
def test_both_ways(reply: bytes) -> None:
    stream = to_stream(reply)
    assert stream is not None
    plain = to_plain(stream)
    assert plain is not None
    assert json.loads(plain) == json.loads(reply)
    assert RESHAPE.with_usage(reply, False) is reply


def test_a_stream_that_came() -> None:
    gathered = RESHAPE.gather(b"".join(STREAMS["cohere"]) + b"data: [DONE]\n\n")
    assert gathered is not None
    assert json.loads(gathered) == json.loads(PLAIN["cohere"])
    assert to_stream(b'{"message":{"content":"Hi"},"finish_reason":"COMPLETE"}') is not None


@pytest.mark.parametrize(
    "stream",
    [b"", b"data: {\n\n", b'data: {"message":"x"}\n\n', b'data: {"type":"message-end","delta":{"error":"x"}}\n\n'],
)
def test_streams_that_are_no_answer(stream: bytes) -> None:
    assert to_plain(stream) is None


@pytest.mark.parametrize("reply", [b"", b"[]", b'{"message":"x"}', b'{"message":{}}'])
def test_replies_that_are_no_answer(reply: bytes) -> None:
    assert to_stream(reply) is None


def test_an_end_without_a_reason_is_one() -> None:  # docs/fidelity.md#answers-without-a-reason
    stream = to_stream(b'{"id":"c","message":{"content":[{"type":"text","text":"Hi"}]}}')
    assert stream is not None
    assert stream.endswith(b'data: {"type":"message-end","delta":{}}\n\n')
