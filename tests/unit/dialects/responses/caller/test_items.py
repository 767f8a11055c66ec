"""Input items as messages: turns, calls and results, thoughts in envelopes, and what only OpenAI has."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.chat import (
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    ReasoningPart,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal
from responses_wire import read, refused, written

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x":1}'}
USER = {"role": "user", "content": "hi"}


def messages(*items: Any, **members: Any) -> tuple[Message, ...]:
    return read(input=list(items), **members).messages


def test_easy_messages() -> None:
    assert read(input="hi").messages == (Message("user", (TextPart("hi"),), path="input[0]"),)
    roles = [each.role for each in messages(*({"role": role, "content": "x"} for role in ("user", "developer")))]
    assert roles == ["user", "developer"]
    (only,) = messages({"type": "message", "id": None, "status": "completed", "phase": "x", **USER})
    assert only.text == "hi"


def test_instructions_stand_before_all() -> None:
    first, second = read(input="hi", instructions="Be brief.").messages
    assert (first.role, first.text, second.role) == ("system", "Be brief.", "user")
    assert [each.text for each in read(input="hi", instructions=[USER]).messages] == ["hi", "hi"]


def test_parts() -> None:
    content = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://a/b.pdf"},
    ]
    (message,) = messages({"role": "user", "content": content})
    assert message.parts == (
        TextPart("see"),
        ImagePart(Inline("image/png", "AAAA"), "low"),
        ImagePart(Stored("file-1", owner=Owner.OPENAI)),
        FilePart(Link("https://a/b.pdf")),
    )


def test_what_the_model_made_in_a_row_is_one_turn() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
    thought: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": None,
        "encrypted_content": "gAAA",
    }
    _, turn, result, after = messages(
        USER, thought, said, CALL, {"type": "function_call_output", "call_id": "c1", "output": "sunny"}, USER
    )
    assert turn.parts == (
        ReasoningPart(data="gAAA", owner=Owner.OPENAI),
        TextPart("so"),
        ToolCall("c1", "f", '{"x":1}'),
    )
    assert result.parts == (ToolResult("c1", (TextPart("sunny"),), "f"),)
    assert after.role == "user"


def test_visible_thoughts_are_nobodys() -> None:
    shown = {"type": "reasoning", "summary": [{"type": "summary_text", "text": each} for each in ("a", "b")]}
    raw = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "c"}]}
    (turn,) = messages(shown, raw)
    assert turn.parts == (ReasoningPart("a\n\nb"), ReasoningPart("c"))


def test_envelopes_go_back_to_their_makers() -> None:
    signed = seal(Envelope(Owner.ANTHROPIC, "claude", (Block(signature="SIG"),)))
    of_call = seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="CALL", place=ON_CALL),)))
    (turn,) = messages(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}], "encrypted_content": signed},
        {"type": "reasoning", "summary": [], "encrypted_content": of_call},
        CALL,
        {"type": "reasoning", "summary": [{"text": "seen"}], "encrypted_content": signed[:12]},
    )
    assert turn.parts == (
        ReasoningPart("why", "SIG", "", Owner.ANTHROPIC),
        ToolCall("c1", "f", '{"x":1}', "CALL", Owner.GOOGLE),
        ReasoningPart("seen"),
    )


def test_calls_of_every_kind() -> None:
    tools = [{"type": "custom", "name": "exec"}, {"type": "local_shell"}]
    items = [
        {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "input": "ls"},
        {"type": "local_shell_call", "call_id": "c2", "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "tool_search_call", "call_id": "c3", "arguments": {"query": "q"}},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "a"}]},
        {"type": "local_shell_call_output", "id": "c2", "output": "b"},
        {"type": "tool_search_output", "call_id": "c3", "tools": [{"type": "function", "name": "found"}]},
        {"type": "computer_call_output", "call_id": "c4", "output": {"type": "computer_screenshot", "image_url": "https://a/b.png"}},
    ]  # fmt: skip
    request = read(input=items, tools=tools)
    turn, *results = request.messages
    assert [(part.name, part.arguments) for part in turn.parts if isinstance(part, ToolCall)] == [
        ("exec", '{"input":"ls"}'),
        ("local_shell", '{"command":["ls"]}'),
        ("tool_search", '{"query":"q"}'),
    ]
    told = [part for message in results for part in message.parts if isinstance(part, ToolResult)]
    assert [(part.id, part.name) for part in told[:3]] == [("c1", "exec"), ("c2", "local_shell"), ("c3", "tool_search")]
    assert told[0].parts == (TextPart("a"),)
    assert isinstance(told[3].parts[0], ImagePart)
    assert [tool.name for tool in request.parameters["tools"]] == ["exec", "local_shell", "found"]


def test_a_call_in_a_namespace() -> None:
    space = {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "f"}]}
    other = {"type": "function", "name": "f"}
    (turn,) = messages({**CALL, "namespace": "ns"}, tools=[space, other])
    (call,) = turn.parts
    assert isinstance(call, ToolCall)
    assert call.name == "ns__f"


def test_ids_that_come_again() -> None:
    out = {"type": "function_call_output", "call_id": "c1", "output": "x"}
    turn, first, second = messages(CALL, CALL, out, out)
    assert [part.id for part in turn.parts if isinstance(part, ToolCall)] == ["c1", "c1-2"]
    assert [message.parts[0].id for message in (first, second)] == ["c1", "c1-2"]  # type: ignore[union-attr]


def test_items_that_only_openai_has_are_told_in_words() -> None:
    search = {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "q", "sources": []}}
    _, turn, _ = messages(USER, search, USER)
    assert turn.parts == (NativePart(search, Owner.OPENAI, "[web_search q: ]"),)
    body, dropped = written("anthropic", input=[USER, search, USER])
    assert body["messages"][1]["content"][0]["text"] == "[web_search q: ]"
    assert dropped == ("input[1]",)


def test_an_item_that_nobody_knows_is_named() -> None:
    body, dropped = written("openai_chat", input=[USER, {"type": "brand_new", "x": 1}])
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert dropped == ("input[1]",)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ("text", "input[0]"),
        ({"role": "nobody", "content": "x"}, "input[0].role"),
        ({"type": 5}, "input[0].type"),
        ({"type": []}, "input[0].type"),
        ({"role": "user", "content": 5}, "input[0].content"),
        ({"type": "function_call", "call_id": "c"}, "input[0].name"),
        ({"type": "function_call_output", "output": "x"}, "input[0].call_id"),
        ({"type": "item_reference", "id": "x"}, "input[0]"),
        ({"type": "compaction", "encrypted_content": "x"}, "input[0]"),
    ],
)
def test_what_is_refused(item: Any, param: str) -> None:
    assert refused(input=[item]).param == param


def test_a_result_of_parts_without_a_type_is_told_as_json() -> None:
    *_, message = messages(USER, CALL, {"type": "function_call_output", "call_id": "c1", "output": [{"type": []}]})
    (result,) = message.parts
    assert isinstance(result, ToolResult)
    assert result.parts == (TextPart('[{"type":[]}]'),)
