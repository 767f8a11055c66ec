"""Whether a plain reply is a whole answer is told by one typed decode where it is; any other reply is looked into member
by member. Both say the same of answers that deviate anywhere."""

from __future__ import annotations

import copy
import json
import random
from typing import Any, Final

import pytest
from bench.wire import WIRES

from penstock.dialects.anthropic.relay import judge as anthropic
from penstock.dialects.bedrock.relay import judge as bedrock
from penstock.dialects.cohere.relay import judge as cohere
from penstock.dialects.gemini.relay import judge as gemini
from penstock.dialects.ollama.relay import judge as ollama
from penstock.dialects.responses.relay import judge as responses

JUDGES: Final[dict[str, Any]] = {
    "messages": anthropic, "gemini": gemini, "converse": bedrock, "responses": responses, "cohere": cohere,
    "ollama": ollama,
}  # fmt: skip
ROUNDS: Final = 3_000
NAMES: Final = [
    "error", "message", "finishReason", "stopReason", "stop_reason", "parts", "content", "executableCode", "toolCall",
    "toolResult", "promptFeedback", "usage", "usageMetadata", "type", "index", "functionCall", "text", "candidates",
    "status", "object", "output", "code", "success", "finish_reason", "tool_calls", "tool_plan", "meta", "tokens",
    "billed_units", "done", "done_reason", "response", "thinking", "eval_count", "choices", "base_resp",
]  # fmt: skip
VALUES: Final[list[Any]] = [
    None, True, 0, -1, 1.5, "", "STOP", "end_turn", "MAX_TOKENS", "MALFORMED_FUNCTION_CALL", "malformed_tool_use", "error",
    "COMPLETE", "ERROR", "completed", "failed", "incomplete", "response", "stop", False, 2.0, -7, 1 << 53, "message",
    [], [{}], {}, {"text": "a"}, [{"text": "a"}, 7], {"message": "no"}, {"code": 500, "message": "no"}, 1 << 60,
    {"billed_units": {"input_tokens": 4, "output_tokens": 2}}, "\ud800", 1 << 64, "pause_turn", "Stop", "flex",
]  # fmt: skip


def places(value: Any) -> list[dict[str, Any] | list[Any]]:
    """All objects and arrays in a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) else []
    return own + [place for each in inner for place in places(each)]


def deviating(answer: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The answer with one or two members or elements that are put in, replaced or taken away."""
    answer = copy.deepcopy(answer)
    for _ in range(draw.randint(1, 2)):
        place, value = draw.choice(places(answer)), copy.deepcopy(draw.choice(VALUES))
        if isinstance(place, dict):
            name = draw.choice([*NAMES, *place] if place else NAMES)
            if draw.random() < 0.3:
                place.pop(name, None)
            else:
                place[name] = value
        elif place and draw.random() < 0.3:
            place.pop()
        else:
            place.append(value)
    return answer


@pytest.mark.parametrize("wire", JUDGES)
@pytest.mark.parametrize("is_chat", [True, False])
def test_a_glance_and_a_look_say_the_same(wire: str, is_chat: bool) -> None:
    draw, module, spoken = random.Random(f"{wire}{is_chat}"), JUDGES[wire], WIRES[wire]
    whole = 0
    for _ in range(ROUNDS):
        body = json.dumps(deviating(spoken.answer, draw)).encode()
        verdict = module.judge(body, spoken.provider, is_chat)
        assert verdict == module._judge_slowly(body, spoken.provider, is_chat=is_chat), body
        whole += verdict.is_complete
    assert whole < ROUNDS
    assert whole or not is_chat
