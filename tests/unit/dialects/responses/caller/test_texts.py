from typing import Any

import pytest

from penstock.core.segments import ALL_SLOTS, SegmentKind
from penstock.dialects.responses.caller.texts import TEXTS

KIND = "createModelResponse"
BODY: Any = {
    "instructions": "i",
    "prompt": {"id": "p", "variables": {"name": "v", "other": {"type": "input_text", "text": "w"}}},
    "input": [
        {"role": "user", "content": "a"},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "t"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
        {"type": "local_shell_call", "id": "l", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "shell_call_output", "output": [{"stdout": "out", "outcome": {"type": "exit"}}]},
    ],
}


def test_the_texts_of_a_request() -> None:
    found = [
        (each.text, each.kind, each.message, each.is_plain)
        for each in TEXTS.request(KIND, BODY)
        if each.kind is not SegmentKind.OTHER
    ]
    assert found == [
        ("i", SegmentKind.SYSTEM, -1, True),
        ("v", SegmentKind.INPUT, -1, True),
        ("w", SegmentKind.INPUT, -1, True),
        ("a", SegmentKind.TEXT, 0, True),
        ("d", SegmentKind.SYSTEM, 1, True),
        ("t", SegmentKind.REASONING, 2, False),
        ("{}", SegmentKind.TOOL_CALL, 3, False),
        ("o", SegmentKind.TOOL_RESULT, 4, True),
        ("ls", SegmentKind.TOOL_CALL, 5, False),
        ("out", SegmentKind.TOOL_RESULT, 6, True),
    ]
    assert [(each.pointer, each.text) for each in TEXTS.request(KIND, {"input": "a"})] == [(("input",), "a")]
    assert list(TEXTS.request(KIND, {"input": [1, None]})) == []


@pytest.mark.parametrize(
    "item",
    [
        "a",
        {"role": "user", "content": {"type": "input_text", "text": "a"}},
        {"type": "input_text", "text": "a"},
        {"type": "note", "content": [{"type": "input_text", "text": "a"}]},
    ],
)
def test_texts_of_items_that_other_hosts_may_take(item: Any) -> None:
    (found,) = [each for each in TEXTS.request(KIND, {"input": [item]}) if each.kind is not SegmentKind.OTHER]
    assert (found.text, found.kind, found.is_plain) == ("a", SegmentKind.TEXT, True)
    value: Any = {"input": [item]}
    for name in found.pointer:
        value = value[name]
    assert value == "a"


def test_the_texts_of_an_answer() -> None:
    part = {"type": "output_text", "text": "a"}
    output = [{"type": "message", "role": "assistant", "content": [part, {"type": "refusal", "refusal": "no"}]}]
    found = [(each.text, each.kind, each.is_plain) for each in TEXTS.answer(KIND, {"output": output})]
    assert found == [("a", SegmentKind.TEXT, True), ("no", SegmentKind.REFUSAL, False)]


@pytest.mark.parametrize(
    ("event", "pointer", "is_whole"),
    [
        ({"type": "response.output_text.delta", "delta": "a"}, ("delta",), False),
        ({"type": "response.output_text.done", "text": "a"}, ("text",), True),
        ({"type": "response.function_call_arguments.done", "arguments": "a"}, ("arguments",), True),
        ({"type": "response.content_part.done", "part": {"type": "output_text", "text": "a"}}, ("part", "text"), True),
        ({"type": "response.output_item.done", "item": {"content": [{"text": "a"}]}}, ("item", "content", 0, "text"), True),
        ({"type": "response.completed", "response": {"output": [{"content": "a"}]}}, ("response", "output", 0, "content"), True),
    ],
)  # fmt: skip
def test_a_text_is_told_in_pieces_and_whole(event: Any, pointer: tuple[str | int, ...], is_whole: bool) -> None:
    [delta] = TEXTS.deltas(KIND, event)
    assert (delta.pointer, delta.text, delta.is_whole) == (pointer, "a", is_whole)


def test_ends() -> None:
    assert TEXTS.closes(b"", {"type": "response.output_text.delta", "output_index": 1}) is None
    assert TEXTS.closes(b"", {"type": "response.output_text.done", "output_index": 1}) == 1
    assert TEXTS.closes(b"response.completed", {}) == ALL_SLOTS
    assert TEXTS.is_end(b"", b"[DONE]")
    assert not TEXTS.is_end(b"response.completed", b"{}")
    assert list(TEXTS.deltas(KIND, [])) == list(TEXTS.deltas(KIND, {"type": 1})) == []
