"""Cohere's replies that are text alone. tests/properties/test_plain_replies.py compares them with how any is read."""

from __future__ import annotations

import pytest

from breaking import otherwise
from penstock.core.events import Start, Stop
from penstock.dialects.cohere.provider.plain import read_plain

REPLY = b'{"id": "c", "message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 0}}}'
OTHERS = otherwise(
    REPLY,
    (b'"COMPLETE"', b'"ERROR"'),
    (b'"type": "text"', b'"type": "thinking"'),
    (b'"content"', b'"citations": [], "content"'),
    (b'"usage"', b'"logprobs": [], "usage"'),
)


def test_text_alone() -> None:
    reply = read_plain(REPLY)
    assert reply is not None
    assert (reply.text, reply.start, reply.stop) == ("Hi", Start("c"), Stop("stop", "COMPLETE"))
    assert reply.usage is not None
    assert (reply.usage.prompt, reply.usage.completion) == (3, 0)


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_reply_is_left_to_the_general_reader(body: bytes) -> None:
    assert read_plain(body) is None
