"""Bodies of InvokeModel that only Bedrock reads: what passes, and what is read of its use."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.usage import Usage
from penstock.dialects.bedrock.caller.invoke_own import INVOKE_OWN, ChunkFrames, counted, judge
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing.aws_eventstream import write_event, write_exception
from penstock.traits.resolve import resolve

CONTEXT = WriteContext("amazon.nova-lite-v1:0", "bedrock", resolve("amazon.nova-lite-v1:0", "bedrock"))


def test_the_body_passes_without_what_the_address_says() -> None:
    fitted = INVOKE_OWN.relay.fit_request(Body.parse(b'{"model":"m","stream":true,"prompt":"Hi" , "x":1.0}'), CONTEXT)
    assert fitted.body.encode() == b'{"prompt":"Hi" , "x":1.0}' or fitted.body.encode() == b'{"prompt":"Hi","x":1.0}'  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reply", "usage"),
    [
        ({"usage": {"inputTokens": 3, "outputTokens": 2}}, (3, 2)),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, (3, 2)),
        ({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2}}, (3, 2)),
        ({"embedding": [1], "inputTextTokenCount": 4}, (4, None)),
        ({"images": ["aGk="]}, None),
        ([1], None),
    ],
)
def test_usage_of_replies(reply: Any, usage: tuple[int, int | None] | None) -> None:
    told = judge(json.dumps(reply).encode(), "bedrock", False).usage
    assert (None if told is None else (told.prompt, told.completion)) == usage


def test_usage_of_header_fields() -> None:
    assert counted([(b"x-amzn-bedrock-input-token-count", b"7"), (b"x-other", b"9")]) == Usage(7)
    assert counted([(b"x-amzn-bedrock-output-token-count", b"9" * 20)]) is None
    assert counted([]) is None


def framed(value: Any) -> bytes:
    wrapped = base64.b64encode(json.dumps(value).encode())
    return write_event("chunk", b'{"bytes":"%s"}' % wrapped)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_frames_become_events_and_tell_the_usage(size: int) -> None:
    metrics = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2}}
    data = framed({"outputText": "Größe"}) + framed({"completionReason": "FINISH", **metrics})
    frames = ChunkFrames()
    events = b"".join(frames.feed(data[at : at + size]) for at in range(0, len(data), size)) + frames.finish()
    assert events.count(b"event: chunk\n") == 2
    finished, usage = INVOKE_OWN.replies.stream.ending(events)
    assert finished
    assert usage is not None
    assert (usage.prompt, usage.completion) == (3, 2)


def test_an_exception_is_the_last_event() -> None:
    frames = ChunkFrames()
    events = frames.feed(framed({"a": 1}) + write_exception("throttlingException", b'{"message":"Slow down"}'))
    assert events.endswith(b'event: throttlingException\ndata: {"message":"Slow down"}\n\n')
    assert frames.is_over


def test_a_frame_that_is_cut_is_told() -> None:
    frames = ChunkFrames()
    frames.feed(framed({"a": 1})[:-3])
    frames.finish()
    assert frames.failure is not None
