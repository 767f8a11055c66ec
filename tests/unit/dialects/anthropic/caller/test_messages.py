"""The messages of Anthropic's callers, block by block."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anthropic_caller_requests import HELLO, MARK, assistant, messages, read, text, user, write, wrong
from penstock.core.body import Body
from penstock.core.chat import (
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Owner,
    ReasoningPart,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal


def test_a_system_message_in_place_is_no_standing_prompt() -> None:
    request = read(system="S", messages=[*HELLO, {"role": "system", "content": "now"}])
    assert [message.text for message in request.parted()[0]] == ["S"]
    assert [message.text for message in request.parted()[1]] == ["hello", "now"]
    alone = read(system="S", messages=[{"role": "system", "content": "now"}])
    assert [message.text for message in alone.parted()[0]] == ["S"]
    assert [message.text for message in alone.parted()[1]] == ["now"]


def test_blocks_of_a_user_in_their_order() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "UERG"}
    found = messages(
        user(
            text("a", cache_control=MARK),
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "source": pdf, "title": "T", "citations": {"enabled": True}, "context": "c"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
            {"type": "document", "source": {"type": "url", "url": "https://a/b"}},
            {"type": "search_result", "title": "T", "source": "https://a", "content": [text("found")]},
            {"type": "hologram"},
        )
    )
    parts = found[0].parts
    assert parts[:6] == (
        TextPart("a", MARK),
        ImagePart(Link("https://a/b.png")),
        ImagePart(Stored("file_1", "", Owner.ANTHROPIC)),
        FilePart(Inline("application/pdf", "UERG"), "T", None, {"citations": {"enabled": True}, "context": "c"}),
        FilePart(Inline("text/plain", "aGk=")),
        FilePart(Link("https://a/b", "application/pdf")),
    )
    assert isinstance(parts[6], NativePart)
    assert parts[6].text == "T\nhttps://a\nfound"
    assert parts[7] == NativePart({"type": "hologram"}, Owner.ANTHROPIC)


def test_results_come_first_and_keep_their_order() -> None:
    found = messages(
        assistant({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        user(
            text("before"),
            {"type": "tool_result", "tool_use_id": "b", "content": "B", "is_error": True},
            {"type": "tool_result", "tool_use_id": "a", "content": [text("A")], "cache_control": MARK},
            {"type": "tool_result", "tool_use_id": "c"},
        ),
    )
    assert [message.role for message in found] == ["assistant", "tool", "tool", "tool", "user"]
    assert found[1].parts == (ToolResult("b", (TextPart("B"),), "", True),)
    assert found[2].parts == (ToolResult("a", (TextPart("A"),), "f", False, MARK),)
    assert found[3].parts == (ToolResult("c", ()),)
    assert found[2].path == "messages[1].content[2]"
    assert found[4].text == "before"


def test_an_answer_in_wire_order() -> None:
    raw = b'{"messages": [{"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "thinking", '
    raw += b'"thinking": "t", "signature": "s"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1.10}}, '
    raw += b'{"type": "redacted_thinking", "data": "d"}, {"type": "thinking", "thinking": "u", "signature": ""}]}]}'
    request = read_request(Body.parse(raw))
    assert isinstance(request, ChatRequest)
    assert request.messages[0].parts == (
        TextPart("x"),
        ReasoningPart("t", "s", "", Owner.ANTHROPIC),
        ToolCall("a", "f", '{"n": 1.10}'),
        ReasoningPart("", "", "d", Owner.ANTHROPIC),
        ReasoningPart("u"),
    )


def test_foreign_thoughts_come_out_of_their_envelopes() -> None:
    thought = seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="g"),)))
    call = seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="c", place=ON_CALL),)))
    found = messages(
        assistant(
            {"type": "thinking", "thinking": "seen", "signature": thought},
            {"type": "thinking", "thinking": "", "signature": call.rstrip("=")},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            {"type": "thinking", "thinking": "torn", "signature": thought[:-9] + "!"},
        )
    )
    assert found[0].parts == (
        ReasoningPart("seen", "g", "", Owner.GOOGLE),
        ToolCall("a", "f", "{}", "c", Owner.GOOGLE),
        ToolCall("b", "f", "{}"),
        ReasoningPart("torn"),
    )


@pytest.mark.parametrize("dialect", ["openai_chat", "cohere", "ollama", "gemini"])
def test_files_of_anthropics_go_nowhere_else(dialect: str) -> None:
    stored = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    body, dropped = write(dialect, "m", messages=[user(stored, text("x"))])
    assert "file_1" not in json.dumps(body)
    assert dropped == ("messages[0].content[0]",)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [user({"text": "x"})]}, "messages[0].content[0]"),
        ({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "image", "source": {"type": "base64"}})]}, "messages[0].content[0].source"),
        ({"messages": [user({"type": "image", "source": {"type": []}})]}, "messages[0].content[0].source"),
        ({"messages": [user({"type": "tool_result"})]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [assistant({"type": "tool_use", "id": "a"})]}, "messages[0].content[0].name"),
    ],
)
def test_what_is_wrong_is_named_in_the_callers_words(members: dict[str, Any], param: str) -> None:
    assert wrong(**members) == param
