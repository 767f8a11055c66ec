"""Converse's replies that are text alone. tests/properties/test_plain_replies.py compares them with how any is read."""

from __future__ import annotations

import pytest

from penstock.core.events import Start, Stop
from penstock.dialects.bedrock.provider.plain import read_plain

REPLY = b'{"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 0}}'
MORE = (
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


@pytest.mark.parametrize(("old", "new"), MORE)
def test_what_is_more_than_text(old: bytes, new: bytes) -> None:
    body = REPLY.replace(old, new, 1)
    assert body != REPLY
    assert read_plain(body) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", REPLY[:-1], b"data: " + REPLY])
def test_what_is_no_reply(body: bytes) -> None:
    assert read_plain(body) is None
