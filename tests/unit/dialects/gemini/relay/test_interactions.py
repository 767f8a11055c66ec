"""The usage of Gemini's interactions, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.gemini.relay.interactions import STREAM, judge

COUNTS = {
    "total_input_tokens": 10,
    "total_output_tokens": 20,
    "total_thought_tokens": 7,
    "total_tool_use_tokens": 2,
    "total_cached_tokens": 4,
    "total_tokens": 39,
}
READ = Usage(12, 27, 39, 4, reasoning=7, tool_prompt=2, native=COUNTS)


def event(name: str, **members: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'event_type': name, **members})}\n\n".encode()


def test_a_whole_interaction() -> None:
    verdict = judge(json.dumps({"id": "v1_a", "status": "completed", "usage": COUNTS}).encode(), "google", False)
    assert (verdict.usage, verdict.error, verdict.problem) == (READ, None, "")
    assert judge(b'{"id": "v1_a"}', "google", False).usage is None
    assert judge(b'{"error": {"code": 400, "message": "No."}}', "google", False).error is not None


@pytest.mark.parametrize("cut", [0, 5, 40])
def test_the_last_event_of_a_stream_tells_it(cut: int) -> None:
    stream = event("interaction.start", interaction={"id": "v1_a"}) + event("content.delta", delta={"text": "Hi"})
    stream += event("interaction.complete", interaction={"id": "v1_a", "usage": COUNTS})
    assert STREAM.ending(stream[cut:]) == (True, READ)
    assert STREAM.ending(event("content.delta", delta={"text": "Hi"})) == (False, None)
