"""A stored answer of Converse in the other form."""

from __future__ import annotations

import json
from typing import Any

import pytest

import calling
from penstock.dialects.bedrock.relay.reshape import RESHAPE

PLAIN, STREAM = calling.PLAIN["bedrock_converse"], b"".join(calling.STREAMS["bedrock_converse"])
EVERYTHING: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "AA=="}},
        {"text": "a"},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
        {"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "T"}]}},
        {"image": {"format": "png", "source": {"bytes": "AA=="}}},
    ]}},
    "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
    "metrics": {"latencyMs": 9}, "additionalModelResponseFields": {"stop_sequence": None}, "trace": {"x": 1},
}  # fmt: skip


def test_a_stream_as_a_plain_reply_and_back() -> None:
    assert RESHAPE.to_plain(STREAM) == PLAIN
    stream = RESHAPE.to_stream(PLAIN, True)
    assert stream is not None
    assert RESHAPE.to_plain(stream) == PLAIN
    assert RESHAPE.with_usage(STREAM, False) is STREAM


def test_every_block_that_both_forms_tell() -> None:
    stream = RESHAPE.to_stream(json.dumps(EVERYTHING, indent=1).encode(), True)
    assert stream is not None
    plain = RESHAPE.to_plain(stream)
    assert plain is not None
    assert json.loads(plain) == EVERYTHING


def test_a_tool_that_bedrock_ran() -> None:
    start = {"start": {"toolResult": {"toolUseId": "t"}}, "contentBlockIndex": 0}
    piece = {"delta": {"toolResult": [{"text": "so"}]}, "contentBlockIndex": 0}
    events = [("contentBlockStart", start), ("contentBlockDelta", piece), ("messageStop", {"stopReason": "end_turn"})]
    stream = b"".join(
        b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps(value).encode()) for name, value in events
    )
    plain = RESHAPE.to_plain(stream)
    assert plain is not None
    content = json.loads(plain)["output"]["message"]["content"]
    assert content == [{"toolResult": {"toolUseId": "t", "content": [{"text": "so"}]}}]


@pytest.mark.parametrize(
    "stream",
    [
        STREAM.partition(b"event: messageStop")[0],
        STREAM + b'event: throttlingException\ndata: {"message":"x"}\n\n',
        STREAM.replace(b'{"text":"Hi"}', b'{"new":1}'),
        STREAM.replace(b'{"text":"Hi"}', b'{"toolUse":{"input":"{"}}'),
        STREAM.replace(b'{"text":"Hi"}', b'{"reasoningContent":{"text":1}}'),
    ],
)
def test_streams_that_are_no_plain_reply(stream: bytes) -> None:
    assert RESHAPE.to_plain(stream) is None


@pytest.mark.parametrize("reply", [b"[]", b"{}", b'{"output":{"message":{"content":[{"new":{}}]}},"stopReason":"x"}',
                                   b'{"output":{"message":{"content":[]}}}'])  # fmt: skip
def test_replies_that_are_no_stream(reply: bytes) -> None:
    assert RESHAPE.to_stream(reply, True) is None


def test_an_end_without_a_reason_has_the_word_that_a_stream_demands() -> None:
    stream = RESHAPE.to_stream(b'{"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":null}', True)
    assert stream is not None
    assert b'event: messageStop\ndata: {"stopReason":"unknown"}\n\n' in stream
