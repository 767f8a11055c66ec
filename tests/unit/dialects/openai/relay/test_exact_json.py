"""What can be written again as it was, and what is refused."""

from __future__ import annotations

import json

import pytest

from completions import completion
from penstock.dialects.openai.relay.gather import to_plain
from penstock.dialects.openai.relay.replay import to_stream


@pytest.mark.parametrize("text", ["\ud83d", "\ude00\ud83d", "x" * 499 + "\ud83dx"])
def test_half_an_emoji_is_kept(text: str) -> None:
    reply = completion({"content": text}, score=0.5)
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    again = to_plain(stream)
    assert again is not None
    assert json.loads(again) == reply


def test_numbers_beyond_64_bits_are_kept() -> None:
    reply = completion(seed=10**30)
    stream = to_stream(json.dumps(reply).encode(), include_usage=True)
    assert stream is not None
    assert json.loads(to_plain(stream) or b"") == reply
