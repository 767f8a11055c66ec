"""Every text of Ollama's wire that a model reads or writes, for guards."""

import json
from typing import Any

import pytest

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.ollama.caller.texts import CHAT_TEXTS, GENERATE_TEXTS

CALL = {"function": {"name": "f", "arguments": {"q": "arg", "n": [1, "deep"]}}}


def test_a_chats_request() -> None:
    messages = [
        {"role": "system", "content": "sys"},
        {"role": "user", "content": "ask", "images": ["AA"]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALL]},
        {"role": "tool", "content": "found"},
        3,
    ]
    found = [
        (each.text, each.kind)
        for each in CHAT_TEXTS.request("chatComplete", {"messages": messages})
        if each.kind is not SegmentKind.OTHER
    ]
    assert found == [
        ("sys", SegmentKind.SYSTEM),
        ("ask", SegmentKind.TEXT),
        ("", SegmentKind.TEXT),
        ("hm", SegmentKind.REASONING),
        ("arg", SegmentKind.TOOL_CALL),
        ("deep", SegmentKind.TOOL_CALL),
        ("found", SegmentKind.TOOL_RESULT),
    ]


def test_a_prompts_request_and_answer() -> None:
    body = {"system": "sys", "template": "t", "prompt": "ask", "suffix": "end", "messages": [{"content": "no"}]}
    assert [each.text for each in GENERATE_TEXTS.request("complete", body) if each.kind is not SegmentKind.OTHER] == [
        "sys",
        "t",
        "ask",
        "end",
    ]
    answer = {"response": "so", "thinking": "hm"}
    assert [(each.pointer, each.text) for each in GENERATE_TEXTS.answer("complete", answer)] == [
        (("response",), "so"), (("thinking",), "hm"),
    ]  # fmt: skip


def test_lines() -> None:
    line = {"message": {"content": "a", "thinking": "b", "tool_calls": [CALL]}}
    found = [(each.text, each.is_whole) for each in CHAT_TEXTS.deltas("chatComplete", line)]
    assert found == [("a", False), ("b", False), ("arg", True), ("deep", True)]
    assert CHAT_TEXTS.closes(b"", line) == ALL_SLOTS
    assert CHAT_TEXTS.closes(b"", {"message": {"content": "a"}}) is None
    assert CHAT_TEXTS.closes(b"", {"done": True}) == ALL_SLOTS
    assert (CHAT_TEXTS.is_end(b"", b'{"done": true}'), CHAT_TEXTS.is_end(b"", b"x")) == (True, False)
    assert CHAT_TEXTS.is_end(b"", b'{"done": true, "message": {"role": "assistant", "content": ""}}')


@pytest.mark.parametrize(
    "answer",
    [{"message": {"content": "a"}}, {"message": {"tool_calls": [{"function": {"name": "f"}}]}}, {"response": "a"}],
)
def test_a_last_line_with_a_text_is_no_end_without_texts(answer: dict[str, Any]) -> None:
    assert not CHAT_TEXTS.is_end(b"", json.dumps({**answer, "done": True}).encode())


def test_results_have_the_shape_of_a_line() -> None:
    assert b'"message":{"role":"assistant"' in CHAT_TEXTS.results_event(b"[]")
    assert b'"response":""' in GENERATE_TEXTS.results_event(b"[]")
