"""A request read whole: parameters under the names of chat completions, what is named, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Format, Reasoning
from penstock.core.failure import Kind
from penstock.core.json_text import write_json
from penstock.dialects.responses.caller.request import read_request
from responses_wire import FUNCTION, read, refused, written

SCHEMA = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}


def test_parameters_take_the_names_of_chat_completions() -> None:
    request = read(
        max_output_tokens=9,
        temperature=0.5,
        text={"format": SCHEMA, "verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto"},
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        tools=[FUNCTION],
        tool_choice="auto",
        stream=True,
        stream_options={"include_obfuscation": False},
        store=False,
        background=False,
        truncation="disabled",
    )
    parameters = dict(request.parameters)
    assert [tool.name for tool in parameters.pop("tools")] == ["f"]
    assert parameters.pop("tool_choice").mode == "auto"
    assert parameters == {
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "response_format": Format("json_schema", "n", "", b'{"type": "object"}', True),
        "verbosity": "low",
        "reasoning": Reasoning("high"),
        "logprobs": True,
    }
    assert request.stream


def test_a_whole_number_may_have_a_point() -> None:
    assert repr(read(max_output_tokens=10.0).parameters["max_completion_tokens"]) == "10"


def test_what_is_lost_is_named_in_the_callers_words() -> None:
    _, dropped = written(
        "anthropic",
        "claude-sonnet-4-5",
        store=True,
        truncation="auto",
        max_tool_calls=3,
        include=["file_search_call.results"],
        text={"verbosity": "low", "new": 1},
        reasoning={"effort": "low", "context": "all"},
        context_management=[{"type": "compaction"}],
        client_metadata={"a": "b"},
        brand_new=1,
        tools=[{"type": "custom", "name": "x", "format": {"type": "grammar", "syntax": "lark", "definition": "G"}}],
    )
    assert sorted(dropped) == [
        "brand_new",
        "context_management",
        "include",
        "max_tool_calls",
        "reasoning.context",
        "store",
        "text.new",
        "text.verbosity",
        "tools[0].format",
        "truncation",
    ]


@pytest.mark.parametrize(
    ("reasoning", "hides"),
    [
        ({"effort": "low", "summary": None}, True),
        ({"effort": "low"}, False),
        ({"effort": "low", "summary": "auto"}, False),
        ({"effort": "low", "summary": None, "generate_summary": "concise"}, False),
        (None, False),
    ],
)
def test_who_wants_to_see_thoughts(reasoning: Any, hides: bool) -> None:
    assert read(reasoning=reasoning).hides_thinking is hides


@pytest.mark.parametrize(
    ("name", "value"),
    [("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("prompt", {"id": "p"}), ("background", True)],
)
def test_what_another_host_keeps_is_refused(name: str, value: Any) -> None:
    failure = refused(**{name: value})
    assert (failure.kind, failure.param) == (Kind.UNSUPPORTED_OPERATION, name)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"instructions": 5}, "instructions"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"text": 5}, "text"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"text": {"verbosity": 5}}, "text.verbosity"),
        ({"reasoning": 5}, "reasoning"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"include": "x"}, "include"),
        ({"messages": []}, "messages"),
        ({"tool_choice": 5}, "tool_choice"),
    ],
)
def test_members_of_the_wrong_form(members: dict[str, Any], param: str) -> None:
    assert refused(**members).param == param


def test_what_the_response_repeats() -> None:
    echo = read(instructions="Be brief.", tools=[FUNCTION], reasoning={"effort": "low"}, text={"verbosity": "low"}).echo
    assert echo.members["instructions"] == b'"Be brief."'
    assert echo.members["reasoning"] == b'{"effort":"low","summary":null}'
    assert echo.members["text"] == b'{"format":{"type":"text"},"verbosity":"low"}'
    assert "model" not in echo.members


def test_a_log_probability_for_each_alternative() -> None:
    assert read(top_logprobs=3).parameters["logprobs"] is True


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=6)
    | st.sampled_from(["message", "function_call"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("type role content name call_id output summary text tools arguments action input".split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from("input instructions tools tool_choice text reasoning include metadata".split()), JSON
    )
)
def test_any_body_is_read_wholed(members: dict[str, Any]) -> None:
    request = read_request(Body.parse(write_json({"model": "m", **members})))
    assert isinstance(request, ChatRequest) or request.status == 400
