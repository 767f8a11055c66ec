"""IBM watsonx.ai: OpenAI's chat under other names."""

import json
from typing import Any

import pytest

from matrix import HELLO, MATRIX, SHELL, WEATHER, ask, called, result, user
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, Extra, Fail, Start, Stop, Text, ToolArgs, ToolStart
from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.watsonx import DIALECT

OPTIONS = {"watsonx_project_id": "p-1"}
GOAL = WriteContext("ibm/granite-4-h-small", options=OPTIONS)
HEAD = {"model_id": "ibm/granite-4-h-small", "project_id": "p-1"}


def write(row: dict[str, Any], context: WriteContext = GOAL) -> Payload | Failure:
    request = openai_request.read(json.dumps(row).encode())
    assert isinstance(request, ChatRequest)
    return DIALECT.write(request, context)


def written(row: dict[str, Any], context: WriteContext = GOAL) -> tuple[dict[str, Any], tuple[str, ...]]:
    payload = write(row, context)
    assert isinstance(payload, Payload)
    return json.loads(payload.body), payload.dropped


def told(*messages: Any, **parameters: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [HELLO], **parameters}


def same(name: str) -> dict[str, Any]:
    return {each: value for each, value in MATRIX[name].items() if each not in {"model", "stream", "stream_options"}}


FILE = (told(user("Sum up.")), ("messages[0].content[1]",))
TOOLS = {"tools": [WEATHER]}
CALLED = told(*MATRIX["one_call"]["messages"], **TOOLS)

# fmt: off
CHANGED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "developer": (same("system"), ()),
    "system_parts": (told({"role": "system", "content": "Be brief.Be kind."}, HELLO), ()),
    "refused_before": (told(HELLO, {"role": "assistant", "content": "I can't."}, user("Why?")), ()),
    "pdf_in_image_url": FILE, "file_data": FILE, "file_url": FILE, "file_id": FILE,
    "file_text": (told(user("Sum up.")), ("messages[0].content[0]",)),
    "unknown_part": (told(user("See.")), ("messages[0].content[1]",)),
    "choice_auto": (told(**TOOLS, tool_choice_option="auto"), ()),
    "choice_none": (told(**TOOLS, tool_choice_option="none"), ()),
    "choice_required": (told(**TOOLS, tool_choice_option="required"), ()),
    "choice_allowed": (same("choice_named"), ()),
    "not_parallel": (told(**TOOLS), ("parallel_tool_calls",)),
    "parallel": (told(**TOOLS), ()),
    "result_parts": (told(*MATRIX["one_call"]["messages"][:2], result("call_1", "Sunny and warm"), **TOOLS), ()),
    "result_image": (told(*MATRIX["one_call"]["messages"][:2], result("call_1", "A map:"), **TOOLS), ("messages[2].content[1]",)),
    "arguments_empty": (told(HELLO, called({"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}), result("call_2", "9"), tools=MATRIX["arguments_empty"]["tools"]), ()),
    "legacy_functions": (told(**TOOLS, tool_choice_option="auto"), ()),
    "native_tool": (told(), ("tools[0]",)),
    "custom_tool": (told(tools=[{"type": "function", "function": SHELL}]), ()),
    "format_text": (told(), ()),
    "top_k": (told(), ("top_k",)),
    "stop_string": (told(stop=["END"]), ()),
    "modalities_audio": (told(), ("modalities", "audio")),
    "prediction": (told(), ("prediction",)),
    "effort_none": (told(), ("reasoning_effort",)),
    "thinking": (told(max_tokens=4096), ("thinking",)),
    "thinking_off": (told(), ("thinking",)),
    "reasoning_before": (told(HELLO, {"role": "assistant", "content": "Hi"}, user("And?")), ()),
    "signed_by_anthropic": (CALLED, ("messages.reasoning_details",)),
    "signed_by_google": (CALLED, ("messages.reasoning_details",)),
    "redacted_by_anthropic": (told(HELLO, {"role": "assistant", "content": "Hi"}, user("And?")), ("messages.reasoning_details",)),
    "user": (told(), ("user",)),
    "metadata": (told(), ("metadata",)),
    "store": (told(), ("store",)),
    "service_tier": (told(), ("service_tier",)),
    "unknown_parameter": (told(), ("frobnicate",)),
    "cache_system": (told({"role": "system", "content": "A long text."}, HELLO), ("messages[0].content[0].cache_control",)),
    "cache_user": (told(user({"type": "text", "text": "A long text."}, {"type": "text", "text": "A question."})), ("messages[0].content[0].cache_control",)),
    "cache_tool": (told(**TOOLS), ("tools[0].cache_control",)),
    "cache_message": (told(user("A long text.")), ("messages[0].content[0].cache_control",)),
}
# fmt: on


@pytest.mark.parametrize("name", MATRIX)
def test_requests(name: str) -> None:
    body, dropped = CHANGED.get(name, (same(name), ()))
    assert written(MATRIX[name]) == ({**HEAD, **body}, dropped)


def test_its_own_parameters_are_passed_on() -> None:
    own = {
        "time_limit": 1000,
        "guided_choice": ["a"],
        "include_reasoning": False,
        "chat_template_kwargs": {"thinking": True},
    }
    assert written(ask(**own)) == ({**HEAD, **told(**own)}, ())


def test_a_space_pays_as_well() -> None:
    assert written(ask(), WriteContext("m", options={"watsonx_space_id": "s-1"})) == (
        {"model_id": "m", "space_id": "s-1", **told()},
        (),
    )


def test_a_deployment_names_its_model_and_payer_itself() -> None:
    assert written(ask(), WriteContext("d-1", variant="deployment")) == (told(), ())


def test_nobody_pays() -> None:
    failure = write(ask(), WriteContext("m"))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "x-portkey-watsonx-project-id")


# Replies. How OpenAI's shape is read is tested in openai/provider/test_reply.py.

CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model_id": "ibm/granite",
    "model": "ibm/granite",
    "created": 1749764735,
}
USAGE = {"completion_tokens": 49, "prompt_tokens": 319, "total_tokens": 368}


def streamed(*chunks: Any) -> list[Event]:
    data = b"".join(
        b"id: %d\nevent: message\ndata: %b\n\n" % (n, json.dumps(chunk).encode()) for n, chunk in enumerate(chunks, 1)
    )
    reader = DIALECT.reader(GOAL)
    return [
        *(event for start in range(0, len(data), 11) for event in reader.feed(data[start : start + 11])),
        *reader.finish(),
    ]


def test_a_stream_ends_without_a_word() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "sum", "arguments": ""}}
    more = {"index": 0, "function": {"name": "", "arguments": "{}"}}
    found = streamed(
        {
            **CHUNK,
            "choices": [{"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": ""}}],
            "system": {"warnings": [1]},
        },
        {**CHUNK, "choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Well"}}]},
        {**CHUNK, "choices": [{"index": 0, "finish_reason": None, "delta": {"tool_calls": [call]}}]},
        {**CHUNK, "choices": [{"index": 0, "finish_reason": "tool_calls", "delta": {"tool_calls": [more]}}]},
        {**CHUNK, "choices": [], "usage": USAGE},
    )
    assert found == [
        Start("chatcmpl-1", "ibm/granite", 1749764735),
        Extra("system", {"warnings": [1]}),
        Text("Well"),
        ToolStart(0, "sum", "c1"),
        ToolArgs("{}", 0),
        Stop("tool_calls", "tool_calls"),
        Usage(319, 49, 368, native=USAGE),
    ]


def test_a_time_limit_cuts_the_answer() -> None:
    assert streamed({**CHUNK, "choices": [{"delta": {"content": "We"}, "finish_reason": "time_limit"}]})[-1] == Stop(
        "length", "time_limit"
    )


def test_an_error_in_the_stream() -> None:
    (fail,) = streamed(
        {"errors": [{"code": "downstream_request_failed", "message": "It broke."}], "trace": "t", "status_code": 500}
    )
    assert isinstance(fail, Fail)
    assert (fail.message, fail.status) == ("Error downstream_request_failed: It broke.", 500)


def test_a_whole_reply() -> None:
    body = {
        **CHUNK,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "model_version": "4.0.0",
        "usage": USAGE,
    }
    assert DIALECT.read_reply(json.dumps(body).encode(), GOAL) == [
        Start("chatcmpl-1", "ibm/granite", 1749764735),
        Text("Hi"),
        Stop("stop", "stop"),
        Extra("model_version", "4.0.0"),
        Usage(319, 49, 368, native=USAGE),
    ]
