"""Replies that are text alone, in every wire that has a fast reader of them: they are read, and no others.

tests/properties/test_plain_replies.py compares what they say with the general readers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from breaking import otherwise
from penstock.core.events import Start, Stop
from penstock.dialects.bedrock.provider.plain import read_plain as read_converse
from penstock.dialects.cohere.provider.plain import read_plain as read_cohere
from penstock.dialects.gemini.provider.plain import read_plain as read_gemini
from penstock.dialects.ollama.provider.plain import read_plain as read_ollama


class Wire(msgspec.Struct):
    """A reply of one wire that says Hi for 3 tokens; ``changes`` make others of it, which aren't text alone."""

    read: Callable[[bytes], Any]
    reply: bytes
    start: Start
    stop: Stop
    changes: tuple[tuple[bytes, bytes], ...]


WIRES: Final = {
    "converse": Wire(
        read_converse,
        b'{"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", '
        b'"usage": {"inputTokens": 3, "outputTokens": 0}}',
        Start(),
        Stop("stop", "end_turn"),
        (
            (b'"end_turn"', b'"malformed_model_output"'),
            (b'{"text": "Hi"}', b'{"text": "Hi"}, {"text": "!"}'),
            (b'{"text": "Hi"}', b'{"toolUse": {}}'),
            (b'"stopReason"', b'"trace": {}, "stopReason"'),
        ),
    ),
    "cohere": Wire(
        read_cohere,
        b'{"id": "c", "message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "COMPLETE", '
        b'"usage": {"tokens": {"input_tokens": 3, "output_tokens": 0}}}',
        Start("c"),
        Stop("stop", "COMPLETE"),
        (
            (b'"COMPLETE"', b'"ERROR"'),
            (b'"type": "text"', b'"type": "thinking"'),
            (b'"content"', b'"citations": [], "content"'),
            (b'"usage"', b'"logprobs": [], "usage"'),
        ),
    ),
    "gemini": Wire(
        read_gemini,
        b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}], '
        b'"usageMetadata": {"promptTokenCount": 3}, "responseId": "r"}',
        Start("r"),
        Stop("stop", "STOP"),
        (
            (b'"STOP"', b'"MALFORMED_FUNCTION_CALL"'),
            (b'{"text": "Hi"}', b'{"text": "Hi"}, {"text": "!"}'),
            (b'{"text": "Hi"}', b'{"text": "Hi", "thought": true}'),
            (b'"finishReason"', b'"groundingMetadata": {}, "finishReason"'),
            (b'"finishReason"', b'"index": 1, "finishReason"'),
        ),
    ),
    "ollama": Wire(
        read_ollama,
        b'{"model": "m", "created_at": "1970-01-01T00:00:07Z", "message": {"role": "assistant", "content": "Hi"}, '
        b'"done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 0}',
        Start(model="m", created=7),
        Stop("stop", "stop"),
        (
            (b"true", b"false"),
            (b'"content"', b'"thinking": "Hm", "content"'),
            (b'"done_reason"', b'"error": "x", "done_reason"'),
            (b'"done_reason": "stop"', b'"done_reason": ""'),
        ),
    ),
}


@pytest.mark.parametrize("name", WIRES)
def test_text_alone(name: str) -> None:
    wire = WIRES[name]
    reply = wire.read(wire.reply)
    assert reply is not None
    assert (reply.text, reply.start, reply.stop) == ("Hi", wire.start, wire.stop)
    assert (reply.usage.prompt, reply.usage.completion) == (3, 0)


@pytest.mark.parametrize(
    ("name", "body"), [(name, body) for name, wire in WIRES.items() for body in otherwise(wire.reply, *wire.changes)]
)
def test_any_other_reply_is_left_to_the_general_reader(name: str, body: bytes) -> None:
    assert WIRES[name].read(body) is None
