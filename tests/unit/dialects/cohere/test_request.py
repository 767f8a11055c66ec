"""Cohere's dialect: every request of the matrix as Cohere documents it, and replies, whole and streamed, as events."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import (
    CLOCK,
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PIXEL,
    SCHEMA,
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
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
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
from penstock.dialects.cohere import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.framing import sse
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
    "custom_tool": (told(), ("tools[0]",)),
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
    "signed_by_anthropic": (told(HELLO, calls(WEATHER_CALL), RESULT, **TOOLS), ()),
    "redacted_by_anthropic": (told(HELLO, said("Hi"), user("And?")), ()),
    "signed_by_google": (told(HELLO, calls(WEATHER_CALL), RESULT, **TOOLS), ()),
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


# Replies.


def event(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def delta(kind: str, index: int | None = None, **message: Any) -> bytes:
    where = {} if index is None else {"index": index}
    return event(kind, **where, delta={"message": message})


def content(index: int, **block: Any) -> bytes:
    return delta("content-start" if "type" in block else "content-delta", index, content=block)


def stream(*events: bytes, end: bytes | None = None) -> bytes:
    start = event("message-start", id="reply-1", delta={"message": {"role": "assistant", "content": []}})
    end = event("message-end", delta={"finish_reason": "COMPLETE", "usage": USAGE}) if end is None else end
    return b"".join([start, *events, end, b"data: [DONE]\n\n"])


def streamed(data: bytes, cuts: list[int] | None = None) -> list[Event]:
    reader = DIALECT.reader(GOAL)
    marks = [0, *sorted(cuts or []), len(data)]
    found = [event for a, b in itertools.pairwise(marks) for event in reader.feed(data[a:b])]
    return [*found, *reader.finish()]


def whole(message: Any, reason: str = "COMPLETE", **members: Any) -> list[Event]:
    reply = {"id": "reply-1", "message": message, "finish_reason": reason, "usage": USAGE, **members}
    return DIALECT.read_reply(json.dumps(reply).encode(), GOAL)


USAGE: dict[str, Any] = {
    "billed_units": {"input_tokens": 98, "output_tokens": 35},
    "tokens": {"input_tokens": 1508.0, "output_tokens": 67, "reasoning_tokens": 12},
    "cached_tokens": 1472,
}
TOKENS = Usage(1508, 67, 1575, 1472, reasoning=12, native=USAGE)
END: list[Event] = [TOKENS, Stop("stop", "COMPLETE")]

CITED = {
    "start": 0,
    "end": 4,
    "text": "Ruby",
    "sources": [
        {"type": "tool", "id": "search_1:0", "tool_output": {"content": "Ruby"}},
        {"type": "document", "id": "doc:0", "document": {"url": "https://example.com/ruby", "title": "Ruby"}},
    ],
    "type": "TEXT_CONTENT",
    "content_index": 1,
}
RUBY = Citation(CITED, "https://example.com/ruby", "Ruby", 0, 4, block=1)

# docs/quirks.md#q67: no content at all in a turn with tool calls, its prose is the plan. docs/quirks.md#q68: ids as Cohere makes them.
# docs/quirks.md#q70: in streams ``tool_calls`` is an object, and one call comes after the other.
PLANNED = stream(
    delta("tool-plan-delta", tool_plan="I will"),
    delta("tool-plan-delta", tool_plan=" roll."),
    delta("tool-call-start", 0, tool_calls={"id": "roll_x9", "type": "function", "function": {"name": "roll", "arguments": ""}}),
    delta("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"n":'}}),
    delta("tool-call-delta", 0, tool_calls={"function": {"arguments": "2}"}}),
    event("tool-call-end", index=0),
    delta("tool-call-start", 1, tool_calls={"id": "roll_8t", "type": "function", "function": {"name": "roll", "arguments": "{"}}),
    delta("tool-call-delta", 1, tool_calls={"function": {"arguments": "}"}}),
    event("tool-call-end", index=1),
    end=event("message-end", delta={"finish_reason": "TOOL_CALL", "usage": USAGE}),
)  # fmt: skip
PLANNED_MESSAGE = {
    "role": "assistant",
    "tool_plan": "I will roll.",
    "tool_calls": [
        {"id": "roll_x9", "type": "function", "function": {"name": "roll", "arguments": '{"n":2}'}},
        {"id": "roll_8t", "type": "function", "function": {"name": "roll", "arguments": "{}"}},
    ],
}
# docs/quirks.md#q71: thinking is block 0, text block 1; citations come while text is still streaming.
CITING = stream(
    content(0, type="thinking", thinking=""),
    content(0, thinking="By "),
    content(0, thinking="whom?"),
    event("content-end", index=0),
    content(1, type="text", text=""),
    content(1, text="Ruby"),
    delta("citation-start", 0, citations=CITED),
    event("citation-end", index=0),
    content(1, text=" — Matz."),
    event("content-end", index=1),
)
CITING_MESSAGE = {
    "role": "assistant",
    "content": [{"type": "thinking", "thinking": "By whom?"}, {"type": "text", "text": "Ruby — Matz."}],
    "citations": [CITED],
}


def joined(events: list[Event]) -> Any:
    """What events come to: the reply, its text in one piece a block."""
    reply = collect(events)
    for choice in reply.choices.values():
        for number, block in choice.blocks.items():
            texts = "".join(each.text for each in block if isinstance(each, Text | Thinking))
            kinds = {type(each) for each in block if isinstance(each, Text | Thinking)}
            rest = [each for each in block if not isinstance(each, Text | Thinking)]
            choice.blocks[number] = [*(kind(texts, block=number) for kind in kinds), *rest]
    return reply


def test_a_plan_is_text_before_the_calls() -> None:
    assert streamed(PLANNED) == [
        Start("reply-1"),
        Text("I will"),
        Text(" roll."),
        ToolStart(0, "roll", "roll_x9"),
        ToolArgs('{"n":', 0),
        ToolArgs("2}", 0),
        ToolStart(1, "roll", "roll_8t"),
        ToolArgs("{", 1),
        ToolArgs("}", 1),
        TOKENS,
        Stop("tool_calls", "TOOL_CALL"),
    ]
    assert joined(whole(PLANNED_MESSAGE, "TOOL_CALL")) == joined(streamed(PLANNED))


def test_thinking_text_and_citations_are_blocks() -> None:
    assert streamed(CITING) == [
        Start("reply-1"),
        Thinking("By "),
        Thinking("whom?"),
        Text("Ruby", block=1),
        RUBY,
        Text(" — Matz.", block=1),
        *END,
    ]
    assert joined(whole(CITING_MESSAGE)) == joined(streamed(CITING))


@pytest.mark.parametrize("data", [PLANNED, CITING], ids=["planned", "citing"])
def test_any_cut_gives_the_same_events(data: bytes) -> None:
    expected = streamed(data)
    assert all(streamed(data, [cut]) == expected for cut in range(len(data) + 1))
    assert streamed(data, list(range(len(data)))) == expected
    assert streamed(data.replace(b"\n", b"\r\n"), list(range(len(data)))) == expected


@pytest.mark.parametrize(
    ("cited", "expected"),
    [
        ({"start": 2, "end": 4, "type": "TEXT_CONTENT", "content_index": 3}, (8, 10, 3)),
        ({"start": 2, "end": 4, "type": "TEXT_CONTENT"}, (2, 4, 1)),
        ({"start": 2, "end": 4, "type": "THINKING_CONTENT", "content_index": 0}, (None, None, 0)),
        ({"start": 1, "end": 3, "type": "PLAN"}, (15, 17, 4)),
        ({"start": 1, "end": 3, "type": "TEXT_CONTENT", "content_index": 9}, (None, None, 0)),
        ({}, (None, None, 1)),
    ],
)
def test_offsets_count_within_a_block_and_are_told_within_the_whole_text(
    cited: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm"},
        {"type": "text", "text": "One 🙂 "},
        {"type": "audio", "audio": "x"},
        {"type": "text", "text": "and two "},
    ]
    message = {"content": blocks, "tool_plan": "Plan"}
    found = [event for event in whole({**message, "citations": [cited]}) if isinstance(event, Citation)]
    assert [(each.start, each.end, each.block) for each in found] == [expected]


# docs/quirks.md#q69: what was billed is less than what was read.
@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, [TOKENS]),
        ({"billed_units": {"input_tokens": 9, "output_tokens": 2}}, [Usage(9, 2, 11)]),
        ({"tokens": {"input_tokens": 9}}, [Usage(9)]),
        ({"tokens": {"input_tokens": 1.5, "output_tokens": True}, "cached_tokens": "3"}, [Usage()]),
        ({}, []),
        (None, []),
        ([1], []),
    ],
)
def test_usage(usage: Any, expected: list[Usage]) -> None:
    found = [event for event in whole({"content": "Hi"}, usage=usage) if isinstance(event, Usage)]
    assert found == [msgspec.structs.replace(each, native=usage) for each in expected]


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("TIMEOUT", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_finish_reasons(native: str, reason: str) -> None:
    assert whole({"content": "Hi"}, native)[-1] == Stop(reason, native)
    end = event("message-end", delta={"finish_reason": native})
    assert streamed(stream(end=end)) == [Start("reply-1"), Stop(reason, native)]


def test_an_error_at_the_end_is_a_failure_after_what_was_counted() -> None:
    end = event("message-end", delta={"finish_reason": "ERROR", "error": "No GPU.", "usage": USAGE})
    *before, fail = streamed(stream(content(0, text="Hi"), end=end))
    assert before == [Start("reply-1"), Text("Hi"), TOKENS]
    assert isinstance(fail, Fail)
    assert (fail.message, fail.type, fail.broken) == ("No GPU.", "ERROR", False)
    assert json.loads(fail.raw)["delta"]["error"] == "No GPU."
    silent = whole({"content": "Hi"}, "ERROR")[-1]
    assert isinstance(silent, Fail)
    assert silent.message


# docs/quirks.md#q72: an error has no ``error`` member.
def test_an_error_in_coheres_shape() -> None:
    error = {"error_type": "TOO_MANY_TOKENS", "id": "e-1", "message": "too many tokens"}
    data = json.dumps(error).encode()
    expected = [Fail("too many tokens", type="TOO_MANY_TOKENS", raw=data)]
    assert DIALECT.read_reply(data, GOAL) == expected
    assert streamed(b"data: " + data + b"\n\ndata: 1\n\n") == expected


def test_log_probabilities() -> None:
    items = [
        {"text": "He", "token_ids": [1], "logprobs": [-0.5]},
        {"text": "llo!", "token_ids": [2, 3], "logprobs": [-0.25, -0.5]},
        {"text": "", "token_ids": [4]},
    ]
    tokens: tuple[dict[str, Any], ...] = tuple(
        {"token": token, "logprob": number, "bytes": None, "top_logprobs": []}
        for token, number in (("He", -0.5), ("llo!", -0.75))
    )
    assert Logprobs(tokens) in whole({"content": "Hello!"}, logprobs=items)
    piece = event("content-delta", index=0, delta={"message": {"content": {"text": "He"}}}, logprobs=items[0])
    assert streamed(stream(piece))[1:3] == [Text("He"), Logprobs(tokens[:1])]


def test_what_nobody_knows_is_kept() -> None:
    debug = event("debug", prompt="<BOS>")
    block = {"type": "audio", "audio": "x"}
    unnamed = b"data: {}\n\n"
    found = streamed(stream(debug, content(0, **block), unnamed))
    assert found == [Start("reply-1"), Extra("debug", {"type": "debug", "prompt": "<BOS>"}), Foreign(block), *END]
    named = streamed(stream(b'event: content-delta\ndata: {"delta":{"message":{"content":{"text":"Hi"}}}}\n\n'))
    assert named == [Start("reply-1"), Text("Hi"), *END]


@pytest.mark.parametrize(
    "data",
    [
        PLANNED[: PLANNED.index(b"event: message-end")],
        b"",
        b"data: [DONE]\n\n",
        stream(b"data: {garbage\n\n"),
        stream(b"data: [1]\n\n"),
        stream(delta("tool-call-delta", 0, tool_calls={"function": {"arguments": "{}"}})),
        stream(event("tool-call-delta")),
    ],
)
def test_a_stream_that_breaks_off_or_holds_garbage_fails_as_broken(data: bytes) -> None:
    *_, last = streamed(data)
    assert isinstance(last, Fail)
    assert last.broken
    assert sum(isinstance(event, Fail) for event in streamed(data, [5, 9])) == 1


def test_a_stream_that_lacks_only_its_last_empty_line_is_whole() -> None:
    assert streamed(stream(content(0, text="Hi")).removesuffix(b"\n\ndata: [DONE]\n\n"))[1:] == [Text("Hi"), *END]


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 100)
    reader = DIALECT.reader(GOAL)
    assert reader.feed(b"data: ") == []
    [fail] = reader.feed(b"x" * 200)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert reader.feed(b"\n\n") == reader.finish() == []


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"\xff", b"{}", b'{"message":3}'])
def test_a_whole_reply_that_is_none_fails(data: bytes) -> None:
    [fail] = DIALECT.read_reply(data, GOAL)
    assert isinstance(fail, Fail)
    assert fail.broken
    assert fail.raw == data


# Whatever comes, events come of it.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MESSAGES = [
    {"type": "message-start", "id": "reply-1"},
    *(json.loads(block.split(b"data: ")[1]) for data in (PLANNED, CITING) for block in data.split(b"\n\n")[:-2]),
    {
        "id": "reply-1",
        "message": {**PLANNED_MESSAGE, **CITING_MESSAGE},
        "usage": USAGE,
        "logprobs": [{"logprobs": [1]}],
    },
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in keys for place in places(inner, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_in_place_of_any_member_is_read(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(MESSAGES))
    broken = replaced(message, data.draw(st.sampled_from(places(message))), data.draw(JSON))
    text = json.dumps(broken).encode()
    collect(DIALECT.read_reply(text, GOAL))
    collect(streamed(PLANNED[:500].rpartition(b"event:")[0] + b"data: " + text + b"\n\n"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(CITING)))
def test_any_bytes_are_read(garbage: bytes, place: int) -> None:
    collect(DIALECT.read_reply(garbage, GOAL))
    found = streamed(CITING[:place] + garbage + CITING[place:])
    assert isinstance(found[-1], Fail | Stop)


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
