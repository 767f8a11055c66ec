from typing import Any

import pytest

from judging import prepared, refused
from partnering import KEY, Recorded, asked_text, told

SERVER: dict[str, Any] = {"apiBase": "https://guards.test", "headers": {"x-key": KEY}, "additionalParams": {"a": 1}}
TOOL = {"type": "function", "function": {"name": "f"}}
REQUEST = {"messages": [{"role": "user", "content": "I am Ann"}], "tools": [TOOL]}


def guarded(**reply: Any) -> Recorded:
    body = {
        "texts": ["I am Ann"],
        "request_data": {},
        "input_type": "request",
        "litellm_call_id": "trace-1",
        "additional_provider_specific_params": {"a": 1},
        "tools": [TOOL],
        "structured_messages": REQUEST["messages"],
    }
    return Recorded("https://guards.test/beta/litellm_basic_guardrail_api", body, reply, {"x-key": KEY})


@pytest.mark.parametrize(
    ("recorded", "verdict", "text"),
    [
        (guarded(action="NONE"), True, "I am Ann"),
        (guarded(action="BLOCKED", blocked_reason="names"), False, "I am Ann"),
        (guarded(action="GUARDRAIL_INTERVENED", texts=["I am X"]), True, "I am X"),
    ],
)
def test_what_the_server_says(recorded: Recorded, verdict: bool, text: str) -> None:
    judgement = told("litellm.guardrail", SERVER, REQUEST, recorded, trace="trace-1")
    assert (judgement.verdict, judgement.error, asked_text(judgement, "I am Ann")) == (verdict, None, text)


@pytest.mark.parametrize("reply", [{}, {"action": "GUARDRAIL_INTERVENED"}, {"action": "GUARDRAIL_INTERVENED", "texts": []}])  # fmt: skip
def test_a_reply_without_a_verdict(reply: dict[str, Any]) -> None:
    assert told("litellm.guardrail", SERVER, REQUEST, guarded(**reply), trace="trace-1").error is not None


def test_the_images_of_the_last_message_are_sent_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/x.png"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "I am Ann"}, image]}]
    recorded = guarded(action="NONE")
    recorded.body |= {"structured_messages": messages, "images": ["https://a.test/x.png"]}
    assert told("litellm.guardrail", SERVER, {**REQUEST, "messages": messages}, recorded, trace="trace-1").verdict


def test_its_parameters() -> None:
    recorded = guarded(action="GUARDRAIL_INTERVENED", texts=["I am X"])
    assert not told("litellm.guardrail", {**SERVER, "redact": False}, REQUEST, recorded, trace="trace-1").verdict
    assert prepared("litellm.guardrail", SERVER).transforms
    assert refused("litellm.guardrail", {}) == "p.apiBase"
