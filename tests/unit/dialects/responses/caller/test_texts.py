"""The texts of Responses, for guards."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.responses.caller.texts import TEXTS

BODY: dict[str, Any] = {
    "instructions": "i",
    "prompt": {"id": "pmpt_1", "variables": {"a": "v", "b": {"type": "input_text", "text": "w"}}},
    "input": [
        {"role": "developer", "content": "d"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "p"}]},
        {"type": "later", "id": "x", "thing": {"deep": ["q"]}},
    ],
}


def test_the_texts_of_a_request() -> None:
    found = [(each.text, each.role, each.kind, each.message, each.is_plain) for each in TEXTS.request("", BODY)]
    assert found[:7] == [
        ("i", "system", SegmentKind.SYSTEM, -1, True),
        ("d", "developer", SegmentKind.SYSTEM, 0, True),
        ("a", "user", SegmentKind.TEXT, 1, True),
        ("t", "assistant", SegmentKind.REASONING, 2, False),
        ("{}", "assistant", SegmentKind.TOOL_CALL, 3, False),
        ("o", "tool", SegmentKind.TOOL_RESULT, 4, False),
        ("p", "tool", SegmentKind.TOOL_RESULT, 5, False),
    ]
    assert found[7] == ("q", "tool", SegmentKind.TOOL_RESULT, 6, False)
    assert {each[0] for each in found[8:]} >= {"v", "w"}
    assert [(each.pointer, each.text, each.role) for each in TEXTS.request("", {"input": "a"})] == [
        (("input",), "a", "user")
    ]


def test_every_pointer_leads_to_its_text() -> None:
    for each in TEXTS.request("", BODY):
        value: Any = BODY
        for step in each.pointer:
            value = value[step]
        assert value == each.text


def test_the_texts_of_an_answer() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]
    body = {"output": [{"type": "message", "role": "assistant", "content": parts}, {"type": "mcp_call", "output": "m"}]}
    assert [(each.text, each.kind) for each in TEXTS.answer("", body)] == [
        ("a", SegmentKind.TEXT),
        ("no", SegmentKind.REFUSAL),
        ("m", SegmentKind.TOOL_RESULT),
    ]
    assert list(TEXTS.answer("", {"output": None})) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("response.output_text.delta", SegmentKind.TEXT),
        ("response.refusal.delta", SegmentKind.REFUSAL),
        ("response.reasoning_summary_text.delta", SegmentKind.REASONING),
        ("response.function_call_arguments.delta", SegmentKind.TOOL_CALL),
        ("response.of_a_later_release.delta", SegmentKind.TOOL_CALL),
    ],
)
def test_deltas(name: str, kind: SegmentKind) -> None:
    [delta] = TEXTS.deltas("", {"type": name, "output_index": 2, "content_index": 1, "delta": "a"})
    assert (delta.key, delta.pointer, delta.text) == ((kind, 2, 1), ("delta",), "a")
    assert delta.is_plain is (kind is SegmentKind.TEXT)


def test_what_is_no_delta_and_what_ends() -> None:
    assert list(TEXTS.deltas("", {"type": "response.audio.delta", "delta": "AAAA"})) == []
    assert list(TEXTS.deltas("", {"type": "response.created"})) == []
    assert TEXTS.closes(b"", {"type": "response.output_text.done", "output_index": 2}) == 2
    assert TEXTS.closes(b"response.completed", {}) == ALL_SLOTS
    assert TEXTS.closes(b"", {"type": "response.created"}) is None
    assert TEXTS.is_end(b"response.completed", b"{}")
    assert TEXTS.is_end(b"", b'{"type": "response.failed"}')
    assert not TEXTS.is_end(b"response.created", b"{}")
    assert not TEXTS.is_end(b"", b'{"type":"response.output_text.delta","delta":"x"}')
    assert TEXTS.results_event(b"{}").startswith(b"event: hook_results\n")
