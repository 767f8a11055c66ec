"""Every text of Cohere's wire that a model reads or writes, for guards."""

from typing import Any

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.cohere.caller.texts import TEXTS

CALL = {"id": "c", "function": {"name": "f", "arguments": '{"q":"arg"}'}}
CITATION = {"text": "cited", "sources": [{"document": {"text": "source"}}]}


def texts(body: dict[str, Any]) -> list[str]:
    return [each.text for each in TEXTS.request("chatComplete", body) if each.kind is not SegmentKind.OTHER]


def test_a_request() -> None:
    blocks = [{"type": "text", "text": "ask"}, {"type": "thinking", "thinking": "hm"}, "bare", 3]
    result = {"role": "tool", "content": [{"type": "document", "document": {"data": {"x": "found"}}}]}
    turn = {"role": "assistant", "tool_plan": "plan", "tool_calls": [CALL], "citations": [CITATION]}
    body = {"messages": [{"role": "system", "content": "sys"}, {"role": "user", "content": blocks}, turn, result]}
    assert texts(body) == ["sys", "ask", "hm", "bare", "plan", '{"q":"arg"}', "cited", "source", "found"]
    assert texts({"documents": ["a", {"id": "i", "data": {"text": "b"}}]}) == ["a", "i", "b"]


def test_an_answer_and_its_events() -> None:
    message = {"content": [{"type": "text", "text": "a"}], "tool_plan": "p", "citations": [CITATION]}
    found = [(each.text, each.kind) for each in TEXTS.answer("chatComplete", {"message": message})]
    assert found == [
        ("a", SegmentKind.TEXT), ("p", SegmentKind.TEXT), ("cited", SegmentKind.TEXT), ("source", SegmentKind.TOOL_RESULT),
    ]  # fmt: skip
    for said in (
        {"content": {"text": "a"}},
        {"content": {"thinking": "a"}},
        {"tool_plan": "a"},
        {"tool_calls": {"function": {"arguments": "a"}}},
        {"citations": {"text": "a"}},
    ):
        (delta,) = TEXTS.deltas("chatComplete", {"index": 1, "delta": {"message": said}})
        assert delta.text == "a"


def test_what_ends_with_an_event() -> None:
    ends = [
        ({"type": "content-end", "index": 1}, 1),
        ({"type": "message-end"}, ALL_SLOTS),
        ({"type": "content-end"}, ALL_SLOTS),
    ]
    for event, slot in ends:
        assert TEXTS.closes(b"", event) == slot
    (call,) = TEXTS.deltas("", {"index": 2, "delta": {"message": {"tool_calls": {"function": {"arguments": "a"}}}}})
    assert TEXTS.closes(b"tool-call-end", {"index": 2}) == call.key[1]
    (plan,) = TEXTS.deltas("", {"delta": {"message": {"tool_plan": "a"}}})
    assert TEXTS.closes(b"", {"type": "tool-call-start"}) == plan.key[1]
    assert TEXTS.closes(b"content-delta", {}) is None
    assert TEXTS.closes(b"tool-call-end", {}) == ALL_SLOTS
    assert (TEXTS.is_end(b"message-end", b""), TEXTS.is_end(b"", b"{}")) == (True, False)
    assert b"hook_results" in TEXTS.results_event(b"[]")
