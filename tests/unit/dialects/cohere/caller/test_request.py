"""Cohere's requests: parameters by OpenAI's names, documents as text."""

import json
from typing import Any

import pytest

from own_wires import COHERE, HI, asked, refused
from penstock.core.chat import Format, Reasoning, Tool, ToolChoice
from penstock.dialects.cohere.caller.request import WORDING


def test_parameters_have_openais_names() -> None:
    request = asked(COHERE, messages=[HI], max_tokens=9, stop_sequences=["a"], k=3, p=0.5, seed=1, safety_mode="OFF")
    assert request.parameters == {
        "max_completion_tokens": 9, "stop": ["a"], "top_k": 3, "top_p": 0.5, "seed": 1, "safety_mode": "OFF",
    }  # fmt: skip
    told = [WORDING.told(name) for name in ("max_completion_tokens", "stop", "top_k", "reasoning.max_tokens")]
    assert told == ["max_tokens", "stop_sequences", "k", "thinking.token_budget"]
    assert (asked(COHERE, messages=[HI], stream=True).stream, asked(COHERE, messages=[HI]).stream) == (True, False)


def test_tools_and_the_choice() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    request = asked(COHERE, messages=[HI], tools=[tool], strict_tools=True, tool_choice="REQUIRED")
    (made,) = request.parameters["tools"]
    assert isinstance(made, Tool)
    assert made.strict is True
    assert request.parameters["tool_choice"] == ToolChoice("required")
    assert asked(COHERE, messages=[HI], tools=[tool]).parameters["tools"][0].strict is None


@pytest.mark.parametrize("name", ["json_schema", "schema"])
def test_formats(name: str) -> None:
    form = asked(COHERE, messages=[HI], response_format={"type": "json_object", name: {"x": 1}})
    assert json.loads(form.parameters["response_format"].schema) == {"x": 1}
    plain = asked(COHERE, messages=[HI], response_format={"type": "json_object"})
    assert plain.parameters["response_format"] == Format("json_object")
    assert "response_format" not in asked(COHERE, messages=[HI], response_format={"type": "text"}).parameters


def test_thinking() -> None:
    on, off = {"type": "enabled", "token_budget": 9}, {"type": "disabled"}
    assert asked(COHERE, messages=[HI], thinking=on).parameters["reasoning"] == Reasoning("", 9, True)
    assert asked(COHERE, messages=[HI], thinking=off).parameters["reasoning"] == Reasoning("", None, False)
    assert asked(COHERE, messages=[HI], reasoning_effort="low").parameters["reasoning"] == Reasoning("low")


def test_documents_stand_before_the_last_thing_that_the_user_says() -> None:
    documents = ["a", {"id": "d", "data": {"title": "T", "text": "b"}}, {"data": {"text": "c", "x": 1}}]
    said = [HI, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "So?"}]
    request = asked(COHERE, messages=said, documents=documents)
    assert [message.role for message in request.messages] == ["user", "assistant", "user", "user"]
    assert request.messages[2].text == 'Documents to answer by:\n\n[0] a\n\n[1] T\nb\n\n[2] {"text":"c","x":1}'
    assert request.messages[2].path == "documents"
    assert request.parameters["documents"] == documents
    assert len(asked(COHERE, messages=[HI], documents=[]).messages) == 1


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"tool_choice": "f"}, "tool_choice"),
        ({"tool_choice": 1}, "tool_choice"),
        ({"response_format": {"type": "x"}}, "response_format.type"),
        ({"response_format": {"type": "json_object", "schema": 1}}, "response_format.schema"),
        ({"thinking": True}, "thinking"),
        ({"documents": {}}, "documents"),
        ({"p": "x"}, "p"),
        ({"messages": []}, "messages"),
    ],
)
def test_what_is_wrong(members: dict[str, Any], path: str) -> None:
    assert refused(COHERE, **{"messages": [HI], **members}).param == path
