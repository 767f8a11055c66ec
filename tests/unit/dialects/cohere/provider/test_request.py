"""Chat requests in Cohere's dialect: every request of the matrix as Cohere documents it."""

import json
from typing import Any

import pytest

from matrix import (
    CLOCK,
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PIXEL,
    SCHEMA,
    SHELL,
    TIME_CALL,
    WEATHER,
    WEATHER_CALL,
    ask,
    call,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.cohere import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller import request as openai_request

GOAL = WriteContext("command-a-03-2025")
THINKS = Traits(family="thinks", thinking="budget", budgets={"low": 1024, "high": 16_384})
SWITCHES = Traits(family="switches", thinking="switch")
THOUGHTLESS = Traits(family="thoughtless", vision=False)


# Requests. What differs from OpenAI's body is written out; what Cohere takes as OpenAI has it is taken from there.
NO_PARAMETERS = {"type": "object", "properties": {}}
TIMER = {"type": "function", "function": {"name": "get_time", "parameters": NO_PARAMETERS}}
RESULT = result("call_1", "Sunny")
TOOLS = {"tools": [WEATHER]}
PICTURE = image(f"data:image/png;base64,{PIXEL}")
ENABLED = {"thinking": {"type": "enabled"}}
DISABLED = {"thinking": {"type": "disabled"}}


def told(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [HELLO], **members}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


def said(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def calls(*made: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(made), **beside}


def form(**schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_object", **schema}}


# fmt: off
EXPECTED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "plain": (told(), ()),
    "system": (told(system("Be brief."), HELLO), ()),
    "developer": (told(system("Be brief."), HELLO), ()),
    "two_systems": (told(system("Be brief."), system("Be kind."), HELLO), ()),
    "system_parts": (told(system([text("Be brief."), text("Be kind.")]), HELLO), ()),
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
    "parts": (told(user(text("One."), text("Two."))), ()),
    "image_data": (told(user(text("What is this?"), PICTURE)), ()),
    "image_url": (told(user(text("What is this?"), image("https://example.com/cat.jpg"))), ()),
    "image_detail": (told(user(image(f"data:image/png;base64,{PIXEL}", detail="low"), text("What is this?"))), ()),
    "two_images": (told(user(PICTURE, text("and"), image(f"data:image/webp;base64,{PIXEL}"))), ()),
    "pdf_in_image_url": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_data": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_url": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_id": (told(user("Sum up.")), ("messages[0].content[1]",)),
    "file_text": (told(user("Sum up."), documents=[{"data": {"title": "notes.txt", "text": "Hello"}}]), ()),
    "audio": (told(user("What is said?")), ("messages[0].content[1]",)),
    "video": (told(user("What happens?")), ("messages[0].content[1]",)),
    "unknown_part": (told(user("See.")), ("messages[0].content[1]",)),
    "tools": (told(tools=[WEATHER, TIMER]), ()),
    "tool_strict": (told(tools=[WEATHER], strict_tools=True), ()),
    "tool_huge": (told(tools=[{"type": "function", "function": {"name": "fill", "parameters": HUGE_SCHEMA}}]), ()),
    "tool_unicode": (told(tools=[{"type": "function", "function": {"name": "wetter", "description": "Wie ist’s in „Köln“? ☔", "parameters": NO_PARAMETERS}}]), ()),
    "choice_auto": (told(**TOOLS), ()),
    "choice_none": (told(**TOOLS, tool_choice="NONE"), ()),
    "choice_required": (told(**TOOLS, tool_choice="REQUIRED"), ()),
    "choice_named": (told(tools=[TIMER], tool_choice="REQUIRED"), ()),
    "choice_allowed": (told(tools=[TIMER], tool_choice="REQUIRED"), ()),
    "not_parallel": (told(**TOOLS), ("parallel_tool_calls",)),
    "parallel": (told(**TOOLS), ()),
    "one_call": (told(HELLO, calls(WEATHER_CALL), RESULT, **TOOLS), ()),
    "call_and_text": (told(HELLO, calls(WEATHER_CALL, tool_plan="Let me see."), RESULT, **TOOLS), ()),
    "two_calls": (told(HELLO, calls(WEATHER_CALL, TIME_CALL), RESULT, result("call_2", '{"hour": 9}'), tools=[WEATHER, TIMER]), ()),
    "same_function_twice": (told(HELLO, calls(WEATHER_CALL, call("call_3", "get_weather", '{"city":"Rome"}')), result("call_3", "Rain"), RESULT, **TOOLS), ()),
    "results_then_user": (told(HELLO, calls(WEATHER_CALL), RESULT, user("And tomorrow?"), **TOOLS), ()),
    "result_parts": (told(HELLO, calls(WEATHER_CALL), result("call_1", [text("Sunny"), text(" and warm")]), **TOOLS), ()),
    "result_empty": (told(HELLO, calls(WEATHER_CALL), result("call_1", ""), **TOOLS), ()),
    "result_image": (told(HELLO, calls(WEATHER_CALL), result("call_1", "A map:"), **TOOLS), ("messages[2].content[1]",)),
    "arguments_empty": (told(HELLO, calls(TIME_CALL), result("call_2", "9"), tools=[TIMER]), ()),
    "arguments_broken": (told(HELLO, calls(call("call_1", "get_weather", '{"city": "Par')), result("call_1", "?"), **TOOLS), ()),
    "odd_id": (told(HELLO, calls(call("functions.get_time:0", "get_time", "{}")), result("functions.get_time:0", "9"), tools=[TIMER]), ()),
    "call_without_result": (told(HELLO, calls(WEATHER_CALL), user("Never mind."), **TOOLS), ()),
    "legacy_functions": (told(**TOOLS), ()),
    "native_tool": (told(), ("tools[0]",)),
    "custom_tool": (told(tools=[{"type": "function", "function": SHELL}]), ()),
    "format_text": (told(), ()),
    "format_json": (told(user("Answer in JSON."), **form()), ()),
    "format_schema": (told(**form(json_schema=SCHEMA)), ()),
    "format_and_tools": (told(**TOOLS), ("response_format",)),
    "max_tokens": (told(max_tokens=100), ()),
    "max_completion_tokens": (told(max_tokens=200), ()),
    "both_limits": (told(max_tokens=200), ()),
    "temperature": (told(temperature=0.7), ()),
    "temperature_high": (told(temperature=1.5), ()),
    "top_p": (told(p=0.9), ()),
    "temperature_and_top_p": (told(temperature=0.2, p=0.9), ()),
    "top_k": (told(k=40), ()),
    "stop_string": (told(stop_sequences=["END"]), ()),
    "stop_list": (told(stop_sequences=["END", "\n\n"]), ()),
    "penalties": (told(presence_penalty=0.5, frequency_penalty=-0.5), ()),
    "no_penalties": (told(presence_penalty=0, frequency_penalty=0), ()),
    "seed": (told(seed=42), ()),
    "n": (told(), ("n",)),
    "n_one": (told(), ()),
    "logprobs": (told(logprobs=True), ("top_logprobs",)),
    "logit_bias": (told(), ("logit_bias",)),
    "modalities_audio": (told(), ("modalities", "audio")),
    "prediction": (told(), ("prediction",)),
    "effort_none": (told(**DISABLED), ()),
    "effort_low": (told(max_tokens=4000, **ENABLED), ()),
    "effort_high": (told(**ENABLED), ()),
    "thinking": (told(max_tokens=4096, thinking={"type": "enabled", "token_budget": 2048}), ()),
    "thinking_off": (told(**DISABLED), ()),
    "reasoning_before": (told(HELLO, said([{"type": "thinking", "thinking": "They greet me."}, text("Hi")]), user("And?")), ()),
    "signed_by_anthropic": (told(HELLO, calls(WEATHER_CALL), RESULT, **TOOLS), ("messages.reasoning_details",)),
    "redacted_by_anthropic": (told(HELLO, said("Hi"), user("And?")), ("messages.reasoning_details",)),
    "signed_by_google": (told(HELLO, calls(WEATHER_CALL), RESULT, **TOOLS), ("messages.reasoning_details",)),
    "user": (told(), ("user",)),
    "metadata": (told(), ("metadata",)),
    "store": (told(), ("store",)),
    "service_tier": (told(), ("service_tier",)),
    "stream": (told(), ()),
    "unknown_parameter": (told(), ("frobnicate",)),
    "cache_system": (told(system("A long text."), HELLO), ("messages[0].content[0].cache_control",)),
    "cache_user": (told(user(text("A long text."), text("A question."))), ("messages[0].content[0].cache_control",)),
    "cache_tool": (told(**TOOLS), ("tools[0].cache_control",)),
    "cache_message": (told(user("A long text.")), ("messages[0].content[0].cache_control",)),
}
# fmt: on


def read(body: dict[str, Any]) -> ChatRequest:
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    return request


def written(body: dict[str, Any], traits: Traits = ANY_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body in Cohere's dialect without what every one has, and what was dropped."""
    payload = DIALECT.write(read(body), WriteContext("command-a-03-2025", traits=traits))
    assert isinstance(payload, Payload)
    found = json.loads(payload.body)
    assert found.pop("model") == "command-a-03-2025"
    assert found.pop("stream") is body.get("stream", False)
    return found, payload.dropped


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_is_written_as_cohere_documents_it(name: str) -> None:
    assert written(MATRIX[name]) == EXPECTED[name]


def test_a_schema_keeps_its_bytes() -> None:
    schema = b'{"type":"object","properties":{"n":{"maximum":1.10,"minimum":-123456789012345678901234}}}'
    tool = b'"tools":[{"type":"function","function":{"name":"f","parameters":' + schema + b"}}]"
    form = b'"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":' + schema + b"}}"
    for member in (tool, form):
        request = openai_request.read(b'{"messages":[{"role":"user","content":"Hello"}],' + member + b"}")
        assert isinstance(request, ChatRequest)
        payload = DIALECT.write(request, GOAL)
        assert isinstance(payload, Payload)
        assert schema in payload.body


@pytest.mark.parametrize(
    ("traits", "parameters", "thinking", "dropped"),
    [
        (THINKS, {"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}, ()),
        (THINKS, {"reasoning_effort": "medium"}, {"type": "enabled"}, ()),
        (THINKS, {"reasoning": {"max_tokens": 500}}, {"type": "enabled", "token_budget": 500}, ()),
        (THINKS, {"thinking": {"type": "enabled", "token_budget": 7}}, {"type": "enabled", "token_budget": 7}, ()),
        (SWITCHES, {"reasoning_effort": "high"}, {"type": "enabled"}, ()),
        (SWITCHES, {"reasoning": {"max_tokens": 500}}, {"type": "enabled"}, ("thinking.budget_tokens",)),
        (SWITCHES, {"reasoning_effort": "none"}, {"type": "disabled"}, ()),
        (THOUGHTLESS, {"reasoning_effort": "high"}, None, ("reasoning_effort",)),
        (THOUGHTLESS, {"reasoning_effort": "none"}, None, ()),
        (THOUGHTLESS, {"thinking": {"type": "disabled"}}, None, ()),
        (Traits(thinking="budget", can_stop_thinking=False), {"reasoning_effort": "none"}, None, ("reasoning_effort",)),
    ],
)  # fmt: skip
def test_how_much_to_think(traits: Traits, parameters: dict[str, Any], thinking: Any, dropped: tuple[str, ...]) -> None:
    body, left = written(ask(**parameters), traits)
    assert (body.get("thinking"), left) == (thinking, dropped)


def test_what_a_family_does_not_take_is_left_out_and_told() -> None:
    traits = Traits(family="old", vision=False, tools=False, json_schema=False, refuses=frozenset({"seed"}))
    request = ask(
        user(text("See"), PICTURE),
        {"role": "assistant", "content": "Hi", "reasoning_content": "They greet me."},
        tools=[WEATHER],
        tool_choice="required",
        seed=1,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": SCHEMA}},
    )
    dropped = (
        *("tools", "tool_choice", "seed", "messages[0].content[1]"),
        *("response_format.json_schema.description", "response_format.json_schema"),
    )
    assert written(request, traits) == (told(user("See"), said("Hi"), **form()), dropped)


def test_coheres_own_parameters() -> None:
    document = {"data": {"text": "Ruby is from 1993."}, "id": "doc:0"}
    own = {
        "documents": [document],
        "citation_options": {"mode": "FAST"},
        "safety_mode": "STRICT",
        "priority": 9,
        "k": 3,
        "p": 0.5,
        "strict_tools": False,
    }
    assert written(ask(**own)) == (told(**own), ())
    both = ask(user({"type": "document", "document": document}, text("When?")), documents=["A string."])
    assert written(both) == (told(user("When?"), documents=["A string.", document]), ())
    assert written(ask(top_k=1, k=2, top_p=0.1, p=0.2)) == (told(k=1, p=0.1), ("k", "p"))


def test_a_tools_documents_and_thinking_beside_a_plan() -> None:
    document = {"type": "document", "document": {"data": {"weather": "sunny"}}}
    other = {"type": "document", "source": {"type": "text", "data": "x"}}
    thinking = [{"type": "thinking", "thinking": "Look it up."}]
    request = ask(
        HELLO,
        called(WEATHER_CALL, content="Let me see.", reasoning_content="Look it up."),
        {**result("call_1", [document, other]), "is_error": True},
    )
    expected = told(HELLO, calls(WEATHER_CALL, tool_plan="Let me see.", content=thinking), result("call_1", [document]))
    assert written(request) == (expected, ("messages[2].is_error", "messages[2].content[1]"))


def test_a_text_file_that_is_no_text_is_refused() -> None:
    file = {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,/////w=="}}
    assert written(ask(user(file))) == (told(user("")), ("messages[0].content[0]",))


def test_a_custom_tools_call_is_written_as_an_object() -> None:
    custom = {"id": "call_9", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    expected = calls(call("call_9", "shell", '{"input":"ls -l"}'))
    assert written(ask(HELLO, called(custom))) == (told(HELLO, expected), ())


def test_members_of_a_tool_that_cohere_does_not_know_are_told() -> None:
    assert written(ask(tools=[{**WEATHER, "defer_loading": True}])) == (told(**TOOLS), ("tools[0].defer_loading",))


def test_a_choice_of_a_tool_that_is_not_offered_fails() -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    failure = DIALECT.write(read(ask(tools=[WEATHER], tool_choice=choice)), GOAL)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "tool_choice")
    assert "get_time" in failure.message


def test_clock_is_offered_with_the_schema_that_cohere_demands() -> None:
    assert "parameters" not in CLOCK["function"]
    assert written(ask(tools=[CLOCK]))[0]["tools"][0]["function"]["parameters"] == NO_PARAMETERS


def test_strict_tools_are_those_that_need_something() -> None:
    """Cohere docs, "Structured outputs": tools with only optional parameters are not supported in this mode."""
    strict = {**WEATHER, "function": {**WEATHER["function"], "strict": True}}
    found = written(ask(HELLO, tools=[strict, TIMER]))
    assert ("strict_tools" in found[0], found[1]) == (False, ("tools[0].function.strict",))
    own = {"type": "web_search"}
    assert written(ask(HELLO, tools=[own, strict, TIMER]))[1] == ("tools[0]", "tools[1].function.strict")
    assert written(ask(HELLO, tools=[strict, TIMER], strict_tools=True))[0]["strict_tools"] is True


def test_every_token_may_come() -> None:
    assert written(ask(HELLO, top_p=1))[0]["p"] == 0.99
    assert written(ask(HELLO, top_p=0.995))[0]["p"] == 0.995
