"""Events of Responses over WebSocket: what the gateway reads of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.dialects.responses.relay.session import SESSION, model_of, used_by

ENDED: dict[str, Any] = {"response": {"usage": {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}}}


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
def test_the_last_event_of_each_response_tells_usage(kind: str) -> None:
    usage = used_by(json.dumps({"type": kind, **ENDED}).encode())
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.total) == (9, 5, 14)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": '"response.completed"', **ENDED},
        {"type": "response.completed", "response": {"usage": None}},
        {"type": "response.completed"},
        {"type": ["response.completed"], **ENDED},
        ["response.completed"],
    ],
)
def test_other_events_tell_none(event: Any) -> None:
    assert used_by(json.dumps(event).encode()) is None


@pytest.mark.parametrize(
    ("message", "model"),
    [
        ({"type": "response.create", "model": "gpt-5"}, "gpt-5"),
        ({"type": "response.create"}, ""),
        ({"type": "response.create", "model": 5}, ""),
        ({"type": "response.steer", "model": "gpt-5"}, None),
        ({"model": "gpt-5"}, None),
        (["response.create"], None),
    ],
)
def test_the_model_that_a_message_asks(message: Any, model: str | None) -> None:
    assert model_of(json.dumps(message).encode()) == model


@given(st.binary(max_size=80))
def test_anything_is_read_whole(message: bytes) -> None:
    assert model_of(message) is None
    assert used_by(b'"response.completed"' + message) is None


def test_a_failure_is_told_as_the_host_tells_one() -> None:
    told = json.loads(SESSION.error(Failure(Kind.NOT_ALLOWED, "Not this model.", "model"), "trace"))
    assert (told["type"], told["status"]) == ("error", 403)
    assert (told["error"]["code"], told["error"]["message"]) == ("not_allowed", "Not this model.")
