"""A conversation as input items."""

from __future__ import annotations

from typing import Any

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.parameters import Parameters
from penstock.dialects.malformed import BREAKPOINT
from penstock.dialects.responses.provider.items import write_items


def items(*messages: Message) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    request = ChatRequest("m", messages)
    parameters = Parameters(request)
    return write_items(request, parameters), parameters.dropped()


def user(*parts: Part) -> Message:
    return Message("user", parts, path="messages[0]")


def test_a_breakpoint_of_the_cache_is_told_and_any_other_marker_is_named() -> None:
    text = {"type": "input_text", "text": "a"}
    found, dropped = items(user(TextPart("a", BREAKPOINT)))
    assert (found[0]["content"], dropped) == ([{**text, "prompt_cache_breakpoint": {"mode": "explicit"}}], ())
    found, dropped = items(user(TextPart("a", {"type": "ephemeral"})))
    assert (found[0]["content"], dropped) == ("a", ("messages[0].content[0].cache_control",))
    assert items(made(TextPart("a", BREAKPOINT)))[1] == ("messages[1].content[0].prompt_cache_breakpoint",)


def made(*parts: Part) -> Message:
    return Message("assistant", parts, path="messages[1]")


def test_what_the_model_made_keeps_its_order() -> None:
    found, _ = items(
        Message("system", (TextPart("s"),), path="x"),
        made(
            ReasoningPart("why", "", "gAAA", Owner.OPENAI),
            TextPart("a"),
            TextPart("b"),
            ToolCall("c1", "f", "{}"),
            TextPart("c"),
        ),
        Message("tool", (ToolResult("c1", (TextPart("sunny"),)),), path="messages[2]"),
    )
    summary = [{"type": "summary_text", "text": "why"}]
    assert found == [
        {"role": "system", "content": "s"},
        {"type": "reasoning", "summary": summary, "encrypted_content": "gAAA"},
        {"role": "assistant", "content": [{"type": "output_text", "text": each} for each in ("a", "b")]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "c"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ]


def test_other_makers_thoughts_stay_behind() -> None:
    found, _ = items(made(ReasoningPart("x", "s", "", Owner.ANTHROPIC), ReasoningPart("y"), TextPart("a")))
    assert found == [{"role": "assistant", "content": "a"}]


def test_calls_with_free_text_and_long_ids() -> None:
    long = "x" * 200
    found, _ = items(
        made(ToolCall(long, "exec", "ls", custom=True)),
        Message("tool", (ToolResult(long, ()),), path="messages[2]"),
    )
    call, result = found
    assert (call["type"], call["input"], result["type"]) == ("custom_tool_call", "ls", "custom_tool_call_output")
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_media() -> None:
    found, dropped = items(
        user(
            TextPart("see"),
            ImagePart(Inline("image/png", "AAAA"), "low"),
            ImagePart(Stored("file-1")),
            FilePart(Inline("application/pdf", "AAAA"), "a.pdf"),
            FilePart(Inline("text/plain", "AAAA")),
            FilePart(Link("https://a")),
            FilePart(Stored("file-2")),
            AudioPart(Inline("audio/wav", "AAAA")),
        )
    )
    assert found[0]["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "input_file", "filename": "file.txt", "file_data": "data:text/plain;base64,AAAA"},
        {"type": "input_file", "file_url": "https://a"},
        {"type": "input_file", "file_id": "file-2"},
    ]
    assert dropped == ("messages[0].content[7]",)


def test_what_is_named() -> None:
    own = {"type": "web_search_call", "id": "ws"}
    found, dropped = items(
        Message("user", (TextPart("a", {"type": "ephemeral"}),), "me", "messages[0]"),
        made(NativePart(own, Owner.OPENAI), ImagePart(Link("https://a")), TextPart("b", {"type": "ephemeral"})),
        Message("tool", (ToolResult("c", (), is_error=True),), path="messages[2]"),
    )
    assert found[1:3] == [own, {"role": "assistant", "content": "b"}]
    assert dropped == (
        "messages[0].name",
        "messages[0].content[0].cache_control",
        "messages[1].content[1]",
        "messages[1].content[2].cache_control",
        "messages[2].is_error",
    )
