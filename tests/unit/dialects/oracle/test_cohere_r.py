"""Requests in Oracle's shape for Command R."""

from typing import Any

import pytest

from matrix import MATRIX, SCHEMA, ask
from oracle_wire import COMMAND_A, COMMAND_R, LLAMA, MARKED, OPTIONS, SECOND, chat, write
from penstock.core.failure import Failure, Kind
from penstock.dialects.dialect import WriteContext

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
