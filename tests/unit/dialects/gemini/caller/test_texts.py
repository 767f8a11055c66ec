from typing import Any

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.gemini.caller.texts import TEXTS

KIND = "generateContent"
BODY: Any = {
    "system_instruction": {"parts": {"text": "s"}},
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, "b"]},
        {"role": "model", "parts": [{"text": "t", "thought": True}, {"functionCall": {"name": "f", "args": {"q": ["x"]}}}]},
        {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"r": "y"}}}, {"inlineData": {"data": "AA"}}]},
    ],
}  # fmt: skip


def test_the_texts_of_a_request() -> None:
    found = [
        (each.text, each.role, each.kind, each.message, each.is_plain)
        for each in TEXTS.request(KIND, BODY)
        if each.kind is not SegmentKind.OTHER
    ]
    assert found == [
        ("s", "system", SegmentKind.SYSTEM, -1, True),
        ("a", "user", SegmentKind.TEXT, 0, True),
        ("b", "user", SegmentKind.TEXT, 0, True),
        ("t", "assistant", SegmentKind.REASONING, 1, False),
        ("x", "assistant", SegmentKind.TOOL_CALL, 1, False),
        ("y", "user", SegmentKind.TOOL_RESULT, 2, False),
    ]
    assert [(each.pointer, each.text) for each in TEXTS.request(KIND, {"contents": "a"})] == [(("contents",), "a")]
    assert list(TEXTS.request(KIND, {"contents": [1, {"parts": [1]}], "systemInstruction": None})) == []
    assert list(TEXTS.request(KIND, [])) == []


def test_the_texts_of_an_answer() -> None:
    body = {
        "candidates": [{"content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]
    }
    assert [(each.pointer[1], each.text, each.choice) for each in TEXTS.answer(KIND, body)] == [
        (0, "a", 0),
        (1, "b", 1),
    ]


def test_deltas_and_ends() -> None:
    def response(*parts: Any, **more: Any) -> Any:
        return {"candidates": [{"content": {"parts": list(parts)}, **more}]}

    [delta] = TEXTS.deltas(KIND, response({"text": "a"}))
    assert (delta.key, delta.text, delta.is_whole) == ((SegmentKind.TEXT, 0, 0), "a", False)
    [delta] = TEXTS.deltas(KIND, response({"functionCall": {"args": {"text": "x"}}}))
    assert (delta.text, delta.is_whole, delta.is_plain) == ("x", True, False)
    assert TEXTS.closes(b"", response({"text": "a"})) is None
    assert TEXTS.closes(b"", response({"text": "a"}, finishReason="STOP", index=2)) == 2
    assert TEXTS.closes(b"", response({"text": "a"}, {"functionCall": {}})) == 0
    assert TEXTS.closes(b"", {"candidates": [{"finishReason": "STOP"}] * 2}) == ALL_SLOTS
    assert not TEXTS.is_end(b"", b"{}")
