"""What a conversation can hold that is lost on the way to another wire is named by the caller's own paths."""

from __future__ import annotations

import copy
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.registry import CALLERS

LOST = LostMembers(
    "messages",
    ("<text>.sources", "<assistant>.tool_plan", "result.note", ".phase"),
    once=("phase",),
    usual=({"type": "direct"},),
    opaque=("input",),
)

USUAL: list[Any] = [None, "", [], {}, False, {"type": "direct"}]


def of(*messages: Any) -> tuple[str, ...]:
    return LOST.of(Body.parse(json.dumps({"model": "m", "messages": messages}).encode()))


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([{"role": "user", "content": "sources"}], ()),
        ([{"role": "user", "content": [{"type": "text", "sources": [1]}]}], ("messages[0].content[0].sources",)),
        ([{"role": "user", "content": [{"type": "image", "sources": [1]}]}], ()),
        ([{"role": "user"}, {"role": "assistant", "tool_plan": "p"}], ("messages[1].tool_plan",)),
        ([{"role": "user", "tool_plan": "p"}], ()),
        ([{"result": {"note": "n"}}, {"result": [{"note": "n"}]}], ("messages[0].result.note", "messages[1].result[0].note")),
        ([{"phase": "a"}, {"content": [{"phase": "b"}]}], ("phase",)),
        ([{"result": {"note": usual}} for usual in USUAL], ()),
        ([{"content": [{"type": "tool", "input": {"type": "text", "sources": [1]}}]}], ()),
        (["text", 7, None, {"result": {"note": "n"}}], ("messages[3].result.note",)),
    ],
)  # fmt: skip
def test_what_is_lost(messages: list[Any], found: tuple[str, ...]) -> None:
    assert of(*messages) == found


def test_what_is_lost_beside_the_conversation() -> None:
    lost = LostMembers("messages", ("<text>.sources",), beside=("system",))
    named = Body.parse(b'{"system":[{"type":"text","text":"s","sources":[1]}],"messages":[]}')
    assert lost.of(named) == ("system[0].sources",)
    assert lost.of(Body.parse(b'{"system":"a text on \\"sources\\"","messages":[]}')) == ()


@pytest.mark.parametrize("text", [b"{}", b'{"messages":"phase"}', b'{"messages":{"phase":1}}'])
def test_other_bodies_hold_nothing(text: bytes) -> None:
    assert LOST.of(Body.parse(text)) == ()


def test_so_many_paths_are_told() -> None:
    assert len(of(*[{"result": {"note": "n"}}] * 1000)) == 32


def test_deep_values_are_looked_through() -> None:
    value: dict[str, Any] = {"result": {"note": "n"}}
    for _ in range(200):
        value = {"content": [value]}
    assert of(value)[0].endswith(".result.note")


@pytest.mark.parametrize(
    "message",
    [
        {"x" * 50_000: [[]] * 10_000, "phase": "p"},
        {"type": "x" * 50_000, **{f"a{number}": [] for number in range(5_000)}, "phase": "p"},
        {"x" * 50_000: [{"result": {"note": "n"}}] * 100, "phase": "p"},
    ],
)
def test_long_names_and_kinds_take_no_more_than_their_length(message: Any) -> None:
    body = Body.parse(json.dumps({"messages": [message]}).encode())
    tracemalloc.start()
    found = LOST.of(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "phase" in found or len(found) == 32
    assert peak < 4 << 20, "no copy of the name for each value"
    assert all(len(path) < 300 for path in found)


# Names that no maker has.

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": {}}}}
CONVERSATIONS: dict[str, list[Any]] = {
    "openai_chat": [
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "u"}}]},
        {"role": "assistant", "content": "c", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "r"}]},
    ],
    "responses": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
    ],
    "anthropic": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": ""}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": {}}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}]}]},
    ],
    "gemini": [
        {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": ""}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": {}}}, "thought_signature": "s"}]},
    ],
    "bedrock_converse": [
        {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": ""}}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": {}}}}]},
    ],
    "cohere": [
        {"role": "assistant", "tool_plan": "p", "tool_calls": [CALL]},
        {"role": "tool", "content": [{"type": "document", "document": {"data": {"a": {}}}}]},
    ],
    "ollama": [
        {"role": "user", "content": "x", "images": ["i"]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": {}}}}]},
    ],
}
INSIDE = {"arguments", "input", "args", "data"}
"""Objects that are the caller's own."""


def objects(value: Any, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object in a conversation that is a wire's, and its path."""
    if isinstance(value, list):
        for position, each in enumerate(value):
            yield from objects(each, f"{path}[{position}]")
    elif isinstance(value, dict):
        yield value, path
        for name, each in value.items():
            if name not in INSIDE:
                yield from objects(each, f"{path}.{name}")


def lost_of(wire: str, conversation: list[Any]) -> tuple[str, ...]:
    lost = CALLERS[wire].reading.lost
    assert lost is not None
    body = json.dumps({"model": "m", MEMBERS.get(wire, "messages"): conversation})
    return lost.of(Body.parse(body.encode()))


MEMBERS = {"responses": "input", "gemini": "contents"}
WIRES = pytest.mark.parametrize("wire", CONVERSATIONS)


@WIRES
def test_a_name_that_no_maker_has_is_lost_wherever_it_stands(wire: str) -> None:
    conversation = CONVERSATIONS[wire]
    assert lost_of(wire, conversation) == ()
    paths = [path for _, path in objects(conversation, MEMBERS.get(wire, "messages"))]
    for number, path in enumerate(paths):
        changed = copy.deepcopy(conversation)
        holder, _ = [*objects(changed, "")][number]
        holder["brand_new"] = "x"
        assert lost_of(wire, changed) == (f"{path}.brand_new",)
        holder["brand_new"] = None
        assert lost_of(wire, changed) == ()


@WIRES
def test_such_a_name_is_told_of_a_conversation_of_texts(wire: str) -> None:
    text = [{"text": "x"}] if wire in {"gemini", "bedrock_converse"} else "x"
    message = {"role": "user", "parts" if wire == "gemini" else "content": text}
    assert lost_of(wire, [message]) == ()
    assert lost_of(wire, [message, {**message, "x" * 9000: 1}])[0].startswith(f"{MEMBERS.get(wire, 'messages')}[1].xxx")
    assert len(lost_of(wire, [{**message, f"new{n}": 1} for n in range(99)])) == 32


def test_what_passes_or_is_lost_as_a_whole_is_not_looked_into() -> None:
    block = {"type": "brand_new_block", "brand_new": {"newer": 1}}
    for wire in ("openai_chat", "anthropic", "responses", "cohere"):
        assert lost_of(wire, [{"role": "user", "content": [block]}]) == ()


def test_deep_values_are_no_trouble() -> None:
    value: Any = {"brand_new": 1}
    for _ in range(300):
        value = {"content": [value]}
    assert len(lost_of("gemini", [value])[0]) < 600


@pytest.mark.parametrize(
    ("wire", "members", "path"),
    [
        ("openai_chat", {"tool_choice": {"type": "function", "function": {"new": 1}}}, "tool_choice.function.new"),
        ("openai_chat", {"response_format": {"type": "json_schema", "new": 1}}, "response_format.new"),
        ("responses", {"text": {"format": {"type": "json_schema", "new": 1}}}, "text.format.new"),
        ("anthropic", {"system": [{"type": "text", "text": "s", "new": 1}]}, "system[0].new"),
        ("anthropic", {"tool_choice": {"type": "tool", "name": "f", "new": 1}}, "tool_choice.new"),
        ("gemini", {"systemInstruction": {"parts": [{"text": "s", "new": 1}]}}, "systemInstruction.parts[0].new"),
        ("bedrock_converse", {"toolConfig": {"toolChoice": {"tool": {"new": 1}}}}, "toolConfig.toolChoice.tool.new"),
        ("cohere", {"response_format": {"type": "json_object", "new": 1}}, "response_format.new"),
    ],
)
def test_what_says_how_a_conversation_is_answered_is_looked_through(
    wire: str, members: dict[str, Any], path: str
) -> None:
    lost = CALLERS[wire].reading.lost
    assert lost is not None
    body = {"model": "m", MEMBERS.get(wire, "messages"): CONVERSATIONS[wire], **members}
    assert lost.of(Body.parse(json.dumps(body).encode())) == (path,)
