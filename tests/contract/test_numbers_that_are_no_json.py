"""NaN and the infinities, which Python's ``json.dumps`` writes, are null in the replies of every wire of lane 2."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.events import Event, Fail, Text
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS

CONTEXT = WriteContext("a-model")

WHOLE = {
    "anthropic": b'{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","x":NaN}',
    "bedrock_converse": b'{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn","x":NaN}',
    "cohere": b'{"message":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE","x":-Infinity}',
    "gemini": b'{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","avgLogprobs":-Infinity}]}',
    "ollama": b'{"message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop","x":Infinity}',
    "openai_chat": b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop","logprobs":{"x":-Infinity}}]}',
    "sagemaker": b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop","x":NaN}]}',
}
STREAMED = {
    "anthropic": b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hi"},"x":NaN}\n\n',
    "cohere": b'data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}},"logprobs":NaN}\n\n',
    "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"avgLogprobs":NaN}]}\n\n',
    "ollama": b'{"message":{"role":"assistant","content":"Hi"},"done":false,"x":NaN}\n',
    "openai_chat": b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":null,"x":-Infinity}]}\n\n',
}  # fmt: skip


def says_hi(events: list[Event]) -> bool:
    return "".join(event.text for event in events if isinstance(event, Text)) == "Hi"


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_reply_is_read(name: str) -> None:
    events = DIALECTS[name].read_reply(WHOLE[name], CONTEXT)
    assert says_hi(events)
    assert not [event for event in events if isinstance(event, Fail)]


@pytest.mark.parametrize("name", STREAMED)
def test_an_event_of_a_stream_is_read(name: str) -> None:
    reader: Any = DIALECTS[name].reader(CONTEXT)
    assert says_hi(reader.feed(STREAMED[name]))


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_no_json_even_then_is_a_failure(name: str) -> None:
    assert isinstance(DIALECTS[name].read_reply(WHOLE[name][:-2], CONTEXT)[-1], Fail)
