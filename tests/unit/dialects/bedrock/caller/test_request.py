"""A request of Converse, read whole: parameters by OpenAI's names, everything else by its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converse_caller import asked, read, refused
from penstock.core.chat import ChatRequest, Format, Reasoning, ToolChoice
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.members import RESPONSE_FIELDS
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.registry import DIALECTS

SCHEMA = '{"type": "object"}'


def test_what_samples_and_limits_has_openais_names() -> None:
    config = {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"], "other": 1}
    assert asked(inferenceConfig=config).parameters == {
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["x"],
        "inferenceConfig.other": 1,
    }


def test_a_configs_limit_counts_in_place_of_the_callers() -> None:
    assert asked(inferenceConfig={"maxTokens": 9}, max_tokens=5).parameters == {"max_tokens": 5}


def test_the_form_of_the_answer_and_the_effort() -> None:
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": SCHEMA, "name": "n"}}}
    found = asked(outputConfig={"textFormat": form, "effort": "low"}).parameters
    assert found["response_format"] == Format("json_schema", "n", "", SCHEMA.encode())
    assert found["reasoning"] == Reasoning("low")


def test_tools_and_the_choice() -> None:
    tools = [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]
    found = asked(toolConfig={"tools": tools, "toolChoice": {"tool": {"name": "f"}}}).parameters
    assert [tool.name for tool in found["tools"]] == ["f"]
    assert found["tool_choice"] == ToolChoice("required", ("f",))
    fields = {"tools": [{"type": "bash_20250124", "name": "bash"}]}
    found = asked(toolConfig={"tools": tools}, additionalModelRequestFields=fields).parameters
    assert [tool.path for tool in found["tools"]] == ["", "additionalModelRequestFields.tools[0]"]


def test_what_is_about_the_request() -> None:
    found = asked(serviceTier={"type": "flex"}, requestMetadata={"a": "b"}, performanceConfig={"latency": "optimized"})
    assert found.parameters == {
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "performanceConfig": {"latency": "optimized"},
    }


def test_the_stop_sequence_is_told_who_asks() -> None:
    found = asked(**{RESPONSE_FIELDS: ["/stop_sequence"]})
    assert json.loads(found.echo.members[RESPONSE_FIELDS]) == ["/stop_sequence"]
    assert found.parameters == {}
    assert RESPONSE_FIELDS in asked(**{RESPONSE_FIELDS: ["/other"]}).parameters


@pytest.mark.parametrize("name", ["guardrailConfig", "promptVariables"])
def test_what_only_bedrock_keeps_is_refused(name: str) -> None:
    failure = refused(**{name: {"a": "b"}})
    assert (failure.status, failure.param) == (400, name)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"inferenceConfig": {"maxTokens": "9"}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": []}, "inferenceConfig"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"outputConfig": {"textFormat": {"type": "json_schema"}}}, "outputConfig.textFormat"),
        ({"serviceTier": {"type": 1}}, "serviceTier.type"),
        ({"toolConfig": 1}, "toolConfig"),
        ({"response_format": {}}, "response_format"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], param: str) -> None:
    assert refused(**members).param == param


def dropped(name: str = "openai_chat", **members: Any) -> tuple[str, ...]:
    request = read(**members)
    assert isinstance(request, ChatRequest), request
    payload = DIALECTS[name].write(request, WriteContext("gpt-4o", "openai"))
    assert isinstance(payload, Payload), payload
    return payload.dropped


def test_what_is_dropped_has_the_callers_names() -> None:
    text = {"text": "a"}
    assert dropped(
        messages=[{"role": "user", "content": [text, {"guardContent": {"text": text}}, text, {"cachePoint": {"type": "default"}}]}],
        performanceConfig={"latency": "optimized"},
        additionalModelRequestFields={"top_k": 5, "mystery": 1},
    ) == (
        "additionalModelRequestFields.top_k",
        "additionalModelRequestFields.mystery",
        "performanceConfig",
        "messages[0].content[1]",
        "cachePoint",
    )  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        "text image document toolUse toolResult toolUseId name input content role source bytes format json cachePoint "
        "reasoningContent reasoningText signature redactedContent toolSpec tools inputSchema toolChoice any auto tool "
        "type guardContent thinking top_k searchResult citationsContent maxTokens stopSequences".split()
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
MEMBERS = st.dictionaries(
    st.sampled_from(
        "messages system toolConfig inferenceConfig outputConfig additionalModelRequestFields requestMetadata "
        "serviceTier additionalModelResponseFieldPaths performanceConfig max_tokens".split()
    ),
    JSON,
    max_size=4,
)


@given(MEMBERS)
def test_any_json_is_read_wholed(members: dict[str, Any]) -> None:
    request = read(**members)
    if isinstance(request, Failure):
        assert request.status == 400
        return
    assert isinstance(request, ChatRequest)
    for name in ("openai_chat", "anthropic", "responses", "gemini", "cohere", "ollama"):
        assert isinstance(DIALECTS[name].write(request, WriteContext("m", "unit")), Payload | Failure)
