"""Requests in Oracle's shape for Cohere's newer models."""

from typing import Any

import pytest

from matrix import MATRIX, SCHEMA, ask
from oracle_wire import (
    CLOCK_TOOL,
    COMMAND_A,
    HELLO,
    HI,
    MARKED,
    PARIS,
    PNG,
    SECOND,
    WEATHER_TOOL,
    answer,
    chat,
    said,
)

# COHEREV2: the messages of GENERIC, save what is below.


def second(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"apiFormat": "COHEREV2", "messages": list(messages) or [HELLO], **members}


def shown(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "IMAGE_URL", "imageUrl": {"url": url, **more}}


def made(*calls: Any) -> dict[str, Any]:
    functions = [{"id": i, "type": "FUNCTION", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return {"role": "ASSISTANT", "content": [], "toolCalls": functions}


def function(tool: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FUNCTION", "function": {name: value for name, value in tool.items() if name != "type"}}


ONE_V2 = {"tools": [function(WEATHER_TOOL)]}
CLOCK_V2 = {"tools": [function(CLOCK_TOOL)]}


# fmt: off
COHEREV2: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "system_parts": (second(said("SYSTEM", "Be brief.", "Be kind."), HELLO), ()),
    "developer": (second(said("SYSTEM", "Be brief."), HELLO), ()),
    "late_system": (second(HELLO, HI, said("SYSTEM", "Now in French."), said("USER", "And?")), ()),
    "named_user": (second(), ("messages[0].name",)),
    "image_detail": (second(said("USER", shown(PNG, detail="LOW"), "What is this?")), ()),
    "image_url": (second(said("USER", "What is this?", shown("https://example.com/cat.jpg"))), ()),
    "file_data": (second(said("USER", "Sum up.")), SECOND),
    "audio": (second(said("USER", "What is said?")), SECOND),
    "video": (second(said("USER", "What happens?")), SECOND),
    "unknown_part": (second(said("USER", "See.")), SECOND),
    "tools": (second(tools=[function(WEATHER_TOOL), function(CLOCK_TOOL)]), ()),
    "tool_strict": (second(**ONE_V2, isStrictToolsEnabled=True), ()),
    "choice_auto": (second(**ONE_V2), ()),
    "choice_none": (second(**ONE_V2, toolsChoice="NONE"), ()),
    "choice_required": (second(**ONE_V2, toolsChoice="REQUIRED"), ()),
    "choice_named": (second(**CLOCK_V2, toolsChoice="REQUIRED"), ()),
    "choice_allowed": (second(**CLOCK_V2, toolsChoice="REQUIRED"), ()),
    "not_parallel": (second(**ONE_V2), ("parallel_tool_calls",)),
    "two_calls": (second(HELLO, made(PARIS, ("call_2", "get_time", "{}")), answer("call_1", "Sunny"), answer("call_2", '{"hour": 9}'), tools=[function(WEATHER_TOOL), function(CLOCK_TOOL)]), ()),
    "result_image": (second(HELLO, made(PARIS), answer("call_1", "A map:", shown(PNG)), **ONE_V2), ()),
    "arguments_empty": (second(HELLO, made(("call_2", "get_time", "{}")), answer("call_2", "9"), **CLOCK_V2), ()),
    "native_tool": (second(), ("tools[0]",)),
    "format_json": (second(said("USER", "Answer in JSON."), responseFormat={"type": "JSON_OBJECT"}), ()),
    "format_schema": (second(responseFormat={"type": "JSON_OBJECT", "schema": SCHEMA}), ()),
    "both_limits": (second(maxTokens=200), ()),
    "temperature_and_top_p": (second(temperature=0.2, topP=0.9), ()),
    "top_k": (second(topK=40), ()),
    "stop_string": (second(stopSequences=["END"]), ()),
    "penalties": (second(presencePenalty=0.5, frequencyPenalty=-0.5), ()),
    "seed": (second(seed=42), ()),
    "n": (second(), ("n",)),
    "logprobs": (second(isLogProbsEnabled=True), ("top_logprobs",)),
    "logit_bias": (second(), ("logit_bias",)),
    "effort_none": (second(thinking={"type": "DISABLED"}), ()),
    "effort_high": (second(), ("reasoning_effort",)),
    "thinking": (second(thinking={"type": "ENABLED", "tokenBudget": 2048}, maxTokens=4096), ()),
    "thinking_off": (second(thinking={"type": "DISABLED"}), ()),
    "reasoning_before": (second(HELLO, said("ASSISTANT", {"type": "THINKING", "thinking": "They greet me."}, "Hi"), said("USER", "And?")), ()),
    "signed_by_anthropic": (second(HELLO, made(PARIS), answer("call_1", "Sunny"), **ONE_V2), ("messages.reasoning_details",)),
    "user": (second(), ("user",)),
    "stream": (second(isStream=True, streamOptions={"isIncludeUsage": True}), ()),
    "unknown_parameter": (second(), ("frobnicate",)),
    "cache_user": (second(said("USER", "A long text.", "A question.")), MARKED),
}
# fmt: on


@pytest.mark.parametrize("name", COHEREV2)
def test_requests_in_coheres_second_shape(name: str) -> None:
    assert chat(MATRIX[name], COMMAND_A) == COHEREV2[name]


def test_coheres_own_parameters() -> None:
    own = {
        "p": 0.5,
        "k": 3,
        "documents": [{"text": "x"}],
        "stop_sequences": ["X"],
        "safety_mode": "NONE",
        "priority": 2,
        "citation_options": {"mode": "fast"},
    }
    theirs = {
        "topP": 0.5,
        "topK": 3,
        "documents": [{"text": "x"}],
        "stopSequences": ["X"],
        "safetyMode": "OFF",
        "priority": 2,
        "citationOptions": {"mode": "FAST"},
    }
    assert chat(ask(**own), COMMAND_A) == (second(**theirs), ())
