"""Ollama's replies that are text alone. tests/properties/test_plain_replies.py compares them with how any is read."""

from __future__ import annotations

import pytest

from breaking import otherwise
from penstock.core.events import Start, Stop
from penstock.dialects.ollama.provider.plain import read_plain

REPLY = b'{"model": "m", "created_at": "1970-01-01T00:00:07Z", "message": {"role": "assistant", "content": "Hi"}, "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 0}'
OTHERS = otherwise(
    REPLY,
    (b"true", b"false"),
    (b'"content"', b'"thinking": "Hm", "content"'),
    (b'"done_reason"', b'"error": "x", "done_reason"'),
    (b'"done_reason": "stop"', b'"done_reason": ""'),
)


def test_text_alone() -> None:
    reply = read_plain(REPLY)
    assert reply is not None
    assert (reply.text, reply.start, reply.stop) == ("Hi", Start(model="m", created=7), Stop("stop", "stop"))
    assert reply.usage is not None
    assert (reply.usage.prompt, reply.usage.completion) == (3, 0)


@pytest.mark.parametrize("body", OTHERS)
def test_any_other_reply_is_left_to_the_general_reader(body: bytes) -> None:
    assert read_plain(body) is None
