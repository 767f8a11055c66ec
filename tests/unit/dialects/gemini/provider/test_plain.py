"""Gemini's replies that are text alone. tests/properties/test_plain_replies.py compares them with how any is read."""

from __future__ import annotations

import pytest

from breaking import otherwise
from penstock.core.events import Start, Stop
from penstock.dialects.gemini.provider.plain import read_plain

REPLY = b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}, "responseId": "r"}'
OTHERS = otherwise(
    REPLY,
    (b'"STOP"', b'"MALFORMED_FUNCTION_CALL"'),
    (b'{"text": "Hi"}', b'{"text": "Hi"}, {"text": "!"}'),
    (b'{"text": "Hi"}', b'{"text": "Hi", "thought": true}'),
    (b'"finishReason"', b'"groundingMetadata": {}, "finishReason"'),
    (b'"finishReason"', b'"index": 1, "finishReason"'),
)


def test_text_alone() -> None:
    reply = read_plain(REPLY)
    assert reply is not None
    assert (reply.text, reply.start, reply.stop) == ("Hi", Start("r"), Stop("stop", "STOP"))
    assert reply.usage is not None
    assert (reply.usage.prompt, reply.usage.completion) == (3, 0)


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_reply_is_left_to_the_general_reader(body: bytes) -> None:
    assert read_plain(body) is None
