"""Converse's replies that are text alone. tests/properties/test_plain_replies.py compares them with how any is read."""

from __future__ import annotations

import pytest

from breaking import otherwise
from penstock.core.events import Start, Stop
from penstock.dialects.bedrock.provider.plain import read_plain

REPLY = b'{"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 0}}'
OTHERS = otherwise(
    REPLY,
    (b'"end_turn"', b'"malformed_model_output"'),
    (b'{"text": "Hi"}', b'{"text": "Hi"}, {"text": "!"}'),
    (b'{"text": "Hi"}', b'{"toolUse": {}}'),
    (b'"stopReason"', b'"trace": {}, "stopReason"'),
)


def test_text_alone() -> None:
    reply = read_plain(REPLY)
    assert reply is not None
    assert (reply.text, reply.start, reply.stop) == ("Hi", Start(), Stop("stop", "end_turn"))
    assert reply.usage is not None
    assert (reply.usage.prompt, reply.usage.completion) == (3, 0)


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_reply_is_left_to_the_general_reader(body: bytes) -> None:
    assert read_plain(body) is None
