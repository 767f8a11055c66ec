"""Requests in Oracle's shape for most models: every request of the matrix."""

from typing import Any

import pytest

from matrix import HUGE_SCHEMA, MATRIX, PDF, SCHEMA, SHELL, WAV, ask, user
from oracle_wire import (
    CLOCK_TOOL,
    COMMAND_A,
    COMMAND_R,
    HELLO,
    HI,
    LLAMA,
    MARKED,
    NOTHING,
    OPTIONS,
    PARIS,
    PNG,
    SECOND,
    WEATHER_TOOL,
    WEBP,
    answer,
    chat,
    said,
    write,
)
from penstock.core.failure import Failure, Kind
from penstock.core.traits import Traits
from penstock.dialects.dialect import WriteContext


def generic(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"apiFormat": "GENERIC", "messages": list(messages) or [said("USER", "Hello")], **members}


def called(*calls: Any, content: tuple[str, ...] = ()) -> dict[str, Any]:
    return said(
        "ASSISTANT", *content, toolCalls=[{"id": i, "type": "FUNCTION", "name": n, "arguments": a} for i, n, a in calls]
    )


def seen(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "IMAGE", "imageUrl": {"url": url, **more}}


ONE = {"tools": [WEATHER_TOOL]}


DOCUMENT = {"type": "DOCUMENT", "documentUrl": {"url": f"data:application/pdf;base64,{PDF}"}}


# fmt: off
GENERIC: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "plain": (generic(), ()),
    "system": (generic(said("SYSTEM", "Be brief."), HELLO), ()),
    "developer": (generic(said("SYSTEM", "Be brief."), HELLO), ()),
    "two_systems": (generic(said("SYSTEM", "Be brief."), said("SYSTEM", "Be kind."), HELLO), ()),
    "system_parts": (generic(said("SYSTEM", "Be brief.", "Be kind."), HELLO), ()),
    "late_system": (generic(HELLO, HI, said("SYSTEM", "Now in French."), said("USER", "And?")), ()),
    "system_only": (generic(said("SYSTEM", "Be brief.")), ()),
    "history": (generic(HELLO, HI, said("USER", "How are you?")), ()),
    "two_users": (generic(said("USER", "One."), said("USER", "Two.")), ()),
    "two_assistants": (generic(HELLO, HI, said("ASSISTANT", "there"), said("USER", "Go on")), ()),
    "assistant_first": (generic(said("ASSISTANT", "Welcome"), HELLO), ()),
    "named_user": (generic(said("USER", "Hello", name="ann")), ()),
    "prefill": (generic(HELLO, said("ASSISTANT", "The answer is")), ()),
    "empty_content": (generic(said("USER", "")), ()),
    "empty_assistant": (generic(HELLO, said("ASSISTANT", ""), said("USER", "Still there?")), ()),
    "refused_before": (generic(HELLO, said("ASSISTANT", "I can't."), said("USER", "Why?")), ()),
    "unicode": (generic(said("USER", MATRIX["unicode"]["messages"][0]["content"])), ()),
    "parts": (generic(said("USER", "One.", "Two.")), ()),
    "image_data": (generic(said("USER", "What is this?", seen(PNG))), ()),
    "image_url": (generic(said("USER", "What is this?", seen("https://example.com/cat.jpg"))), ()),
    "image_detail": (generic(said("USER", seen(PNG, detail="LOW"), "What is this?")), ()),
    "two_images": (generic(said("USER", seen(PNG), "and", seen(WEBP))), ()),
    "pdf_in_image_url": (generic(said("USER", "Sum up.", DOCUMENT)), ()),
    "file_data": (generic(said("USER", "Sum up.", DOCUMENT)), ("messages[0].content[1].file.filename",)),
    "file_url": (generic(said("USER", "Sum up.", {"type": "DOCUMENT", "documentUrl": {"url": "https://example.com/report.pdf"}})), ()),
    "file_id": (generic(said("USER", "Sum up.")), SECOND),
    "file_text": (generic(said("USER", {"type": "DOCUMENT", "documentUrl": {"url": "data:text/plain;base64,SGVsbG8="}}, "Sum up.")), ("messages[0].content[0].file.filename",)),
    "audio": (generic(said("USER", "What is said?", {"type": "AUDIO", "audioUrl": {"url": f"data:audio/wav;base64,{WAV}"}})), ()),
    "video": (generic(said("USER", "What happens?", {"type": "VIDEO", "videoUrl": {"url": "data:video/mp4;base64,AAAAIGZ0eXA="}})), ()),
    "unknown_part": (generic(said("USER", "See.")), SECOND),
    "tools": (generic(tools=[WEATHER_TOOL, CLOCK_TOOL]), ()),
    "tool_strict": (generic(**ONE), ("tools[0].function.strict",)),
    "tool_huge": (generic(tools=[{"type": "FUNCTION", "name": "fill", "parameters": HUGE_SCHEMA}]), ()),
    "tool_unicode": (generic(tools=[{"type": "FUNCTION", "name": "wetter", "description": "Wie ist’s in „Köln“? ☔", "parameters": NOTHING}]), ()),
    "choice_auto": (generic(**ONE, toolChoice={"type": "AUTO"}), ()),
    "choice_none": (generic(**ONE, toolChoice={"type": "NONE"}), ()),
    "choice_required": (generic(**ONE, toolChoice={"type": "REQUIRED"}), ()),
    "choice_named": (generic(tools=[WEATHER_TOOL, CLOCK_TOOL], toolChoice={"type": "FUNCTION", "name": "get_time"}), ()),
    "choice_allowed": (generic(tools=[WEATHER_TOOL, CLOCK_TOOL], toolChoice={"type": "FUNCTION", "name": "get_time"}), ()),
    "not_parallel": (generic(**ONE, isParallelToolCalls=False), ()),
    "parallel": (generic(**ONE, isParallelToolCalls=True), ()),
    "one_call": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), **ONE), ()),
    "call_and_text": (generic(HELLO, called(PARIS, content=("Let me see.",)), answer("call_1", "Sunny"), **ONE), ()),
    "two_calls": (generic(HELLO, called(PARIS, ("call_2", "get_time", "{}")), answer("call_1", "Sunny"), answer("call_2", '{"hour": 9}'), tools=[WEATHER_TOOL, CLOCK_TOOL]), ()),
    "same_function_twice": (generic(HELLO, called(PARIS, ("call_3", "get_weather", '{"city":"Rome"}')), answer("call_3", "Rain"), answer("call_1", "Sunny"), **ONE), ()),
    "results_then_user": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), said("USER", "And tomorrow?"), **ONE), ()),
    "result_parts": (generic(HELLO, called(PARIS), answer("call_1", "Sunny", " and warm"), **ONE), ()),
    "result_empty": (generic(HELLO, called(PARIS), answer("call_1", ""), **ONE), ()),
    "result_image": (generic(HELLO, called(PARIS), answer("call_1", "A map:", seen(PNG)), **ONE), ()),
    "arguments_empty": (generic(HELLO, called(("call_2", "get_time", "{}")), answer("call_2", "9"), tools=[CLOCK_TOOL]), ()),
    "arguments_broken": (generic(HELLO, called(("call_1", "get_weather", '{"city": "Par')), answer("call_1", "?"), **ONE), ()),
    "odd_id": (generic(HELLO, called(("functions.get_time:0", "get_time", "{}")), answer("functions.get_time:0", "9"), tools=[CLOCK_TOOL]), ()),
    "call_without_result": (generic(HELLO, called(PARIS), said("USER", "Never mind."), **ONE), ()),
    "legacy_functions": (generic(**ONE, toolChoice={"type": "AUTO"}), ()),
    "native_tool": (generic(), ("tools[0]",)),
    "custom_tool": (generic(tools=[{"type": "FUNCTION", **SHELL}]), ()),
    "format_text": (generic(), ()),
    "format_json": (generic(said("USER", "Answer in JSON."), responseFormat={"type": "JSON_OBJECT"}), ()),
    "format_schema": (generic(responseFormat={"type": "JSON_SCHEMA", "jsonSchema": {"name": "reply", "schema": SCHEMA, "isStrict": True}}), ()),
    "format_and_tools": (generic(**ONE, responseFormat={"type": "JSON_SCHEMA", "jsonSchema": {"name": "reply", "schema": SCHEMA}}), ()),
    "max_tokens": (generic(maxTokens=100), ()),
    "max_completion_tokens": (generic(maxTokens=200), ()),
    "both_limits": (generic(maxTokens=200), ()),
    "temperature": (generic(temperature=0.7), ()),
    "temperature_high": (generic(temperature=1.5), ()),
    "top_p": (generic(topP=0.9), ()),
    "temperature_and_top_p": (generic(temperature=0.2, topP=0.9), ()),
    "top_k": (generic(topK=40), ()),
    "stop_string": (generic(stop=["END"]), ()),
    "stop_list": (generic(stop=["END", "\n\n"]), ()),
    "penalties": (generic(presencePenalty=0.5, frequencyPenalty=-0.5), ()),
    "no_penalties": (generic(presencePenalty=0, frequencyPenalty=0), ()),
    "seed": (generic(seed=42), ()),
    "n": (generic(numGenerations=2), ()),
    "n_one": (generic(numGenerations=1), ()),
    "logprobs": (generic(logProbs=3), ()),
    "logit_bias": (generic(logitBias={"50256": -100}), ()),
    "modalities_audio": (generic(), ("modalities", "audio")),
    "prediction": (generic(), ("prediction",)),
    "effort_none": (generic(reasoningEffort="NONE"), ()),
    "effort_low": (generic(reasoningEffort="LOW", maxTokens=4000), ()),
    "effort_high": (generic(reasoningEffort="HIGH"), ()),
    "thinking": (generic(maxTokens=4096), ("thinking",)),
    "thinking_off": (generic(), ("thinking",)),
    "reasoning_before": (generic(HELLO, said("ASSISTANT", "Hi", reasoningContent="They greet me."), said("USER", "And?")), ()),
    "signed_by_anthropic": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), **ONE), ("messages.reasoning_details",)),
    "redacted_by_anthropic": (generic(HELLO, HI, said("USER", "And?")), ("messages.reasoning_details",)),
    "signed_by_google": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), **ONE), ("messages.reasoning_details",)),
    "user": (generic(), ("user",)),
    "metadata": (generic(metadata={"team": "a"}), ()),
    "store": (generic(), ("store",)),
    "service_tier": (generic(), ("service_tier",)),
    "stream": (generic(isStream=True, streamOptions={"isIncludeUsage": True}), ()),
    "unknown_parameter": (generic(), ("frobnicate",)),
    "cache_system": (generic(said("SYSTEM", "A long text."), HELLO), MARKED),
    "cache_user": (generic(said("USER", "A long text.", "A question.")), MARKED),
    "cache_tool": (generic(**ONE), ("tools[0].cache_control",)),
    "cache_message": (generic(said("USER", "A long text.")), MARKED),
}
# fmt: on


@pytest.mark.parametrize("name", MATRIX)
def test_generic_requests(name: str) -> None:
    assert chat(MATRIX[name], LLAMA) == GENERIC[name]


def test_what_a_model_refuses_is_left_out_and_named() -> None:
    traits = Traits(max_completion_tokens=True, refuses=frozenset({"stop", "temperature", "reasoning_effort"}))
    row = ask(max_tokens=5, stop="END", temperature=0.7, reasoning_effort="low")
    assert chat(row, "openai.gpt-5", traits) == (
        generic(maxCompletionTokens=5),
        ("stop", "temperature", "reasoning_effort"),
    )


def test_words_in_capitals() -> None:
    assert chat(ask(verbosity="low", service_tier="priority"), LLAMA) == (
        generic(verbosity="LOW", serviceTier="PRIORITY"),
        (),
    )
    assert chat(ask(verbosity="huge", reasoning_effort="xhigh"), LLAMA) == (
        generic(),
        ("verbosity", "reasoning_effort"),
    )


def test_log_probabilities_of_the_chosen_tokens_alone() -> None:
    assert chat(ask(logprobs=True), LLAMA) == (generic(logProbs=0), ())


def test_several_tools_that_may_be_called_are_all_that_are_offered() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"name": "get_time"}]}}
    assert chat({**MATRIX["tools"], "tool_choice": choice}, LLAMA) == (
        generic(toolChoice={"type": "AUTO"}, tools=[CLOCK_TOOL]),
        (),
    )


@pytest.mark.parametrize("model", [LLAMA, COMMAND_A, COMMAND_R])
def test_a_choice_of_a_tool_that_is_not_offered_fails(model: str) -> None:
    choice = {"type": "function", "function": {"name": "get_moon"}}
    failure = write({**MATRIX["tools"], "tool_choice": choice}, WriteContext(model, options=OPTIONS))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "tool_choice")
    assert "get_moon" in failure.message


def test_sound_at_an_address() -> None:
    row = ask(user({"type": "input_audio", "input_audio": {"data": "https://x.example/a.wav"}}))
    assert chat(row, LLAMA) == (
        generic(said("USER", {"type": "AUDIO", "audioUrl": {"url": "https://x.example/a.wav"}})),
        (),
    )
