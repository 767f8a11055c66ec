"""Which bodies at the path of chat completions are requests of Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.operation import Operation
from penstock.dialects.openai.caller.dialect import wire_of
from penstock.dialects.registry import caller_dialect
from penstock.dialects.responses.caller.in_chat import RESPONSES_IN_CHAT


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        ({"input": "Hi"}, True),
        ({"input": []}, True),
        ({"input": "Hi", "messages": []}, False),
        ({"messages": []}, False),
        ({"prompt": "Hi"}, False),
        ({}, False),
    ],
)
def test_input_in_place_of_messages_tells(body: dict[str, Any], is_one: bool) -> None:
    assert (wire_of(Body.parse(json.dumps(body).encode())) == RESPONSES_IN_CHAT.name) is is_one


def test_it_has_its_name_in_the_registry() -> None:
    assert caller_dialect(RESPONSES_IN_CHAT.name) is RESPONSES_IN_CHAT


def test_guards_read_items_in_requests_and_choices_in_answers() -> None:
    view = RESPONSES_IN_CHAT.texts
    assert view is not None
    kind = view.request_types[Operation.CHAT]
    assert [each.text for each in view.request(kind, {"input": [{"role": "user", "content": "Hi"}]})] == ["Hi"]
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}]}
    assert [each.text for each in view.answer(kind, answer)] == ["Hello"]
