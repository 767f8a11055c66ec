"""What is said to the model alone: read where others have words for it, named by its place otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from converse_caller import asked, refused
from penstock.core.chat import Format, NativeTool, Reasoning, ToolChoice
from penstock.dialects.bedrock.caller.model_fields import FIELDS

FORM = {"type": "json_schema", "schema": {"type": "object"}}


def fields(**given: Any) -> Any:
    return asked(**{FIELDS: given})


@pytest.mark.parametrize(
    ("given", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, (2000, True, "")),
        ({"reasoning_config": {"type": "enabled", "budget_tokens": 1024}}, (1024, True, "")),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, (None, True, "high")),
        ({"thinking": {"type": "disabled"}}, (None, False, "")),
    ],
)
def test_claudes_thinking(given: Any, reasoning: tuple[Any, ...]) -> None:
    found = fields(**given).parameters["reasoning"]
    assert (found.budget, found.enabled, found.effort) == reasoning
    assert found.native is not None


def test_the_effort_of_others() -> None:
    nova = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}
    assert fields(**nova).parameters["reasoning"] == Reasoning("low")
    assert fields(reasoningConfig={"type": "disabled"}).parameters["reasoning"] == Reasoning(enabled=False)
    assert fields(reasoning_effort="high").parameters["reasoning"] == Reasoning("high")


def test_sampling_tools_and_the_rest() -> None:
    found = fields(
        top_k=5,
        anthropic_beta=["x"],
        tools=[{"type": "bash_20250124", "name": "bash"}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        messages="odd",
    )
    tools = found.parameters.pop("tools")
    assert [type(tool) for tool in tools] == [NativeTool]
    assert found.parameters == {
        "top_k": 5,
        "anthropic_beta": ["x"],
        "parallel_tool_calls": False,
        "tool_choice": ToolChoice("auto"),
        f"{FIELDS}.messages": "odd",
    }
    assert fields(inferenceConfig={"topK": 3}).parameters == {"top_k": 3}


def test_words_of_other_makers_that_claude_has_objects_for_keep_their_names() -> None:
    words = {f"{FIELDS}.tool_choice": "auto", f"{FIELDS}.output_format": "json"}
    assert fields(tool_choice="auto", output_format="json").parameters == words
    both = fields(output_format="json", output_config={"format": FORM}).parameters
    assert both["response_format"] == Format("json_schema", "", "", b'{"type": "object"}')
    assert fields(tool_choice={"disable_parallel_tool_use": True}).parameters == {"parallel_tool_calls": False}
    assert fields(tool_choice={}).parameters == {}


@pytest.mark.parametrize("given", [{"output_config": {"format": FORM}}, {"output_format": FORM}])
def test_the_form_of_claudes_answer(given: Any) -> None:
    """As Vercel's AI SDK asks Claude at Bedrock for an object."""
    found = fields(**given)
    assert found.parameters == {"response_format": Format("json_schema", "", "", b'{"type": "object"}')}
    place = "output_config.format" if "output_config" in given else "output_format"
    assert found.wording.names["response_format"] == f"{FIELDS}.{place}"


def test_a_form_of_converses_own_wins() -> None:
    own = {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}", "name": "n"}}}
    found = asked(outputConfig={"textFormat": own}, **{FIELDS: {"output_config": {"format": FORM}}})
    assert found.parameters["response_format"].name == "n"


def test_the_choice_of_tools_of_claudes_own() -> None:
    found = fields(tools=[{"type": "bash_20250124", "name": "bash"}], tool_choice={"type": "tool", "name": "bash"})
    assert found.parameters["tool_choice"] == ToolChoice("required", ("bash",))
    own = asked(toolConfig={"tools": [], "toolChoice": {"auto": {}}}, **{FIELDS: {"tool_choice": {"type": "any"}}})
    assert own.parameters["tool_choice"] == ToolChoice("auto")


def test_nothing_of_an_object_that_is_read_is_lost() -> None:
    found = fields(output_config={"effort": "low", "task_budget": {"total": 5}}, inferenceConfig={"topK": 3, "x": 1})
    assert found.parameters == {
        "reasoning": Reasoning("low"),
        "output_config": {"task_budget": {"total": 5}},
        "top_k": 3,
        f"{FIELDS}.inferenceConfig.x": 1,
    }


def test_thoughts_may_be_wanted_without_their_text() -> None:
    assert fields(thinking={"type": "adaptive", "display": "omitted"}).hides_thinking
    assert not fields(thinking={"type": "adaptive"}).hides_thinking


def test_what_is_wrong_is_named() -> None:
    assert refused(**{FIELDS: []}).param == FIELDS
    assert refused(**{FIELDS: {"top_k": "x"}}).param == f"{FIELDS}.top_k"
    assert refused(**{FIELDS: {"output_config": {"format": {}}}}).param == f"{FIELDS}.output_config.format"
    assert refused(**{FIELDS: {"tool_choice": {"type": "x"}}}).param == f"{FIELDS}.tool_choice"
