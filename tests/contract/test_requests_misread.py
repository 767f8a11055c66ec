"""Requests that real clients send and that a provider would refuse or misread if they went out as they came.

Each test writes a request of OpenAI's wire in a provider's dialect (lane 2), or fits it to a host (lane 1).
"""

import json
from typing import Any, Final

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read
from penstock.dialects.openai.relay.request import fit_request
from penstock.dialects.registry import DIALECTS
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve

CLAUDE: Final = ("anthropic", "claude-sonnet-4-5", "anthropic")
GEMINI: Final = ("gemini", "gemini-2.5-flash", "google")
CONVERSE: Final = ("bedrock_converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock")
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HI: Final = [{"role": "user", "content": "hi"}]
FUNCTION: Final = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}},
}


def lane2(target: tuple[str, str, str], messages: list[Any], **parameters: Any) -> tuple[dict[str, Any], Payload]:
    """What a host with a wire of its own is sent."""
    dialect, model, provider = target
    request = read(json.dumps({"model": model, "messages": messages, **parameters}).encode())
    assert not isinstance(request, Failure), request
    payload = DIALECTS[dialect].write(request, WriteContext(model, provider, resolve(model, provider)))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload


def lane1(provider: str, model: str, messages: list[Any], **parameters: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a host of OpenAI's wire is sent, and what was left out."""
    row = PROVIDERS[provider]
    context = WriteContext(model, provider, resolve(model, provider), quirks=row.quirks)
    body = Body.parse(json.dumps({"model": model, "messages": messages, **parameters}).encode())
    fitted = fit_request(body, context)
    assert not isinstance(fitted, Failure), fitted
    return json.loads(fitted.body.encode()), fitted.dropped


# Ids.

SAME_IDS: Final = [
    {"role": "user", "content": "hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "f", "type": "function", "function": {"name": "f", "arguments": '{"x":"1"}'}},
            {"id": "f", "type": "function", "function": {"name": "g", "arguments": '{"x":"2"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "f", "content": "one"},
    {"role": "tool", "tool_call_id": "f", "content": "two"},
]


def test_calls_under_one_id_get_their_own_results_from_claude() -> None:
    body, _ = lane2(CLAUDE, SAME_IDS, tools=[FUNCTION])
    calls, results = body["messages"][1]["content"], body["messages"][2]["content"]
    assert [call["id"] for call in calls] == ["f", "f-2"]
    assert [(each["tool_use_id"], each["content"]) for each in results] == [("f", "one"), ("f-2", "two")]


def test_calls_under_one_id_get_their_own_results_in_converse() -> None:
    body, _ = lane2(CONVERSE, SAME_IDS, tools=[FUNCTION])
    results = [block["toolResult"] for block in body["messages"][2]["content"]]
    assert [(each["toolUseId"], each["content"]) for each in results] == [
        ("f", [{"text": "one"}]),
        ("f-2", [{"text": "two"}]),
    ]


def test_calls_under_one_id_get_their_own_results_from_gemini() -> None:
    body, _ = lane2(GEMINI, SAME_IDS, tools=[FUNCTION])
    results = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [(each["name"], each["response"]) for each in results] == [
        ("f", {"output": "one"}),
        ("g", {"output": "two"}),
    ]


# Anthropic's blocks in chat completions, as Cursor sends them.

CURSOR: Final = [
    {"role": "user", "content": "read a"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "Looking"},
            {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "file body"}]},
            {"type": "text", "text": "go on"},
        ],
    },
]
READ_FILE: Final = {
    "name": "read_file",
    "description": "reads",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}


def test_blocks_of_anthropic_go_to_anthropic() -> None:
    body, payload = lane2(CLAUDE, CURSOR, tools=[READ_FILE], tool_choice={"type": "any"})
    assert body["messages"][1]["content"][1] == CURSOR[1]["content"][1]  # type: ignore[index]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "file body"},
        {"type": "text", "text": "go on"},
    ]
    assert body["tools"] == [READ_FILE]
    assert body["tool_choice"] == {"type": "any"}
    assert payload.dropped == ()


def test_blocks_of_anthropic_are_calls_and_results_for_gemini() -> None:
    body, payload = lane2(GEMINI, CURSOR, tools=[READ_FILE])
    assert body["contents"][1]["parts"][1]["functionCall"]["name"] == "read_file"
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": "file body"}
    assert body["tools"][0]["functionDeclarations"][0]["name"] == "read_file"
    assert payload.dropped == ()


# Media.


@pytest.mark.parametrize("mime", ["application/octet-stream", "binary/octet-stream", ""])
def test_an_image_of_a_generic_type_is_told_by_its_bytes(mime: str) -> None:
    url = f"data:{mime};base64,{PNG}"
    said = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    body, _ = lane2(CLAUDE, said)
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/png"
    body, _ = lane2(GEMINI, said)
    assert body["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    body, _ = lane2(CONVERSE, said)
    assert body["messages"][0]["content"][0]["image"]["format"] == "png"


@pytest.mark.parametrize("member", ["file_data", "file_id", "file_url"])
def test_an_address_of_a_file_is_an_address_whatever_the_member(member: str) -> None:
    file = {member: "https://example.com/a.pdf", "filename": "a.pdf"}
    said = [{"role": "user", "content": [{"type": "file", "file": file}, {"type": "text", "text": "sum up"}]}]
    body, _ = lane2(CLAUDE, said)
    assert body["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://example.com/a.pdf"}
    body, _ = lane2(GEMINI, said)
    assert body["contents"][0]["parts"][0]["fileData"]["fileUri"] == "https://example.com/a.pdf"


def test_parts_of_other_wires() -> None:
    parts = [
        {"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64,AAAA"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]
    body, payload = lane2(GEMINI, [{"role": "user", "content": parts}])
    kinds = [part["inlineData"]["mimeType"] for part in body["contents"][0]["parts"]]
    assert kinds == ["audio/wav", "image/png", "application/pdf", "image/png"]
    assert payload.dropped == ()


# Thoughts of LiteLLM's callers.


def test_thinking_blocks_are_read() -> None:
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "SIG"}, {"type": "redacted_thinking", "data": "R"}]
    messages = [
        *HI,
        {"role": "assistant", "content": "x", "thinking_blocks": blocks, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": "r"},
    ]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body, payload = lane2(CLAUDE, messages, tools=[FUNCTION], max_tokens=5000, thinking=thinking)
    assert body["messages"][1]["content"][:2] == blocks
    assert body["thinking"] == thinking
    assert payload.dropped == ()
