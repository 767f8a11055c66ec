"""Functions among the tools, where dialects agree: which can be said, which are chosen, what their schemas lack."""

import json

import msgspec
import pytest

from penstock.core.chat import ChatRequest, NativeTool, Tool, ToolChoice
from penstock.core.failure import Failure
from penstock.core.parameters import Parameters
from penstock.dialects.function_tools import described, object_schema, take_functions, unknown_choice

SCHEMA = b'{"type":"object","properties":{"n":{"maximum":12345678901234567890123}}}'


def test_only_functions_are_taken_and_the_rest_is_named() -> None:
    odd = Tool("g", strict=True, cache={"type": "ephemeral"}, extras={"input_examples": [1]})
    tools = (Tool("f"), NativeTool("search", {"type": "search"}), odd)
    parameters = Parameters(ChatRequest("m", (), {"tools": tools}))
    assert [tool.name for tool in take_functions(parameters)] == ["f", "g"]
    lost = ["function.strict", "cache_control", "input_examples"]
    assert parameters.dropped() == ("tools[1]", *(f"tools[2].{name}" for name in lost))


def test_a_dialect_that_can_be_strict_loses_nothing() -> None:
    parameters = Parameters(ChatRequest("m", (), {"tools": (Tool("f", strict=True),)}))
    take_functions(parameters, strict=True)
    assert parameters.dropped() == ()


def test_a_choice_of_what_is_not_offered_fails() -> None:
    failure = unknown_choice(ToolChoice("required", ("f", "g")), ["f"])
    assert isinstance(failure, Failure)
    assert (failure.param, "'g'" in failure.message) == ("tool_choice", True)
    assert unknown_choice(ToolChoice("required", ("f",)), ["f"]) is None
    assert unknown_choice(None, []) is None


def test_a_function_is_described_with_its_schemas_bytes() -> None:
    assert described(Tool("f", "Does it", SCHEMA)) == {
        "name": "f",
        "description": "Does it",
        "parameters": msgspec.Raw(SCHEMA),
    }
    assert list(described(Tool("f"))) == ["name", "parameters"]


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (b"", {"type": "object", "properties": {}}),
        (b'{"properties":{}}', {"type": "object", "properties": {}}),
        (b'{"type":"array"}', {"type": "array"}),
    ],
)
def test_a_schema_has_a_type(parameters: bytes, schema: dict[str, object]) -> None:
    assert json.loads(object_schema(parameters)) == schema


def test_a_schema_with_a_type_keeps_its_bytes() -> None:
    assert object_schema(SCHEMA) == SCHEMA
