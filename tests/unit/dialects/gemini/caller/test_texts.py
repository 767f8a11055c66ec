"""The texts of Gemini, for guards."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.segments import SegmentKind
from penstock.dialects.gemini.caller.texts import TEXTS

BODY: dict[str, Any] = {
    "system_instruction": {"parts": [{"text": "s"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"data": "AAAA"}}]},
        {
            "role": "model",
            "parts": [{"text": "t", "thought": True}, {"function_call": {"name": "f", "args": {"q": "x"}}}],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": ["y"]}}}]},
        {"parts": [{"text": "b"}]},
    ],
}


def test_the_texts_of_a_request() -> None:
    found = [(each.text, each.role, each.kind, each.message, each.is_plain) for each in TEXTS.request("", BODY)]
    assert found == [
        ("s", "system", SegmentKind.SYSTEM, -1, True),
        ("a", "user", SegmentKind.TEXT, 0, True),
        ("t", "assistant", SegmentKind.REASONING, 1, False),
        ("x", "assistant", SegmentKind.TOOL_CALL, 1, False),
        ("y", "user", SegmentKind.TOOL_RESULT, 2, False),
        ("b", "user", SegmentKind.TEXT, 3, True),
    ]


def test_every_pointer_leads_to_its_text() -> None:
    for each in TEXTS.request("", BODY):
        value: Any = BODY
        for step in each.pointer:
            value = value[step]
        assert value == each.text


@pytest.mark.parametrize(
    "contents",
    ["a", ["a"], {"parts": [{"text": "a"}]}, {"parts": {"text": "a"}}, [{"parts": "a"}], [{"text": "a"}]],
)
def test_contents_as_lenient_hosts_take_them(contents: Any) -> None:
    assert [each.text for each in TEXTS.request("", {"contents": contents})] == ["a"]


def test_the_texts_of_an_answer() -> None:
    body = {
        "candidates": [
            {"content": {"parts": [{"text": "a"}]}},
            {"content": {"role": "model", "parts": [{"text": "b"}]}},
        ]
    }
    assert [(each.text, each.role, each.choice) for each in TEXTS.answer("", body)] == [
        ("a", "assistant", 0),
        ("b", "assistant", 1),
    ]


def test_deltas_and_ends() -> None:
    parts = [{"text": "t", "thought": True}, {"text": "a"}, {"functionCall": {"name": "f", "args": {"q": "x"}}}]
    chunk = {"candidates": [{"content": {"parts": parts}, "index": 1, "finishReason": "STOP"}]}
    thought, text, call = TEXTS.deltas("", chunk)
    assert (thought.key, thought.is_plain) == ((SegmentKind.REASONING, 1, 0), False)
    assert (text.key, text.text) == ((SegmentKind.TEXT, 1, 0), "a")
    assert text.pointer == ("candidates", 0, "content", "parts", 1, "text")
    assert (call.key[:2], call.text) == ((SegmentKind.TOOL_CALL, 1), "x")
    assert TEXTS.closes(b"", chunk) == 1
    assert TEXTS.closes(b"", {"candidates": [{}]}) is None
    assert not TEXTS.is_end(b"", b"{}")
    assert TEXTS.results_event(b"{}") == b'data: {"hook_results":{}}\n\n'
