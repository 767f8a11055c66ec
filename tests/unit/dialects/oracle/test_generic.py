"""Oracle's generative AI: one envelope, three shapes of request, and replies of each."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import HUGE_SCHEMA, MATRIX, PDF, PIXEL, SCHEMA, WAV, WEATHER, ask, user
from penstock.core.chat import ChatRequest
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.core.failure import Failure, Kind
from penstock.core.traits import ANY_MODEL, Traits
from penstock.core.usage import Usage
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.oracle import DIALECT

OPTIONS = {"oracle_compartment_id": "ocid1.compartment"}
LLAMA, COMMAND_A, COMMAND_R = "meta.llama-3.3-70b-instruct", "cohere.command-a-03-2025", "cohere.command-r-08-2024"
GOAL = WriteContext(LLAMA, options=OPTIONS)


def write(row: dict[str, Any], context: WriteContext) -> Payload | Failure:
    request = openai_request.read(json.dumps(row).encode())
    assert isinstance(request, ChatRequest)
    return DIALECT.write(request, context)


def chat(row: dict[str, Any], model: str, traits: Traits = ANY_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    payload = write(row, WriteContext(model, traits=traits, options=OPTIONS))
    assert isinstance(payload, Payload)
    return json.loads(payload.body)["chatRequest"], payload.dropped


# The envelope.


def test_the_envelope() -> None:
    payload = write(ask(), GOAL)
    assert isinstance(payload, Payload)
    assert json.loads(payload.body) == {
        "compartmentId": "ocid1.compartment",
        "servingMode": {"servingType": "ON_DEMAND", "modelId": LLAMA},
        "chatRequest": {
            "apiFormat": "GENERIC",
            "messages": [{"role": "USER", "content": [{"type": "TEXT", "text": "Hello"}]}],
        },
    }


def test_a_dedicated_endpoint_is_no_model() -> None:
    context = WriteContext("ocid1.endpoint", options={**OPTIONS, "oracle_serving_mode": "DEDICATED"})
    payload = write(ask(api_format="COHEREV2"), context)
    assert isinstance(payload, Payload)
    body = json.loads(payload.body)
    assert body["servingMode"] == {"servingType": "DEDICATED", "endpointId": "ocid1.endpoint"}
    assert body["chatRequest"]["apiFormat"] == "COHEREV2"


def test_no_compartment() -> None:
    failure = write(ask(), WriteContext(LLAMA))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "x-portkey-oracle-compartment-id")


@pytest.mark.parametrize("form", ["OPENAI", 7, ["GENERIC"]])
def test_no_such_format(form: Any) -> None:
    failure = write(ask(api_format=form), GOAL)
    assert isinstance(failure, Failure)
    assert failure.param == "api_format"


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (LLAMA, "GENERIC"),
        ("xai.grok-4", "GENERIC"),
        ("ocid1.generativeaimodel.oc1", "GENERIC"),
        (COMMAND_A, "COHEREV2"),
        ("cohere.command-a-vision-07-2025", "COHEREV2"),
        ("cohere.command-latest", "COHEREV2"),
        (COMMAND_R, "COHERE"),
        ("cohere.command-plus-latest", "COHERE"),
    ],
)
def test_a_model_tells_its_format(model: str, form: str) -> None:
    assert chat(ask(), model)[0]["apiFormat"] == form


# GENERIC.


def said(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    content = [{"type": "TEXT", "text": part} if isinstance(part, str) else part for part in parts]
    return {"role": role, **({"content": content} if parts else {}), **more}


def generic(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"apiFormat": "GENERIC", "messages": list(messages) or [said("USER", "Hello")], **members}


def called(*calls: Any, content: tuple[str, ...] = ()) -> dict[str, Any]:
    return said(
        "ASSISTANT", *content, toolCalls=[{"id": i, "type": "FUNCTION", "name": n, "arguments": a} for i, n, a in calls]
    )


def answer(call_id: str, *parts: Any) -> dict[str, Any]:
    return said("TOOL", *parts, toolCallId=call_id)


def seen(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "IMAGE", "imageUrl": {"url": url, **more}}


NOTHING = {"type": "object", "properties": {}}
WEATHER_TOOL = {"type": "FUNCTION", **WEATHER["function"]}
CLOCK_TOOL = {"type": "FUNCTION", "name": "get_time", "parameters": NOTHING}
HELLO = said("USER", "Hello")
HI = said("ASSISTANT", "Hi")
PARIS = ("call_1", "get_weather", '{"city":"Paris"}')
ONE = {"tools": [WEATHER_TOOL]}
PNG, WEBP = f"data:image/png;base64,{PIXEL}", f"data:image/webp;base64,{PIXEL}"
DOCUMENT = {"type": "DOCUMENT", "documentUrl": {"url": f"data:application/pdf;base64,{PDF}"}}
SECOND = ("messages[0].content[1]",)
MARKED = ("messages[0].content[0].cache_control",)

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
    "custom_tool": (generic(), ("tools[0]",)),
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
    "signed_by_anthropic": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), **ONE), ()),
    "redacted_by_anthropic": (generic(HELLO, HI, said("USER", "And?")), ()),
    "signed_by_google": (generic(HELLO, called(PARIS), answer("call_1", "Sunny"), **ONE), ()),
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
    row = ask(max_tokens=5, stop="END", temperature=1, reasoning_effort="low")
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
    "signed_by_anthropic": (second(HELLO, made(PARIS), answer("call_1", "Sunny"), **ONE_V2), ()),
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


# COHERE.


def first(message: str = "Hello", **members: Any) -> dict[str, Any]:
    return {"apiFormat": "COHERE", "message": message, **members}


USER_HELLO = {"role": "USER", "message": "Hello"}
CALL = {"name": "get_weather", "parameters": {"city": "Paris"}}
CALLED = {"role": "CHATBOT", "message": "", "toolCalls": [CALL]}
SUNNY = {"call": CALL, "outputs": [{"output": "Sunny"}]}
ONE_R: dict[str, Any] = {
    "tools": [
        {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameterDefinitions": {"city": {"type": "str", "isRequired": True}},
        }
    ]
}
CLOCK_R: dict[str, Any] = {"tools": [{"name": "get_time", "description": ""}]}

# fmt: off
COHERE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "plain": (first(), ()),
    "two_systems": (first(preambleOverride="Be brief.\n\nBe kind."), ()),
    "late_system": (first("And?", chatHistory=[USER_HELLO, {"role": "CHATBOT", "message": "Hi"}, {"role": "SYSTEM", "message": "Now in French."}]), ()),
    "two_users": (first("Two.", chatHistory=[{"role": "USER", "message": "One."}]), ()),
    "named_user": (first(), ("messages[0].name",)),
    "parts": (first("One.Two."), ()),
    "image_data": (first("What is this?"), SECOND),
    "one_call": (first("", chatHistory=[USER_HELLO, CALLED], toolResults=[SUNNY], **ONE_R), ()),
    "results_then_user": (first("And tomorrow?", chatHistory=[USER_HELLO, CALLED, {"role": "TOOL", "toolResults": [SUNNY]}], **ONE_R), ()),
    "arguments_broken": (first("", chatHistory=[USER_HELLO, {**CALLED, "toolCalls": [{"name": "get_weather", "parameters": {"input": '{"city": "Par'}}]}], toolResults=[{"call": {"name": "get_weather", "parameters": {"input": '{"city": "Par'}}, "outputs": [{"output": "?"}]}], **ONE_R), ()),
    "arguments_empty": (first("", chatHistory=[USER_HELLO, {**CALLED, "toolCalls": [{"name": "get_time", "parameters": {}}]}], toolResults=[{"call": {"name": "get_time", "parameters": {}}, "outputs": [{"output": "9"}]}], **CLOCK_R), ()),
    "choice_none": (first(), ()),
    "choice_required": (first(**ONE_R), ("tool_choice",)),
    "choice_named": (first(**CLOCK_R), ("tool_choice",)),
    "tool_strict": (first(**ONE_R), ("tools[0].function.strict",)),
    "native_tool": (first(), ("tools[0]",)),
    "format_schema": (first(responseFormat={"type": "JSON_OBJECT", "schema": SCHEMA}), ()),
    "max_tokens": (first(maxTokens=100), ()),
    "stop_list": (first(stopSequences=["END", "\n\n"]), ()),
    "effort_low": (first(maxTokens=4000), ("reasoning_effort",)),
    "n": (first(), ("n",)),
    "stream": (first(isStream=True, streamOptions={"isIncludeUsage": True}), ()),
    "cache_user": (first("A long text.A question."), MARKED),
}
# fmt: on


@pytest.mark.parametrize("name", COHERE)
def test_requests_in_coheres_first_shape(name: str) -> None:
    assert chat(MATRIX[name], COMMAND_R) == COHERE[name]


def test_parameters_of_which_more_is_known_than_can_be_said_are_named() -> None:
    found, dropped = chat(MATRIX["tool_huge"], COMMAND_R)
    assert found["tools"][0]["parameterDefinitions"]["field_0"] == {"type": "dict", "isRequired": True}
    assert dropped == ("tools[0].function.parameters",)


def test_a_described_parameter_and_one_without_a_type() -> None:
    properties = {"a": {"type": "array", "description": "Some."}, "b": {}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": properties}}}
    found, dropped = chat(ask(tools=[tool]), COMMAND_R)
    definitions = {
        "a": {"type": "list", "description": "Some.", "isRequired": False},
        "b": {"type": "str", "isRequired": False},
    }
    assert found["tools"] == [{"name": "f", "description": "", "parameterDefinitions": definitions}]
    assert dropped == ("tools[0].function.parameters",)


@pytest.mark.parametrize("name", ["prefill", "system_only"])
def test_a_conversation_that_nobody_asked_in(name: str) -> None:
    failure = write(MATRIX[name], WriteContext(COMMAND_R, options=OPTIONS))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "messages")


@pytest.mark.parametrize("model", [LLAMA, COMMAND_A, COMMAND_R])
def test_a_failed_tool_is_named(model: str) -> None:
    row = {
        **MATRIX["one_call"],
        "messages": [*MATRIX["one_call"]["messages"][:2], {**MATRIX["one_call"]["messages"][2], "is_error": True}],
    }
    assert chat(row, model)[1] == ("messages[2].is_error",)


# Replies.

USAGE = {"promptTokens": 13, "completionTokens": 8, "totalTokens": 21, "promptTokensDetails": {"cachedTokens": 3}}
COUNTS = {
    "prompt_tokens": 13,
    "completion_tokens": 8,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 3},
}
TOKENS = Usage(13, 8, 21, 3, native=COUNTS)


def piece(*content: Any, **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "ASSISTANT", **said("ASSISTANT", *content, **more)}, "pad": "aaaa"}


def stream(*pieces: Any, end: bytes = b"\n\n") -> bytes:
    return b"".join(
        b"data: %b%b" % (each if isinstance(each, bytes) else json.dumps(each).encode(), end) for each in pieces
    )


def read(data: bytes, size: int = 1 << 20) -> list[Event]:
    reader, found = DIALECT.reader(GOAL), list[Event]()
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    return found + reader.finish()


def whole(response: Any, **about: Any) -> list[Event]:
    return DIALECT.read_reply(json.dumps({"modelId": LLAMA, "chatResponse": response, **about}).encode(), GOAL)


def call(**members: Any) -> dict[str, Any]:
    return {"type": "FUNCTION", **members}


GENERIC_STREAM = [
    piece("THE"),
    piece(" SUM"),
    piece(toolCalls=[call(id="c1", name="sqrt")]),
    piece(toolCalls=[call(arguments='{"a": ')]),
    piece(toolCalls=[call(arguments="16}")]),
    piece(toolCalls=[call(arguments="")]),
    piece(toolCalls=[call(id="c2", name="next")]),
    piece(toolCalls=[call(arguments="{}")]),
    {"message": {"role": "ASSISTANT", "toolCalls": [call(arguments="")]}, "finishReason": "tool_calls", "pad": "aa"},
    {"usage": USAGE, "pad": "a"},
]
GENERIC_EVENTS = [
    Text("THE"),
    Text(" SUM"),
    ToolStart(0, "sqrt", "c1"),
    ToolArgs('{"a": ', 0),
    ToolArgs("16}", 0),
    ToolStart(1, "next", "c2"),
    ToolArgs("{}", 1),
    Stop("tool_calls", "tool_calls"),
    TOKENS,
]


@pytest.mark.parametrize("size", [1, 3, 64, 1 << 20])
@pytest.mark.parametrize("done", [(), (b"[DONE]",)], ids=["silent", "done"])
def test_a_generic_stream(size: int, done: tuple[bytes, ...]) -> None:
    assert read(stream(*GENERIC_STREAM, *done), size) == GENERIC_EVENTS


def test_events_that_no_empty_line_tells_apart() -> None:
    assert read(stream(*GENERIC_STREAM, end=b"\n") + b"\n") == GENERIC_EVENTS


def test_a_generic_reply() -> None:
    message = said(
        "ASSISTANT",
        "THE SUM",
        toolCalls=[call(id="c1", name="sqrt", arguments='{"a": 16}'), call(id="c2", name="next", arguments="{}")],
    )
    response = {
        "apiFormat": "GENERIC",
        "timeCreated": "2026-07-23T22:59:00.500Z",
        "choices": [
            {
                "index": 0,
                "message": {**message, "reasoningContent": "Hm.", "refusal": None},
                "finishReason": "stop",
                "groundingMetadata": {"x": 1},
            }
        ],
        "usage": USAGE,
    }
    assert whole(response, modelVersion="1.0") == [
        Start(model=LLAMA, created=1784847540),
        Thinking("Hm."),
        Text("THE SUM", block=1),
        ToolStart(0, "sqrt", "c1"),
        ToolArgs('{"a": 16}', 0),
        ToolStart(1, "next", "c2"),
        ToolArgs("{}", 1),
        Extra("groundingMetadata", {"x": 1}, 0),
        Stop("stop", "stop"),
        Extra("modelVersion", "1.0"),
        TOKENS,
    ]


def test_reasoning_counted_apart() -> None:
    usage = {
        "promptTokens": 13,
        "completionTokens": 8,
        "totalTokens": 607,
        "completionTokensDetails": {"reasoningTokens": 586},
    }
    (tokens,) = [
        event
        for event in read(stream({**piece("Hi"), "finishReason": "stop", "usage": usage}))
        if isinstance(event, Usage)
    ]
    assert (tokens.prompt, tokens.completion, tokens.total, tokens.reasoning) == (13, 594, 607, 586)


def test_other_parts_annotations_and_two_choices() -> None:
    source = {
        "type": "url_citation",
        "urlCitation": {"url": "https://x.example", "title": "X", "startIndex": 0, "endIndex": 2},
    }
    video = {"type": "VIDEO", "videoUrl": {"url": "https://x.example/v"}}
    message = {
        "content": [{"type": "TEXT", "text": "Hi"}, {"type": "IMAGE", "imageUrl": {"url": PNG}}, video],
        "annotations": [source],
    }
    found = whole(
        {
            "apiFormat": "GENERIC",
            "choices": [
                {"index": 0, "message": message, "finishReason": "stop"},
                {"index": 1, "message": {"content": []}, "finishReason": "length"},
            ],
        }
    )
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://x.example", "title": "X", "start_index": 0, "end_index": 2},
    }
    assert found == [
        Start(model=LLAMA),
        Text("Hi"),
        Media("image/png", PIXEL, block=1),
        Foreign(video, block=2),
        Citation(cited, "https://x.example", "X", 0, 2, block=2),
        Stop("stop", "stop"),
        Stop("length", "length", 1),
    ]


def test_log_probabilities() -> None:
    logprobs = {"tokens": ["Hi", "!"], "tokenLogprobs": [-0.1, -0.2], "topLogprobs": [{"Hi": "-0.1", "Ho": "x"}]}
    found = read(stream({**piece("Hi!"), "logprobs": logprobs, "finishReason": "stop"}))
    assert found[1] == Logprobs(
        (
            {
                "token": "Hi",
                "logprob": -0.1,
                "bytes": None,
                "top_logprobs": [{"token": "Hi", "logprob": -0.1, "bytes": None}],
            },
            {"token": "!", "logprob": -0.2, "bytes": None, "top_logprobs": []},
        )
    )


SECOND_MESSAGE = {
    "role": "ASSISTANT",
    "content": [{"type": "THINKING", "thinking": "Hm."}, {"type": "TEXT", "text": "See."}],
    "toolPlan": "I will ask.",
    "toolCalls": [call(id="c1", function={"name": "get_weather", "arguments": '{"city": "Paris"}'})],
    "citations": [{"start": 0, "end": 3, "text": "See"}],
}
SECOND_EVENTS = [
    Thinking("Hm."),
    Text("See.", block=1),
    Text("I will ask.", block=1),
    ToolStart(0, "get_weather", "c1"),
    ToolArgs('{"city": "Paris"}', 0),
    Extra("citations", [{"start": 0, "end": 3, "text": "See"}], 0),
    Stop("tool_calls", "TOOL_CALL"),
    TOKENS,
]


def test_a_reply_in_coheres_second_shape() -> None:
    response = {
        "apiFormat": "COHEREV2",
        "id": "r-1",
        "message": SECOND_MESSAGE,
        "finishReason": "TOOL_CALL",
        "usage": USAGE,
    }
    assert whole(response) == [Start("r-1", LLAMA), *SECOND_EVENTS]


def test_a_stream_in_coheres_second_shape() -> None:
    data = stream(
        {
            "apiFormat": "COHEREV2",
            "message": {"role": "ASSISTANT", "content": [{"type": "THINKING", "thinking": "Hm."}]},
        },
        {"apiFormat": "COHEREV2", "message": {"role": "ASSISTANT", **said("ASSISTANT", "See.")}},
        {"apiFormat": "COHEREV2", "message": {**SECOND_MESSAGE, "content": []}},
        {"apiFormat": "COHEREV2", "message": {"role": "ASSISTANT"}, "finishReason": "TOOL_CALL", "usage": USAGE},
        b"[DONE]",
    )
    assert read(data) == SECOND_EVENTS


FIRST_CALL = {"name": "get_weather", "parameters": {"city": "Paris"}}


def test_a_stream_in_coheres_first_shape_says_all_again_at_its_end() -> None:
    data = stream(
        {"apiFormat": "COHERE", "text": "I will", "pad": "a"},
        {"apiFormat": "COHERE", "text": " ask."},
        {"apiFormat": "COHERE", "text": "", "toolCalls": [FIRST_CALL]},
        {
            "apiFormat": "COHERE",
            "text": "I will ask.",
            "chatHistory": [1],
            "toolCalls": [FIRST_CALL],
            "finishReason": "COMPLETE",
            "usage": USAGE,
        },
    )
    assert read(data, 5) == [
        Text("I will"),
        Text(" ask."),
        ToolStart(0, "get_weather"),
        ToolArgs('{"city":"Paris"}', 0),
        Stop("stop", "COMPLETE"),
        TOKENS,
    ]


def test_a_last_event_that_says_it_for_the_first_time() -> None:
    data = stream({"apiFormat": "COHERE", "text": "I ask.", "toolCalls": [FIRST_CALL], "finishReason": "COMPLETE"})
    assert read(data) == [
        Text("I ask."),
        ToolStart(0, "get_weather"),
        ToolArgs('{"city":"Paris"}', 0),
        Stop("stop", "COMPLETE"),
    ]


def test_a_reply_in_coheres_first_shape() -> None:
    response = {
        "apiFormat": "COHERE",
        "text": "Sunny.",
        "chatHistory": [1],
        "finishReason": "MAX_TOKENS",
        "usage": {"inputTokens": 3, "outputTokens": 2},
        "citations": [{"start": 0}],
        "prompt": "x",
    }
    assert whole(response) == [
        Start(model=LLAMA),
        Text("Sunny."),
        Stop("length", "MAX_TOKENS"),
        Extra("citations", [{"start": 0}]),
        Usage(3, 2, 5, native={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": None}),
    ]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("USER_CANCEL", "stop"),
        ("ERROR_LIMIT", "length"),
        ("ERROR_TOXIC", "content_filter"),
    ],
)
def test_why_a_cohere_model_ended(native: str, reason: str) -> None:
    assert read(stream({"apiFormat": "COHERE", "text": "Hi", "finishReason": native}))[-1] == Stop(reason, native)


# Errors.


@pytest.mark.parametrize(
    ("event", "fail"),
    [
        (
            {"apiFormat": "COHERE", "text": "", "finishReason": "ERROR", "errorMessage": "It broke."},
            ("It broke.", "ERROR", ""),
        ),
        (
            {"apiFormat": "COHEREV2", "finishReason": "ERROR"},
            ("The provider failed to generate the answer.", "ERROR", ""),
        ),
        ({"code": "429", "message": "Too many requests."}, ("Too many requests.", "", "429")),
    ],
)
def test_an_error_in_a_stream(event: dict[str, Any], fail: tuple[str, str, str]) -> None:
    *before, last = read(stream(piece("Hi"), event, piece("more")))
    assert before == [Text("Hi")]
    assert isinstance(last, Fail)
    assert ((last.message, last.type, last.code), last.broken) == (fail, False)


def test_an_error_in_place_of_a_reply() -> None:
    (fail,) = DIALECT.read_reply(b'{"code": "404", "message": "No such model."}', GOAL)
    assert fail == Fail("No such model.", code="404", status=0, raw=b'{"code": "404", "message": "No such model."}')


@pytest.mark.parametrize(
    "data",
    [b"", stream(piece("Hi")), stream(b'{"index"'), stream(b"[]")],
    ids=["nothing", "no end", "no JSON", "no object"],
)
def test_a_broken_stream(data: bytes) -> None:
    last = read(data)[-1]
    assert isinstance(last, Fail)
    assert last.broken


@pytest.mark.parametrize("data", [b"", b"[]", b'{"chatResponse": 1}', b'{"chatResponse": {}}'])
def test_a_broken_reply(data: bytes) -> None:
    last = DIALECT.read_reply(data, GOAL)[-1]
    assert isinstance(last, Fail)
    assert last.broken


def test_an_event_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 10)
    reader = DIALECT.reader(GOAL)
    (last,) = reader.feed(b"data: " + b"x" * 20)
    assert isinstance(last, Fail)
    assert reader.feed(stream(piece("Hi"))) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = [
    "choices",
    "code",
    "errorMessage",
    "finishReason",
    "id",
    "index",
    "logprobs",
    "message",
    "text",
    "timeCreated",
    "toolCalls",
    "usage",
]
IN_MESSAGE = ["annotations", "citations", "content", "reasoningContent", "refusal", "toolCalls", "toolPlan"]
messages = st.dictionaries(st.sampled_from(IN_MESSAGE), anything)
replies = st.dictionaries(
    st.sampled_from(MEMBERS), anything | messages | st.lists(st.fixed_dictionaries({"message": messages}))
)


@given(replies)
@settings(max_examples=150, deadline=None)
def test_any_value_of_any_member(reply: dict[str, Any]) -> None:
    for found in (read(stream(reply, reply, b"[DONE]")), whole(reply)):
        collect(found)
        assert all(not isinstance(event, Fail) for event in found[:-1])
