"""Ollama's requests: options by OpenAI's names, a stream unless told not to."""

import json
from typing import Any

import pytest

from own_wires import GENERATE, HI, OLLAMA, asked, refused
from penstock.core.body import Body
from penstock.core.chat import Format, ImagePart, Reasoning, TextPart, ToolChoice
from penstock.core.failure import Failure
from penstock.dialects.ollama.caller.request import WORDING, asks_stream, read_members


def test_it_streams_unless_told_not_to() -> None:
    for raw, expected in ((b"{}", True), (b'{"stream":null}', True), (b'{"stream":false}', False)):
        body = Body.parse(raw)
        assert asks_stream(body) is expected
        request = read_members(raw)
        assert not isinstance(request, Failure)
        assert request.stream is expected


def test_older_clients_call_the_model_by_name() -> None:
    request = read_members(b'{"name":"llama3"}')
    assert not isinstance(request, Failure)
    assert request.model == "llama3"
    assert isinstance(read_members(b'{"model":3}'), Failure)
    assert isinstance(read_members(b"["), Failure)


def test_options_have_openais_names() -> None:
    options = {"temperature": 0.5, "num_predict": 9, "stop": ["a"], "num_gpu": 2, "mirostat": 1, "seed": None}
    request = asked(OLLAMA, messages=[HI], options=options, keep_alive="5m")
    assert request.parameters == {
        "temperature": 0.5, "max_completion_tokens": 9, "stop": ["a"], "options.mirostat": 1, "keep_alive": "5m",
    }  # fmt: skip
    assert asked(OLLAMA, messages=[HI], options={"num_predict": -1}).parameters == {}
    assert (WORDING.told("stop"), WORDING.told("keep_alive")) == ("options.stop", "")


@pytest.mark.parametrize(
    ("think", "expected"),
    [(True, Reasoning(enabled=True)), (False, Reasoning(enabled=False)), ("high", Reasoning("high")), (None, None)],
)
def test_thinking(think: Any, expected: Reasoning | None) -> None:
    request = asked(OLLAMA, messages=[HI], think=think)
    assert request.parameters.get("reasoning") == expected
    assert request.hides_thinking is (think is False)


def test_formats_tools_and_the_choice() -> None:
    schema = {"type": "object"}
    assert asked(OLLAMA, messages=[HI], format="json").parameters["response_format"] == Format("json_object")
    form = asked(OLLAMA, messages=[HI], format=schema).parameters["response_format"]
    assert (form.kind, json.loads(form.schema)) == ("json_schema", schema)
    assert "response_format" not in asked(OLLAMA, messages=[HI], format="").parameters
    tool = {"type": "function", "function": {"name": "f"}}
    request = asked(OLLAMA, messages=[HI], tools=[tool], tool_choice="none")
    assert request.parameters["tools"][0].name == "f"
    assert request.parameters["tool_choice"] == ToolChoice("none")


def test_a_prompt_is_a_conversation() -> None:
    request = asked(GENERATE, prompt="See", system="Short", images=["iVBORw0KGgo="], raw=True)
    system, user = request.messages
    assert (system.role, system.text) == ("system", "Short")
    assert [type(part) for part in user.parts] == [ImagePart, TextPart]
    assert request.parameters == {"raw": True}


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"options": 1}, "options"),
        ({"options": {"top_k": "x"}}, "options.top_k"),
        ({"format": 1}, "format"),
        ({"think": "hard"}, "think"),
        ({"tools": {}}, "tools"),
        ({"messages": []}, "messages"),
    ],
)
def test_what_is_wrong(members: dict[str, Any], path: str) -> None:
    assert refused(OLLAMA, **{"messages": [HI], **members}).param == path


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"context": [1]}, "context"),
        ({}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"prompt": "a", "system": 1}, "system"),
    ],
)
def test_what_is_wrong_with_a_prompt(members: dict[str, Any], path: str) -> None:
    assert refused(GENERATE, **members).param == path
