"""Calls of one turn get ids of their own, and results those of their calls; other requests keep their bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.json_slices import LARGE
from penstock.dialects.openai.relay.unique_ids import with_unique_ids


def calls(*ids: Any) -> dict[str, Any]:
    made = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(call_id: Any, content: str = "1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def sent(*messages: dict[str, Any]) -> list[Any]:
    """The ids of calls and results, in their order."""
    body = with_unique_ids(Body.parse(json.dumps({"messages": messages}).encode()))
    return [
        [call["id"] for call in message["tool_calls"]] if "tool_calls" in message else message["tool_call_id"]
        for message in body.value("messages")
    ]


def test_results_answer_the_calls_of_one_id_in_their_order() -> None:
    assert sent(calls("f", "g", "f"), result("f"), result("f"), result("g")) == [["f", "g", "f-2"], "f", "f-2", "g"]


def test_an_id_that_comes_again_in_another_turn_stays() -> None:
    assert sent(calls("f"), result("f"), calls("f"), result("f")) == [["f"], "f", ["f"], "f"]


def test_turns_of_a_large_request() -> None:
    long = "x" * LARGE
    assert sent(calls("f", "f"), result("f", long), result("f", long)) == [["f", "f-2"], "f", "f-2"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"messages": [ {"role" :"user","content":"x"} ], "n": 1.0}',
        b'{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]},{"role":"tool","tool_call_id" : "a"}]}',
        b'{"messages":[{"role":"tool","tool_call_id":"a"},{"role":"tool","tool_call_id":"a"}]}',
        b'{"messages":[{"role":"assistant","tool_calls":[1,{"id":2}]},{"tool_call_id":"a"},{"tool_call_id":"a"}]}',
        b'{"messages":"\\"tool_call_id\\":\\"a\\""}',
        b"{}",
    ],
)
def test_any_other_request_is_the_same(data: bytes) -> None:
    body = Body.parse(data)
    assert with_unique_ids(body) is body
