import json
from typing import Any

from penstock.core.segments import Delta, SegmentKind
from penstock.guards.rewritten_event import (
    number_of,
    numbered,
    says_nothing_else,
    tokens_beside,
    with_text_alone,
    written,
)

AT = ("choices", 0, "delta", "content")
EVENT: dict[str, Any] = {
    "id": "c", "note": "n", "more": {"a": "b"}, "sources": ["s"], "usage": {"n": 1},
    "choices": [{"index": 1, "delta": {"role": "assistant", "content": "x"}, "logprobs": {"content": [1]}}],
}  # fmt: skip


def test_of_what_stands_beside_a_text_only_settings_stay() -> None:
    choices = [{"index": 1, "delta": {"content": "y"}}]
    assert with_text_alone(EVENT, AT, "y") == {"id": "c", "sources": [], "choices": choices}


def test_a_choice_keeps_a_delta_into_which_clients_look() -> None:
    value = {"choices": [{"index": 0, "text": "x", "delta": {"content": "x"}}]}
    alone = {"choices": [{"index": 0, "text": "y", "delta": {}}]}
    assert with_text_alone(value, ("choices", 0, "text"), "y") == alone


def test_the_tokens_of_a_changed_text_are_null() -> None:
    places = tokens_beside(EVENT, [AT])
    assert places == {("choices", 0, "logprobs"): None}
    told = written(b"", json.dumps(EVENT).encode(), {AT: "y", **places})
    choice = json.loads(told.removeprefix(b"data: "))["choices"][0]
    assert (choice["delta"]["content"], choice["logprobs"]) == ("y", None)
    assert tokens_beside(EVENT, [("note",)]) == {}
    assert tokens_beside({"delta": "x", "logprobs": []}, [("delta",)]) == {}


def test_numbers() -> None:
    event = b'event: e\ndata: {"sequence_number":1}\n\n'
    assert numbered(b"e", event, 2) == b'event: e\ndata: {"sequence_number":2}\n\n'
    assert (number_of({"sequence_number": 1}), number_of({"sequence_number": True}), number_of([])) == (1, None, None)


def test_an_event_that_says_nothing_else() -> None:
    delta = Delta((SegmentKind.TEXT, 0, 0), AT, "x")
    alone = {"choices": [{"delta": {"content": "x"}}]}
    assert says_nothing_else(alone, (delta,), {AT: ""})
    assert not says_nothing_else(alone, (delta,), {})
    assert not says_nothing_else(EVENT, (delta,), {AT: ""})
