"""What the gateway reads of realtime events: usage, models, and its own errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.dialects.openai.relay.realtime import error_event, used_by

TOLD = {
    "input_tokens": 20,
    "output_tokens": 10,
    "total_tokens": 30,
    "input_token_details": {"cached_tokens": 4, "audio_tokens": 12, "text_tokens": 8},
    "output_token_details": {"audio_tokens": 7},
}
USED = Usage(20, 10, 30, cached=4, audio_in=12, audio_out=7)


@pytest.mark.parametrize(
    ("event", "usage"),
    [
        ({"type": "response.done", "response": {"usage": TOLD}}, USED),
        ({"type": "conversation.item.input_audio_transcription.completed", "usage": TOLD}, USED),
        (
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "usage": {"type": "duration", "seconds": 2.2},
            },
            Usage(units={"seconds": 3}),
        ),
        ({"type": "response.done", "response": {"usage": None}}, None),
        ({"type": "response.done"}, None),
        ({"type": "response.output_text.delta", "delta": '"response.done"', "response": {"usage": TOLD}}, None),
        ({"type": "session.created", "session": {}}, None),
    ],
)
def test_usage(event: dict[str, Any], usage: Usage | None) -> None:
    assert used_by(json.dumps(event).encode()) == usage


def test_what_cannot_be_read_tells_nothing() -> None:
    assert used_by(b'{"type":"response.done"') is None
    assert used_by(b'{"type":"response.done","response":[],"usage":{"input_tokens":3}}') is None


@pytest.mark.parametrize(
    "odd",
    [
        {"total_tokens": "many"},
        {"total_tokens": {"sum": 30}},
        {"output_token_details": {"audio_tokens": 7, "cached_tokens": []}},
        {"seconds": "short", "cost": {"usd": 1}},
    ],
)
def test_an_odd_member_costs_no_other_count(odd: dict[str, Any]) -> None:
    usage = used_by(json.dumps({"type": "response.done", "response": {"usage": {**TOLD, **odd}}}).encode())
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.cached, usage.audio_in, usage.audio_out) == (20, 10, 4, 12, 7)
    assert usage.total == (None if "total_tokens" in odd else 30)


def test_a_number_that_is_no_json_costs_no_count() -> None:
    event = json.dumps({"type": "response.done", "response": {"score": float("nan"), "usage": TOLD}}).encode()
    assert used_by(event) == USED


@given(st.binary(max_size=60))
def test_any_bytes_may_come(data: bytes) -> None:
    used_by(data)


def test_a_failure_is_an_event() -> None:
    told = json.loads(error_event(Failure(Kind.NOT_ALLOWED, "No.", "model"), "t" * 500))
    assert told["type"] == "error"
    assert len(told["event_id"]) < 80
    assert told["error"] == {
        "type": "invalid_request_error", "code": "not_allowed", "message": "No.", "param": "model", "event_id": None
    }  # fmt: skip
    assert json.loads(error_event(Failure(Kind.TRUNCATED, "x"), "t"))["error"]["type"] == "server_error"
