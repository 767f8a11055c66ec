"""OpenAI chat requests, read whole: parts of every kind, tools, formats, reasoning, and what is told of bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrix import MATRIX, PDF, PIXEL, WEATHER, ask, called, image, text, user
from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    Format,
    ImagePart,
    Inline,
    Link,
    NativePart,
    NativeTool,
    Owner,
    ReasoningPart,
    Stored,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    UnknownPart,
)
from penstock.core.chat import Reasoning as Thought
from penstock.core.failure import Failure
from penstock.dialects.openai.caller.request import read


def request(body: dict[str, Any]) -> ChatRequest:
    found = read(json.dumps(body).encode())
    assert isinstance(found, ChatRequest), found
    return found


def parts(message: dict[str, Any]) -> tuple[Any, ...]:
    return request(ask(message)).messages[0].parts


@pytest.mark.parametrize("name", MATRIX)
def test_the_whole_matrix_can_be_read(name: str) -> None:
    found = request(MATRIX[name])
    assert len(found.messages) == len(MATRIX[name]["messages"])
    assert found.stream is MATRIX[name].get("stream", False)
    assert not {"stream", "stream_options", "model", "messages"} & found.parameters.keys()


# fmt: off
@pytest.mark.parametrize(("part", "expected"), [
    (text("a", cache_control={"type": "ephemeral"}), TextPart("a", {"type": "ephemeral"})),
    ("a", TextPart("a")),
    (image(f"data:image/png;base64,{PIXEL}", detail="low"), ImagePart(Inline("image/png", PIXEL), "low")),
    ({"type": "image_url", "image_url": "https://x/y.png"}, ImagePart(Link("https://x/y.png"))),
    (image("gs://b/c.mp4", mime_type="video/mp4"), FilePart(Link("gs://b/c.mp4", "video/mp4"))),
    (image(f"data:application/pdf;base64,{PDF}"), FilePart(Inline("application/pdf", PDF))),
    (image("data:text/plain,caf%C3%A9"), FilePart(Inline("text/plain", "Y2Fmw6k="))),
    ({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}, FilePart(Link("https://x/y.mp4"))),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}, AudioPart(Inline("", "AAAA"), "mp3")),
    ({"type": "input_audio", "input_audio": {"data": "gs://b/c.mp3"}}, AudioPart(Link("gs://b/c.mp3"))),
    ({"type": "file", "file": {"file_id": "f-1"}}, FilePart(Stored("f-1"))),
    ({"type": "file", "file": {"file_data": "AAAA", "mime_type": "text/csv"}}, FilePart(Inline("text/csv", "AAAA"))),
    ({"type": "document", "source": {}}, NativePart({"type": "document", "source": {}}, Owner.ANTHROPIC)),
    ({"type": "odd"}, UnknownPart("odd", {"type": "odd"})),
])  # fmt: skip
def test_parts(part: Any, expected: Any) -> None:
    assert parts(user(part, text("."))) == (expected, TextPart("."))


@pytest.mark.parametrize(("assistant", "expected"), [
    ({"reasoning_content": "hm"}, [ReasoningPart("hm")]),
    ({"reasoning": "hm"}, [ReasoningPart("hm")]),
    ({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "format": "amazon-bedrock-v1"}], "reasoning_content": "hm"}, [ReasoningPart("", "", "d", Owner.AMAZON)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}], "reasoning_details": [{"signature": "s", "format": "google-gemini-v1"}]}, [ReasoningPart("hm", "s", "", Owner.GOOGLE)]),
    ({"content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "edited"}]}, [ReasoningPart("hm", "s", "", Owner.ANTHROPIC)]),
    ({"content_blocks": [{"type": "redacted_thinking", "data": "d"}, {"executableCode": {}}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("", "", "d", Owner.ANTHROPIC), NativePart({"executableCode": {}}, Owner.GOOGLE)]),
    ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hi"}]}, [ReasoningPart("hm")]),
])  # fmt: skip
def test_what_an_assistant_thought_comes_back_with_its_owner(assistant: dict[str, Any], expected: list[Any]) -> None:
    assert parts({"role": "assistant", "content": "Hi", **assistant}) == (*expected, TextPart("Hi"))
# fmt: on


def test_signatures_of_tool_calls_come_back_in_both_shapes() -> None:
    google = {"extra_content": {"google": {"thought_signature": "s"}}}
    portkey = {"function": {"name": "f", "arguments": "{}", "thought_signature": "s"}}
    for more in (google, portkey):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}
        assert parts(called(call)) == (ToolCall("c", "f", "{}", "s", Owner.GOOGLE),)


def test_results_know_the_name_of_their_call() -> None:
    found = request(MATRIX["two_calls"]).messages
    assert [part.name for message in found for part in message.parts if isinstance(part, ToolResult)] == [
        "get_weather",
        "get_time",
    ]


def test_a_schema_keeps_its_bytes() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"a": 1.10,  "b":1e400, "c":12345678901234567890123}}}]}'
    found = read(body)
    assert isinstance(found, ChatRequest)
    (tool,) = found.parameters["tools"]
    assert tool.parameters == b'{"a": 1.10,  "b":1e400, "c":12345678901234567890123}'


def test_tools_choices_and_formats() -> None:
    assert request(ask(functions=[WEATHER["function"]], function_call={"name": "get_weather"})).parameters == {
        "tools": request(ask(tools=[WEATHER])).parameters["tools"],
        "tool_choice": ToolChoice("required", ("get_weather",)),
    }
    native = {"type": "web_search", "max_uses": 3}
    assert request(ask(tools=[native])).parameters["tools"] == (NativeTool("web_search", native),)
    more = {"type": "function", "function": {"name": "f", "x": 1}, "cache_control": {"type": "ephemeral"}, "y": 2}
    assert request(ask(tools=[more])).parameters["tools"] == (
        Tool("f", cache={"type": "ephemeral"}, extras={"x": 1, "y": 2}),
    )
    assert request(MATRIX["choice_allowed"]).parameters["tool_choice"] == ToolChoice("required", ("get_time",))
    assert request(ask(tool_choice="any")).parameters["tool_choice"] == ToolChoice("required")
    assert "response_format" not in request(MATRIX["format_text"]).parameters
    assert request(MATRIX["format_json"]).parameters["response_format"] == Format("json_object")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"reasoning_effort": "high"}, Thought("high")),
        ({"reasoning": {"effort": "low"}}, Thought("low")),
        ({"reasoning": {"max_tokens": 99, "enabled": True}}, Thought("", 99, True)),
        ({"thinking": {"type": "disabled"}}, Thought("", None, False, {"type": "disabled"})),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}, "reasoning_effort": "low"},
            Thought("low", 9, True, {"type": "enabled", "budget_tokens": 9}),
        ),
        ({"thinking": True}, Thought("", None, True, {"type": "enabled"})),
        ({"reasoning_effort": None}, None),
    ],
)
def test_reasoning_in_every_spelling(parameters: dict[str, Any], expected: Thought | None) -> None:
    assert request(ask(**parameters)).parameters.get("reasoning") == expected


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b'{"model":"m"}', "messages"),
        (b'{"messages":[]}', "messages"),
        (b'{"messages":[1]}', "messages[0]"),
        (b'{"messages":[{"role":"wizard","content":"x"}]}', "messages[0].role"),
        (b'{"messages":[{"role":["user"],"content":"x"}]}', "messages[0].role"),
        (b'{"messages":[{"role":"user","content":7}]}', "messages[0].content"),
        (b'{"messages":[{"role":"user","content":[{"type":"text"}]}]}', "messages[0].content[0].text"),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}', "messages[0].content[0].image_url.url"),
        (b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:x"}]}]}', "messages[0].content[0].image_url.url"),
        (b'{"messages":[{"role":"tool","content":"x"}]}', "messages[0].tool_call_id"),
        (b'{"messages":[{"role":"assistant","tool_calls":[{"id":"c"}]}]}', "messages[0].tool_calls[0].function.name"),
        (b'{"messages":[{"role":"user","content":"x"}],"max_tokens":"9"}', "max_tokens"),
        (b'{"messages":[{"role":"user","content":"x"}],"n":true}', "n"),
        (b'{"messages":[{"role":"user","content":"x"}],"stop":[1]}', "stop"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":{}}', "tools"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}', "tools[0].function"),
        (b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}', "tools[0].function.parameters"),
        (b'{"messages":[{"role":"user","content":"x"}],"tool_choice":"maybe"}', "tool_choice"),
        (b'{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}}', "response_format.type"),
        (b'{"messages":[{"role":"user","content":"x"}],"reasoning_effort":3}', "reasoning_effort"),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_where_it_is_bad(body: bytes, param: str | None) -> None:
    found = read(body)
    assert isinstance(found, Failure)
    assert (found.status, found.param) == (400, param)
    assert param is None or f"{param} must be" in found.message


def test_a_schema_is_looked_at_to_its_depths() -> None:
    """Found by coverage_fuzz.py: bytes that are no UTF-8, deep in a schema whose bytes are kept."""
    start = (
        b'{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":'
    )
    for broken in (b'{"a":"\x94"}', b'{"a":[1,}', b"[" * 3000):
        found = read(start + broken + b"}}]}")
        assert isinstance(found, Failure)
        assert found.status == 400
    found = read(start + b'{"a":"\\ud800"}' + b"}}]}")
    assert isinstance(found, ChatRequest)
    assert found.parameters["tools"][0].schema() == {"a": "\ud800"}


def test_lone_surrogates_survive() -> None:
    found = read(
        b'{"messages":[{"role":"user","content":"\\ud800"}],"tools":[{"type":"function","function":{"name":"f","description":"\\ud800"}}]}'
    )
    assert isinstance(found, ChatRequest)
    assert found.messages[0].text == "\ud800"
    assert found.parameters["tools"][0].description == "\ud800"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "role content type text tool_calls function name arguments id thinking signature data".split()
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
members = st.sampled_from(
    "messages tools tool_choice response_format reasoning thinking stop functions function_call max_tokens".split()
)


@given(st.dictionaries(members, json_values))
def test_any_json_is_a_request_or_a_failure(body: dict[str, Any]) -> None:
    assert isinstance(read(json.dumps(body).encode()), ChatRequest | Failure)


@given(st.lists(json_values, max_size=3), st.sampled_from(["user", "assistant", "tool", "system"]))
def test_any_content_is_read_or_refused(content: list[Any], role: str) -> None:
    message = {"role": role, "content": content, "tool_call_id": "c", "content_blocks": content, "tool_calls": content}
    assert isinstance(read(json.dumps({"messages": [message]}).encode()), ChatRequest | Failure)


def test_tools_that_come_again_are_not_read_again() -> None:
    tools: Any = [{"type": "function", "function": {"name": "come_again", "parameters": {"type": "object"}}}]
    first, again = (read(json.dumps(ask(tools=tools, n=n)).encode()) for n in (1, 2))
    assert isinstance(first, ChatRequest)
    assert isinstance(again, ChatRequest)
    assert first.parameters["tools"] is again.parameters["tools"]
    assert (first.parameters["n"], again.parameters["n"]) == (1, 2)


def test_wrong_tools_are_wrong_every_time() -> None:
    for _ in range(2):
        failure = read(json.dumps(ask(tools=[{"type": "function", "function": {}}])).encode())
        assert isinstance(failure, Failure)
        assert failure.param == "tools[0].function.name"


@pytest.mark.parametrize(("number", "is_fine"), [(b"1e999", False), (b"-1e999", False), (b"1e308", True), (b"2", True)])
def test_a_number_without_end_can_not_be_written_again(number: bytes, is_fine: bool) -> None:
    found = read(b'{"messages":[{"role":"user","content":"x"}],"temperature":' + number + b"}")
    assert isinstance(found, ChatRequest if is_fine else Failure)
