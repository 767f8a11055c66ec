"""Converse's requests: every row of the matrix as Amazon documents it, and what differs from family to family."""

from __future__ import annotations

import json
from typing import Any

import pytest

from converse_requests import (
    ASK_WEATHER,
    CLAUDE,
    HI,
    KIMI,
    NOVA,
    POINT,
    SUNNY,
    TOOLS,
    WEATHER_SPEC,
    answered,
    asked,
    enabled,
    gave,
    read,
    sampled,
    spec,
    told,
    used,
    with_fields,
    with_tools,
    written,
)
from matrix import (
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PDF,
    PIXEL,
    SCHEMA,
    SHELL,
    WAV,
    WEATHER,
    WEATHER_CALL,
    ask,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.chat import ChatRequest, Format
from penstock.core.failure import Failure, Kind
from penstock.core.traits import Traits
from penstock.dialects.bedrock import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.format_in_words import format_in_words
from penstock.dialects.openai.caller import request as openai_request
from penstock.traits import resolve

OLD = Traits(family="old", tools=False, vision=False, documents=False, json_schema=False, system_role=False)


def medium(kind: str, form: str, data: str, **more: Any) -> dict[str, Any]:
    return {kind: {"format": form, **more, "source": {"bytes": data}}}


def formed(schema: Any, **more: Any) -> dict[str, Any]:
    structure = {"jsonSchema": {"schema": json.dumps(schema), **more}}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}}}


NOTHING = {"type": "object", "properties": {}}


CLOCK_SPEC = spec("get_time", NOTHING)


CALLED = (HI, ASK_WEATHER, SUNNY)
PNG = medium("image", "png", PIXEL)
MAPPED = "functions_get_time_0-e0f7c851aa23e521"


# fmt: off
EXPECTED: dict[str, tuple[dict[str, Any], tuple[str, ...]] | str] = {
    "plain": (told(), ()),
    "system": (told(system=[{"text": "Be brief."}]), ()),
    "developer": (told(system=[{"text": "Be brief."}]), ()),
    "two_systems": (told(system=[{"text": "Be brief."}, {"text": "Be kind."}]), ()),
    "system_parts": (told(system=[{"text": "Be brief."}, {"text": "Be kind."}]), ()),
    "late_system": (told(HI, answered("Hi"), asked("Now in French.", "And?")), ()),
    "system_only": (told(asked("Be brief.")), ()),
    "history": (told(HI, answered("Hi"), asked("How are you?")), ()),
    "two_users": (told(asked("One.", "Two.")), ()),
    "two_assistants": (told(HI, answered("Hi", "there"), asked("Go on")), ()),
    "assistant_first": "messages",
    "named_user": (told(), ("messages[0].name",)),
    "prefill": (told(HI, answered("The answer is")), ()),
    "empty_content": "messages",
    "empty_assistant": (told(asked("Hello", "Still there?")), ()),
    "refused_before": (told(HI, answered("I can't."), asked("Why?")), ()),
    "unicode": (told(asked("Ünïcödé 🙂 \u0000 \u2028 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467")), ()),
    "parts": (told(asked("One.", "Two.")), ()),
    "image_data": (told(asked("What is this?", PNG)), ()),
    "image_url": (told(asked("What is this?")), ("messages[0].content[1]",)),
    "image_detail": (told(asked(PNG, "What is this?")), ("messages[0].content[0].image_url.detail",)),
    "two_images": (told(asked(PNG, "and", medium("image", "webp", PIXEL))), ()),
    "pdf_in_image_url": (told(asked("Sum up.", medium("document", "pdf", PDF, name="document"))), ()),
    "file_data": (told(asked("Sum up.", medium("document", "pdf", PDF, name="a report"))), ()),
    "file_url": (told(asked("Sum up.")), ("messages[0].content[1]",)),
    "file_id": (told(asked("Sum up.")), ("messages[0].content[1]",)),
    "file_text": (told(asked(medium("document", "txt", "SGVsbG8=", name="notes"), "Sum up.")), ()),
    "audio": (told(asked("What is said?", medium("audio", "wav", WAV))), ()),
    "video": (told(asked("What happens?", medium("video", "mp4", "AAAAIGZ0eXA="))), ()),
    "unknown_part": (told(asked("See.")), ("messages[0].content[1]",)),
    "tools": (told(**with_tools(WEATHER_SPEC, CLOCK_SPEC)), ()),
    "tool_strict": (told(**with_tools(spec("get_weather", {**WEATHER["function"]["parameters"], "additionalProperties": False}, description="The weather in a city", strict=True))), ()),
    "tool_huge": (told(**with_tools(spec("fill", HUGE_SCHEMA))), ()),
    "tool_unicode": (told(**with_tools(spec("wetter", NOTHING, description="Wie ist’s in „Köln“? ☔"))), ()),
    "choice_auto": (told(**with_tools(WEATHER_SPEC, auto={})), ()),
    "choice_none": (told(), ()),
    "choice_required": (told(**with_tools(WEATHER_SPEC, any={})), ()),
    "choice_named": (told(**with_tools(WEATHER_SPEC, CLOCK_SPEC, tool={"name": "get_time"})), ()),
    "choice_allowed": (told(**with_tools(WEATHER_SPEC, CLOCK_SPEC, tool={"name": "get_time"})), ()),
    "not_parallel": (told(**TOOLS, **with_fields(tool_choice={"type": "auto", "disable_parallel_tool_use": True})), ()),
    "parallel": (told(**TOOLS), ()),
    "one_call": (told(*CALLED, **TOOLS), ()),
    "call_and_text": (told(HI, answered("Let me see.", used("get_weather", "call_1", city="Paris")), SUNNY, **TOOLS), ()),
    "two_calls": (told(HI, answered(used("get_weather", "call_1", city="Paris"), used("get_time", "call_2")), asked(gave("call_1", "Sunny"), gave("call_2", '{"hour": 9}')), **with_tools(WEATHER_SPEC, CLOCK_SPEC)), ()),
    "same_function_twice": (told(HI, answered(used("get_weather", "call_1", city="Paris"), used("get_weather", "call_3", city="Rome")), asked(gave("call_3", "Rain"), gave("call_1", "Sunny")), **TOOLS), ()),
    "results_then_user": (told(HI, ASK_WEATHER, asked(gave("call_1", "Sunny"), "And tomorrow?"), **TOOLS), ()),
    "result_parts": (told(HI, ASK_WEATHER, asked(gave("call_1", "Sunny", " and warm")), **TOOLS), ()),
    "result_empty": (told(HI, ASK_WEATHER, asked(gave("call_1")), **TOOLS), ()),
    "result_image": (told(HI, ASK_WEATHER, asked(gave("call_1", "A map:", PNG)), **TOOLS), ()),
    "arguments_empty": (told(HI, answered(used("get_time", "call_2")), asked(gave("call_2", "9")), **with_tools(CLOCK_SPEC)), ()),
    "arguments_broken": (told(HI, answered(used("get_weather", "call_1", INVALID_JSON='{"city": "Par')), asked(gave("call_1", "?")), **TOOLS), ()),
    "odd_id": (told(HI, answered(used("get_time", MAPPED)), asked(gave(MAPPED, "9")), **with_tools(CLOCK_SPEC)), ()),
    "call_without_result": (told(HI, ASK_WEATHER, asked("Never mind."), **TOOLS), ()),
    "legacy_functions": (told(**with_tools(WEATHER_SPEC, auto={})), ()),
    "native_tool": (told(**with_fields(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}])), ()),
    "custom_tool": (told(**with_tools(spec("shell", SHELL["parameters"], description=SHELL["description"]))), ()),
    "format_text": (told(), ()),
    "format_json": (
        told(asked("Answer in JSON."), system=[{"text": format_in_words(Format("json_object"))}]), ("response_format",)
    ),
    "format_schema": (told(**formed(SCHEMA, name="reply")), ()),
    "format_and_tools": (told(**TOOLS, **formed(SCHEMA, name="reply")), ()),
    "max_tokens": (sampled(maxTokens=100), ()),
    "max_completion_tokens": (sampled(maxTokens=200), ()),
    "both_limits": (sampled(maxTokens=200), ()),
    "temperature": (sampled(temperature=0.7), ()),
    "temperature_high": (sampled(temperature=1), ("temperature",)),
    "top_p": (sampled(topP=0.9), ()),
    "temperature_and_top_p": (sampled(temperature=0.2), ("top_p",)),
    "top_k": (told(**with_fields(top_k=40)), ()),
    "stop_string": (sampled(stopSequences=["END"]), ()),
    "stop_list": (sampled(stopSequences=["END"]), ("stop[1]",)),
    "penalties": (told(), ("presence_penalty", "frequency_penalty")),
    "no_penalties": (told(), ()),
    "seed": (told(), ("seed",)),
    "n": (told(), ("n",)),
    "n_one": (told(), ()),
    "logprobs": (told(), ("logprobs", "top_logprobs")),
    "logit_bias": (told(), ("logit_bias",)),
    "modalities_audio": (told(), ("modalities", "audio")),
    "prediction": (told(), ("prediction",)),
    "effort_none": (told(), ()),
    "effort_low": (sampled(maxTokens=4000) | enabled(1024), ()),
    "effort_high": (sampled(maxTokens=64_000) | enabled(16_384), ()),
    "thinking": (sampled(maxTokens=4096) | enabled(2048), ()),
    "thinking_off": (told(**with_fields(thinking={"type": "disabled"})), ()),
    "reasoning_before": (told(HI, answered("Hi"), asked("And?")), ()),
    "signed_by_anthropic": (told(HI, answered({"reasoningContent": {"reasoningText": {"text": "Look it up.", "signature": "c2ln"}}}, used("get_weather", "call_1", city="Paris")), SUNNY, **TOOLS), ()),
    "redacted_by_anthropic": (told(HI, answered({"reasoningContent": {"redactedContent": "Wlc1amNubHdkR1Zr"}}, "Hi"), asked("And?")), ()),
    "signed_by_google": (told(*CALLED, **TOOLS), ("messages.reasoning_details",)),
    "user": (told(**with_fields(metadata={"user_id": "user-123"})), ()),
    "metadata": (told(requestMetadata={"team": "a"}), ()),
    "store": (told(), ("store",)),
    "service_tier": (told(serviceTier={"type": "flex"}), ()),
    "stream": (told(), ()),
    "unknown_parameter": (told(), ("frobnicate",)),
    "cache_system": (told(system=[{"text": "A long text."}, POINT]), ()),
    "cache_user": (told(asked("A long text.", {"cachePoint": {"type": "default", "ttl": "1h"}}, "A question.")), ()),
    "cache_tool": (told(**with_tools(WEATHER_SPEC, POINT)), ()),
    "cache_message": (told(asked("A long text.", POINT)), ()),
}
# fmt: on


def refused(body: dict[str, Any], traits: Traits = CLAUDE) -> str | None:
    """The parameter for which there can be no request."""
    failure = DIALECT.write(read(body), WriteContext("a-model", "bedrock", traits))
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.INVALID_REQUEST
    return failure.param


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_is_written_as_amazon_documents_it(name: str) -> None:
    expected = EXPECTED[name]
    if isinstance(expected, str):
        assert refused(MATRIX[name]) == expected
    else:
        assert written(MATRIX[name]) == expected


def test_the_dialect_reads_amazons_streams() -> None:
    assert DIALECT.name == "bedrock_converse"
    assert DIALECT.stream_types == (b"application/vnd.amazon.eventstream",)


# Conversations.


def test_a_schema_keeps_its_bytes() -> None:
    schema = b'{"type":"object","properties":{"n":{"const":1.10,"default":-123456789012345678901234}},'
    schema += b'"additionalProperties":false}'
    tool = b'{"type":"function","function":{"name":"f","parameters":' + schema + b"}}"
    data = b'{"messages":[{"role":"user","content":"Hello"}],"tools":[' + tool + b'],"response_format":'
    data += b'{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":' + schema + b"}}}"
    request = openai_request.read(data)
    assert isinstance(request, ChatRequest)
    payload = DIALECT.write(request, WriteContext("a-model"))
    assert isinstance(payload, Payload)
    assert payload.body.count(schema) == 1
    found = json.loads(payload.body)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert found == {"schema": schema.decode(), "name": "n", "description": "d"}


def test_a_schema_without_a_type_is_one_of_an_object() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}}
    assert written(ask(tools=[tool]))[0] == told(**with_tools(spec("f", {"type": "object", "properties": {"a": {}}})))


def test_some_models_know_no_stop_sequences() -> None:
    for model in (
        "openai.gpt-oss-120b-1:0",
        "qwen.qwen3-32b-v1:0",
        "qwen.qwen3-coder-480b-a35b-v1:0",
        "deepseek.v3-v1:0",
    ):
        traits = resolve(model, "bedrock")
        assert written(MATRIX["stop_list"], traits)[1] == ("stop",), model
        assert written(MATRIX["stop_list"], traits, model)[0].get("inferenceConfig") is None
    assert written(MATRIX["stop_list"], resolve("us.deepseek.r1-v1:0", "bedrock"))[1] == ()
    sampled = ask(temperature=0.5, top_p=0.9, stop="X")
    assert written(sampled, resolve("openai.gpt-6-sol", "bedrock"))[1] == ("temperature", "top_p", "stop")
    assert written(sampled, resolve("xai.grok-4.5", "bedrock"))[1] == ("temperature", "top_p", "stop")


def test_llama_can_not_be_made_to_call() -> None:
    body, dropped = written(MATRIX["choice_required"], resolve("us.meta.llama3-3-70b-instruct-v1:0", "bedrock"))
    assert ("toolChoice" in body["toolConfig"], dropped) == (False, ("tool_choice",))


def test_calls_one_by_one_are_said_in_claudes_words() -> None:
    forced = {**MATRIX["choice_required"], "parallel_tool_calls": False}
    assert written(forced)[1] == ("parallel_tool_calls",)
    body, dropped = written({**MATRIX["choice_auto"], "parallel_tool_calls": False})
    assert ("toolChoice" in body["toolConfig"], dropped) == (False, ())
    assert body["additionalModelRequestFields"]["tool_choice"]["disable_parallel_tool_use"] is True
    haiku = resolve("anthropic.claude-3-haiku-20240307-v1:0", "bedrock")
    assert written(MATRIX["not_parallel"], haiku)[1] == ("parallel_tool_calls",)
    assert written(MATRIX["not_parallel"], resolve("amazon.nova-pro-v1:0", "bedrock"))[1] == ("parallel_tool_calls",)


def test_what_the_newest_claudes_refuse_here() -> None:
    newest = resolve("us.anthropic.claude-opus-4-8", "bedrock")
    assert written(MATRIX["format_schema"], newest)[1] == ("response_format",)
    assert written(MATRIX["tool_strict"], newest)[1] == ("tools[0].function.strict",)
    assert written(MATRIX["format_schema"], resolve("us.anthropic.claude-opus-4-6-v1", "bedrock"))[1] == ()


def test_every_token_of_coheres_may_come() -> None:
    command = resolve("cohere.command-r-plus-v1:0", "bedrock")
    assert written(ask(top_p=1), command)[0]["inferenceConfig"] == {"topP": 0.99}
    assert written(ask(top_p=1))[0]["inferenceConfig"] == {"topP": 1}


def test_claude_enforces_so_many_tools() -> None:
    schema = {"type": "object", "additionalProperties": False, "properties": {}}
    tools = [
        {"type": "function", "function": {"name": f"f{n}", "strict": True, "parameters": schema}} for n in range(21)
    ]
    body, dropped = written(ask(tools=tools))
    assert [tool["toolSpec"].get("strict", False) for tool in body["toolConfig"]["tools"]] == [True] * 20 + [False]
    assert dropped == ("tools[20].function.strict",)


def test_tools_that_were_called_stand_for_all_when_none_are_given() -> None:
    own = {"toolUse": {"toolUseId": "t", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}
    message = {"role": "assistant", "content": None, "content_blocks": [own], "tool_calls": [WEATHER_CALL]}
    body, dropped = written(ask(HELLO, message, result("call_1", "Sunny")), NOVA)
    assert body["messages"][1] == answered(own, used("get_weather", "call_1", city="Paris"))
    expected = with_tools({"systemTool": {"name": "nova_grounding"}}, spec("get_weather", NOTHING))
    assert {"toolConfig": body["toolConfig"]} == expected
    assert dropped == ()
    forced = ask(HELLO, called(WEATHER_CALL), result("call_1", "Sunny"), tool_choice="required")
    assert written(forced) == (told(*CALLED, **with_tools(spec("get_weather", NOTHING))), ("tool_choice",))


def test_tools_can_not_be_left_out_once_they_were_called() -> None:
    messages = (HELLO, called(WEATHER_CALL), result("call_1", "Sunny"))
    assert written(ask(*messages, tools=[WEATHER], tool_choice="none")) == (told(*CALLED, **TOOLS), ("tool_choice",))


def test_what_a_family_does_not_take_is_left_out_and_told() -> None:
    request = ask(
        {"role": "system", "content": "Be brief."},
        user(text("See"), image(f"data:image/png;base64,{PIXEL}"), {"type": "file", "file": {"file_data": PDF}}),
        tools=[WEATHER],
        tool_choice="required",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    )
    dropped = ("tools", "tool_choice", "response_format", "messages[1].content[1]", "messages[1].content[2]")
    words = format_in_words(Format("json_schema", "n", schema=json.dumps(SCHEMA).encode()))
    assert written(request, OLD) == (told(asked("Be brief.", "See", words)), dropped)


@pytest.mark.parametrize(
    ("members", "streams_tools", "unstreamed"),
    [
        ({"tools": [WEATHER], "stream": True}, False, True),
        ({"tools": [WEATHER], "stream": True}, True, False),
        ({"tools": [WEATHER]}, False, False),
        ({"stream": True}, False, False),
    ],
)
def test_tools_that_can_not_be_streamed_are_asked_for_in_one_piece(
    members: dict[str, Any], *, streams_tools: bool, unstreamed: bool
) -> None:
    traits = Traits(family="llama", streams_tools=streams_tools)
    payload = DIALECT.write(read(ask(**members)), WriteContext("a-model", "bedrock", traits))
    assert isinstance(payload, Payload)
    assert payload.unstreamed is unstreamed
    assert (json.loads(payload.body), payload.dropped) == (told(**TOOLS) if "tools" in members else told(), ())


def test_a_schema_that_is_enforced_says_no_more_than_can_be() -> None:
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    told_of = {"n": {"type": "integer", "description": "minimum: 1"}}
    fitted = {"type": "object", "properties": told_of, "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": bounded}}
    function = {"name": "f", "parameters": bounded}
    strict, free = ({"type": "function", "function": {**function, **more}} for more in ({"strict": True}, {}))
    body, dropped = written(ask(response_format=form, tools=[strict, free]))
    assert [each["toolSpec"]["inputSchema"]["json"] for each in body["toolConfig"]["tools"]] == [fitted, bounded]
    assert json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == fitted
    assert dropped == (
        "tools[0].function.parameters.minimum",
        "response_format.json_schema.schema.minimum",
    )


# Tools.


def test_a_choice_of_a_tool_that_is_not_offered_fails() -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    assert refused(ask(tools=[WEATHER], tool_choice=choice)) == "tool_choice"


def test_a_choice_that_can_not_name_a_tool_offers_only_that() -> None:
    assert written(MATRIX["choice_named"], KIMI) == (told(**with_tools(CLOCK_SPEC, any={})), ())
    both = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_time"}}]}
    request = ask(tools=[WEATHER, {"type": "function", "function": {"name": "get_time"}}],
                  tool_choice={"type": "allowed_tools", "allowed_tools": both})  # fmt: skip
    assert written(request) == (told(**with_tools(CLOCK_SPEC, auto={})), ())


def test_choices_that_a_model_refuses() -> None:
    unforced = Traits(family="unforced", forced_tools=False)
    assert written(ask(tools=[WEATHER], tool_choice="required"), unforced) == (told(**TOOLS), ("tool_choice",))
    body, dropped = written(ask(tools=[WEATHER], tool_choice="required", reasoning_effort="low"))
    assert (body["toolConfig"], dropped) == (with_tools(WEATHER_SPEC, any={})["toolConfig"], ("reasoning_effort",))
    body, dropped = written(ask(tools=[WEATHER], tool_choice="required", reasoning_effort="low"), NOVA)
    assert (body["toolConfig"], dropped) == (with_tools(WEATHER_SPEC, any={})["toolConfig"], ())


def test_members_of_a_tool_that_converse_does_not_know_are_told() -> None:
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}, "defer_loading": True}
    dropped = ("tools[0].defer_loading", "tools[0].function.strict")
    assert written(ask(tools=[strict]), NOVA) == (told(**TOOLS), dropped)


def test_tools_are_cached_where_there_are_cache_points_for_them() -> None:
    for traits in (NOVA, KIMI):
        assert written(MATRIX["cache_tool"], traits) == (told(**TOOLS), ("tools[0].cache_control",))
    assert written(MATRIX["cache_message"], NOVA) == (told(asked("A long text.", POINT)), ())
    dropped = ("messages[0].content[0].cache_control",)
    assert written(MATRIX["cache_message"], KIMI) == (told(asked("A long text.")), dropped)


def test_tools_of_the_makers_own() -> None:
    grounding = {"systemTool": {"name": "nova_grounding"}}
    assert written(ask(tools=[{"type": "nova_grounding"}, WEATHER]), NOVA) == (
        told(**with_tools(grounding, WEATHER_SPEC)), ())  # fmt: skip
    assert written(ask(tools=[grounding]), NOVA) == (told(**with_tools(grounding)), ())
    assert written(MATRIX["native_tool"], NOVA) == (told(), ("tools[0]",))
    computer = {"type": "computer_20250124", "name": "computer"}
    fields = with_fields(tools=[computer], anthropic_beta=["computer-use-2025-01-24"])
    assert written(ask(tools=[computer])) == (told(**fields), ())


# What only the model knows, and what is about the request.


@pytest.mark.parametrize(
    ("traits", "model", "fields", "dropped"),
    [
        (CLAUDE, "anthropic.claude", {"top_k": 40}, ("seed", "presence_penalty")),
        (NOVA, "amazon.nova-2", {"inferenceConfig": {"topK": 40}}, ("seed", "presence_penalty")),
        (KIMI, "us.cohere.command-r-v1:0", {"k": 40, "seed": 7, "presence_penalty": 0.5}, ()),
        (KIMI, "mistral.mistral-7b", {"top_k": 40}, ("seed", "presence_penalty")),
        (KIMI, "moonshot.kimi", {}, ("top_k", "seed", "presence_penalty")),
    ],
)
def test_makers_have_words_of_their_own(
    traits: Traits, model: str, fields: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    expected = told(**with_fields(**fields)) if fields else told()
    assert written(ask(top_k=40, seed=7, presence_penalty=0.5), traits, model) == (expected, dropped)


def test_betas_are_asked_for_in_the_body() -> None:
    body, dropped = written(ask(anthropic_beta="a-1, b-2"), anthropic_beta="b-2,c-3")
    assert (body, dropped) == (told(**with_fields(anthropic_beta=["b-2", "c-3", "a-1"])), ())
    assert written(ask(anthropic_beta=["a-1"])) == (told(**with_fields(anthropic_beta=["a-1"])), ())
    assert written(ask(anthropic_beta=["a-1"]), NOVA) == (told(), ("anthropic_beta",))


def test_what_the_caller_says_in_the_models_words_wins() -> None:
    given = {"top_k": 9, "thinking": {"type": "disabled"}}
    request = ask(top_k=40, reasoning_effort="low", max_tokens=5000, additionalModelRequestFields=given)
    assert written(request) == (sampled(maxTokens=5000) | with_fields(**given), ("top_k",))
    assert written(ask(additional_model_request_fields={"a": 1})) == (told(**with_fields(a=1)), ())
    assert written(ask(additionalModelRequestFields="x")) == (told(), ("additionalModelRequestFields",))


def test_converses_own_parameters() -> None:
    own = {
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"},
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
        "promptVariables": {"name": {"text": "Ann"}},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "priority"},
        "requestMetadata": {"team": "a"},
    }
    assert written(ask(**own)) == (told(**own), ())
    snake = {
        "guardrail_config": own["guardrailConfig"],
        "additional_model_response_field_paths": own["additionalModelResponseFieldPaths"],
        "prompt_variables": own["promptVariables"],
        "performance_config": own["performanceConfig"],
        "service_tier": "priority",
        "request_metadata": own["requestMetadata"],
    }
    assert written(ask(**snake)) == (told(**own), ())


@pytest.mark.parametrize(
    ("metadata", "fits"),
    [
        ({"a": "", "b:c": "x @y#1=2,3.4-5_6$7+8/9"}, True),
        ({str(n): "x" for n in range(16)}, True),
        ({str(n): "x" for n in range(17)}, False),
        ({"a": "x" * 257}, False),
        ({"a": "ünï"}, False),
        ({"a": 1}, False),
        ({"": "x"}, False),
    ],
)
def test_metadata_goes_into_the_log_if_it_fits(metadata: dict[str, Any], fits: bool) -> None:
    expected = (told(requestMetadata=metadata), ()) if fits else (told(), ("metadata",))
    assert written(ask(metadata=metadata)) == expected
    own = ask(metadata={"a": "b"}, requestMetadata={"c": "d"})
    assert written(own) == (told(requestMetadata={"c": "d"}), ("metadata",))


def test_tiers() -> None:
    assert written(ask(service_tier="default")) == (told(), ())
    assert written(ask(service_tier="scale")) == (told(), ("service_tier",))


def test_stop_sequences_of_space_are_claudes_trouble_only() -> None:
    assert written(MATRIX["stop_list"], KIMI) == (sampled(stopSequences=["END", "\n\n"]), ())
    assert written(ask(stop=["", "END"])) == (sampled(stopSequences=["END"]), ())
