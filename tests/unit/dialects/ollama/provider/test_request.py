"""Chat requests in Ollama's own dialect: every request of the matrix as Ollama documents it."""

import json
from typing import Any

import pytest

from matrix import (
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PIXEL,
    SCHEMA,
    SHELL,
    WAV,
    WEATHER,
    ask,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.ollama import DIALECT
from penstock.dialects.openai.caller import request as openai_request

GOAL = WriteContext("qwen3")
EFFORTS = Traits(family="efforts", thinking="effort", efforts={"minimal": "low", "xhigh": "high"})
SWITCHES = Traits(family="switches", thinking="switch")
THOUGHTLESS = Traits(family="thoughtless")


# Requests. What differs from OpenAI's body is written out; what Ollama takes as OpenAI has it is taken from there.
NO_PARAMETERS = {"type": "object", "properties": {}}
TIMER = {"type": "function", "function": {"name": "get_time", "parameters": NO_PARAMETERS}}
TOOLS = {"tools": [WEATHER]}


def told(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [HELLO], **members}


def options(**values: Any) -> dict[str, Any]:
    return told(options=values)


def system(content: str) -> dict[str, Any]:
    return {"role": "system", "content": content}


def said(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def seen(content: str, *images: str) -> dict[str, Any]:
    return {"role": "user", "content": content, "images": list(images)}


def call(index: int, call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"index": index, "name": name, "arguments": arguments}}


def calls(*made: dict[str, Any], content: str = "") -> dict[str, Any]:
    return said(content, tool_calls=list(made))


def answer(call_id: str, name: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "content": content, **more, "tool_name": name, "tool_call_id": call_id}


PARIS = call(0, "call_1", "get_weather", {"city": "Paris"})
SUNNY = answer("call_1", "get_weather", "Sunny")


def forced(name: str, schema: dict[str, Any], described: str = "") -> dict[str, Any]:
    """A request for the arguments of a function as the answer."""
    asked = (
        f"Answer with the arguments for a call of the function {name}.{described}\n"
        "Answer with one valid JSON object and nothing else: no code fence, no words before or after it. "
        "The JSON object matches this JSON schema:\n"
    )
    spaced = json.dumps(schema) if described else json.dumps(schema, separators=(",", ":"))
    return {**told(system(asked + spaced), HELLO), "format": schema}


# fmt: off
EXPECTED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "plain": (told(), ()),
    "system": (told(system("Be brief."), HELLO), ()),
    "developer": (told(system("Be brief."), HELLO), ()),
    "two_systems": (told(system("Be brief."), system("Be kind."), HELLO), ()),
    "system_parts": (told(system("Be brief.Be kind."), HELLO), ()),
    "late_system": (told(HELLO, said("Hi"), system("Now in French."), user("And?")), ()),
    "system_only": (told(system("Be brief.")), ()),
    "history": (told(HELLO, said("Hi"), user("How are you?")), ()),
    "two_users": (told(user("One."), user("Two.")), ()),
    "two_assistants": (told(HELLO, said("Hi"), said("there"), user("Go on")), ()),
    "assistant_first": (told(said("Welcome"), HELLO), ()),
    "named_user": (told(), ("messages[0].name",)),
    "prefill": (told(HELLO, said("The answer is")), ()),
    "empty_content": (told(user("")), ()),
    "empty_assistant": (told(HELLO, said(""), user("Still there?")), ()),
    "refused_before": (told(HELLO, said("I can't."), user("Why?")), ()),
    "unicode": (told(user("Ünïcödé 🙂 \u0000 \u2028 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467")), ()),
    "parts": (told(user("One.Two.")), ()),
    "image_data": (told(seen("What is this?", PIXEL)), ()),
    "image_url": (told(user("What is this?")), ("messages[0].content[1]",)),
    "image_detail": (told(seen("What is this?", PIXEL)), ("messages[0].content[0].image_url.detail",)),
    "two_images": (told(seen("and", PIXEL, PIXEL)), ()),
    "pdf_in_image_url": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_data": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_url": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_id": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_text": (told(user("Sum up.")), ("messages[0].content[0]",)),
    "audio": (told(seen("What is said?", WAV)), ()),
    "video": (told(user("What happens?")), ("messages[0].content[1]",)),
    "unknown_part": (told(user("See.")), ("messages[0].content[1]",)),
    "tools": (told(tools=[WEATHER, TIMER]), ()),
    "tool_strict": (told(**TOOLS), ("tools[0].function.strict",)),
    "tool_huge": (told(tools=[{"type": "function", "function": {"name": "fill", "parameters": HUGE_SCHEMA}}]), ()),
    "tool_unicode": (told(tools=[{"type": "function", "function": {"name": "wetter", "description": "Wie ist’s in „Köln“? ☔", "parameters": NO_PARAMETERS}}]), ()),
    "choice_auto": (told(**TOOLS), ()),
    "choice_none": (told(), ()),
    "choice_required": (forced("get_weather", WEATHER["function"]["parameters"], " The weather in a city"), ()),
    "choice_named": (forced("get_time", NO_PARAMETERS), ()),
    "choice_allowed": (forced("get_time", NO_PARAMETERS), ()),
    "not_parallel": (told(**TOOLS), ("parallel_tool_calls",)),
    "parallel": (told(**TOOLS), ()),
    "one_call": (told(HELLO, calls(PARIS), SUNNY, **TOOLS), ()),
    "call_and_text": (told(HELLO, calls(PARIS, content="Let me see."), SUNNY, **TOOLS), ()),
    "two_calls": (told(HELLO, calls(PARIS, call(1, "call_2", "get_time", {})), SUNNY, answer("call_2", "get_time", '{"hour": 9}'), tools=[WEATHER, TIMER]), ()),
    "same_function_twice": (told(HELLO, calls(PARIS, call(1, "call_3", "get_weather", {"city": "Rome"})), answer("call_3", "get_weather", "Rain"), SUNNY, **TOOLS), ()),
    "results_then_user": (told(HELLO, calls(PARIS), SUNNY, user("And tomorrow?"), **TOOLS), ()),
    "result_parts": (told(HELLO, calls(PARIS), answer("call_1", "get_weather", "Sunny and warm"), **TOOLS), ()),
    "result_empty": (told(HELLO, calls(PARIS), answer("call_1", "get_weather", ""), **TOOLS), ()),
    "result_image": (told(HELLO, calls(PARIS), answer("call_1", "get_weather", "A map:", images=[PIXEL]), **TOOLS), ()),
    "arguments_empty": (told(HELLO, calls(call(0, "call_2", "get_time", {})), answer("call_2", "get_time", "9"), tools=[TIMER]), ()),
    "arguments_broken": (told(HELLO, calls(call(0, "call_1", "get_weather", {"input": '{"city": "Par'})), answer("call_1", "get_weather", "?"), **TOOLS), ()),
    "odd_id": (told(HELLO, calls(call(0, "functions.get_time:0", "get_time", {})), answer("functions.get_time:0", "get_time", "9"), tools=[TIMER]), ()),
    "call_without_result": (told(HELLO, calls(PARIS), user("Never mind."), **TOOLS), ()),
    "legacy_functions": (told(**TOOLS), ()),
    "native_tool": (told(), ("tools[0]",)),
    "custom_tool": (told(tools=[{"type": "function", "function": SHELL}]), ()),
    "format_text": (told(), ()),
    "format_json": (told(user("Answer in JSON."), format="json"), ()),
    "format_schema": (told(format=SCHEMA), ()),
    "format_and_tools": (told(**TOOLS, format=SCHEMA), ()),
    "max_tokens": (options(num_predict=100), ()),
    "max_completion_tokens": (options(num_predict=200), ()),
    "both_limits": (options(num_predict=200), ()),
    "temperature": (options(temperature=0.7), ()),
    "temperature_high": (options(temperature=1.5), ()),
    "top_p": (options(top_p=0.9), ()),
    "temperature_and_top_p": (options(temperature=0.2, top_p=0.9), ()),
    "top_k": (options(top_k=40), ()),
    "stop_string": (options(stop=["END"]), ()),
    "stop_list": (options(stop=["END", "\n\n"]), ()),
    "penalties": (options(presence_penalty=0.5, frequency_penalty=-0.5), ()),
    "no_penalties": (options(presence_penalty=0, frequency_penalty=0), ()),
    "seed": (options(seed=42), ()),
    "n": (told(), ("n",)),
    "n_one": (told(), ()),
    "logprobs": (told(logprobs=True, top_logprobs=3), ()),
    "logit_bias": (told(), ("logit_bias",)),
    "modalities_audio": (told(), ("modalities", "audio")),
    "prediction": (told(), ("prediction",)),
    "effort_none": (told(think=False), ()),
    "effort_low": (told(options={"num_predict": 4000}, think="low"), ()),
    "effort_high": (told(think="high"), ()),
    "thinking": (told(options={"num_predict": 4096}, think=True), ("thinking.budget_tokens",)),
    "thinking_off": (told(think=False), ()),
    "reasoning_before": (told(HELLO, said("Hi", thinking="They greet me."), user("And?")), ()),
    "signed_by_anthropic": (told(HELLO, calls(PARIS), SUNNY, **TOOLS), ("messages.reasoning_details",)),
    "redacted_by_anthropic": (told(HELLO, said("Hi"), user("And?")), ("messages.reasoning_details",)),
    "signed_by_google": (told(HELLO, calls(PARIS), SUNNY, **TOOLS), ("messages.reasoning_details",)),
    "user": (told(), ("user",)),
    "metadata": (told(), ("metadata",)),
    "store": (told(), ("store",)),
    "service_tier": (told(), ("service_tier",)),
    "stream": (told(), ()),
    "unknown_parameter": (told(), ("frobnicate",)),
    "cache_system": (told(system("A long text."), HELLO), ("messages[0].content[0].cache_control",)),
    "cache_user": (told(user("A long text.A question.")), ("messages[0].content[0].cache_control",)),
    "cache_tool": (told(**TOOLS), ("tools[0].cache_control",)),
    "cache_message": (told(user("A long text.")), ("messages[0].content[0].cache_control",)),
}
# fmt: on


def read(body: dict[str, Any]) -> ChatRequest:
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    return request


def written(body: dict[str, Any], traits: Traits = ANY_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body in Ollama's dialect without what every one has, and what was dropped."""
    payload = DIALECT.write(read(body), WriteContext("qwen3", traits=traits))
    assert isinstance(payload, Payload)
    found = json.loads(payload.body)
    assert found.pop("model") == "qwen3"
    assert found.pop("stream") is body.get("stream", False)
    return found, payload.dropped


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_is_written_as_ollama_documents_it(name: str) -> None:
    assert written(MATRIX[name]) == EXPECTED[name]


def test_schemas_and_arguments_keep_their_bytes() -> None:
    raw = b'{"type":"object","maximum":1.10,"minimum":-123456789012345678901234}'
    tool = b'{"type":"function","function":{"name":"f","parameters":' + raw + b"}}"
    made = (
        b'{"id":"1","type":"function","function":{"name":"f","arguments":' + json.dumps(raw.decode()).encode() + b"}}"
    )
    data = b'{"messages":[{"role":"assistant","tool_calls":[' + made + b']}],"tools":[' + tool + b'],"response_format":'
    data += b'{"type":"json_schema","json_schema":{"name":"n","schema":' + raw + b"}}}"
    request = openai_request.read(data)
    assert isinstance(request, ChatRequest)
    payload = DIALECT.write(request, GOAL)
    assert isinstance(payload, Payload)
    assert payload.body.count(raw) == 3


@pytest.mark.parametrize("arguments", ["[1]", "3", "nothing", '{"a": "\ud83d"}', '{"a": NaN}'])
def test_arguments_that_are_no_object_become_one(arguments: str) -> None:
    made = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    message = written(ask(HELLO, called(made)))[0]["messages"][1]
    assert message["tool_calls"] == [call(0, "1", "f", {"input": arguments})]


def test_a_custom_tools_call_and_a_call_without_id() -> None:
    custom = {"type": "custom", "custom": {"name": "shell", "input": "{}"}}
    [made] = written(ask(HELLO, called(custom)))[0]["messages"][1]["tool_calls"]
    assert made == {"type": "function", "function": {"index": 0, "name": "shell", "arguments": {"input": "{}"}}}


@pytest.mark.parametrize(
    ("traits", "parameters", "think", "dropped"),
    [
        (ANY_MODEL, {"reasoning_effort": "minimal"}, "low", ()),
        (ANY_MODEL, {"reasoning_effort": "xhigh"}, "max", ()),
        (ANY_MODEL, {"reasoning_effort": "ultra"}, "ultra", ()),
        (ANY_MODEL, {"reasoning": {"enabled": True}}, True, ()),
        (ANY_MODEL, {"think": "max"}, "max", ()),
        (ANY_MODEL, {"think": False, "reasoning_effort": "high"}, False, ("reasoning_effort",)),
        (EFFORTS, {"reasoning_effort": "xhigh"}, "high", ()),
        (SWITCHES, {"reasoning_effort": "high"}, True, ()),
        (SWITCHES, {"reasoning_effort": "none"}, False, ()),
        (THOUGHTLESS, {"reasoning_effort": "high"}, None, ("reasoning_effort",)),
        (THOUGHTLESS, {"thinking": {"type": "enabled"}}, None, ("thinking",)),
        (THOUGHTLESS, {"thinking": {"type": "disabled"}}, False, ()),
    ],
)
def test_how_much_to_think(traits: Traits, parameters: dict[str, Any], think: Any, dropped: tuple[str, ...]) -> None:
    body, left = written(ask(**parameters), traits)
    assert (body.get("think"), left) == (think, dropped)


def test_what_a_family_does_not_take_is_left_out_and_told() -> None:
    traits = Traits(family="old", vision=False, tools=False, json_schema=False, refuses=frozenset({"seed"}))
    request = ask(
        user(text("See"), image(f"data:image/png;base64,{PIXEL}")),
        tools=[WEATHER],
        tool_choice="auto",
        seed=1,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": SCHEMA}},
    )
    dropped = (
        *("tools", "tool_choice", "seed", "messages[0].content[1]"),
        *("response_format.json_schema.description", "response_format.json_schema"),
    )
    assert written(request, traits) == (told(user("See"), format="json"), dropped)


def test_ollamas_own_parameters() -> None:
    own = {"keep_alive": 0, "truncate": False, "shift": True}
    assert written(ask(**own, num_ctx=8192, min_p=0.1, num_predict=5)) == (
        told(**own, options={"num_ctx": 8192, "min_p": 0.1, "num_predict": 5}),
        (),
    )
    given = {"temperature": 0.1, "mirostat": 2}
    assert written(ask(options=given, temperature=0.9, max_tokens=7, num_predict=8)) == (
        told(options={"temperature": 0.9, "mirostat": 2, "num_predict": 7}),
        ("num_predict", "options.temperature"),
    )


def test_options_that_are_no_object_fail() -> None:
    failure = DIALECT.write(read(ask(options=[1])), GOAL)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "options")


def test_a_choice_of_a_tool_that_is_not_offered_fails() -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    failure = DIALECT.write(read(ask(tools=[WEATHER], tool_choice=choice)), GOAL)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "tool_choice")
    assert "get_time" in failure.message


def test_a_result_that_is_an_error_and_answers_no_call() -> None:
    failed = {**result("call_7", "It broke."), "is_error": True}
    expected = {"role": "tool", "content": "It broke.", "tool_call_id": "call_7"}
    assert written(ask(HELLO, failed)) == (told(HELLO, expected), ("messages[1].is_error",))


def test_members_of_a_tool_that_ollama_does_not_know_are_told() -> None:
    assert written(ask(tools=[{**WEATHER, "defer_loading": True}])) == (told(**TOOLS), ("tools[0].defer_loading",))
