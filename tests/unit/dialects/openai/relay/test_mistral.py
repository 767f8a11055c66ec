"""Requests for Mistral: what its API refuses is put as it takes it, and everything else keeps its bytes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.openai.relay.mistral import adapt_request


def sent(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = adapt_request(Body.parse(json.dumps({"messages": messages}).encode())).value(
        "messages"
    )
    return found


def test_what_is_fine_keeps_its_bytes() -> None:
    body = Body.parse(b'{"messages": [ {"role" :"user","content":"x"} ], "n": 1.0}')
    assert adapt_request(body) is body


def test_ids_of_other_makers_become_mistrals() -> None:
    """docs/quirks.md#q75."""
    calls = [
        {"id": "call_abcdef123456", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "abcDEF123", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ]
    assistant, first, second = sent(
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_abcdef123456", "content": "1"},
        {"role": "tool", "tool_call_id": "abcDEF123", "content": "2"},
    )
    assert re.fullmatch("[A-Za-z0-9]{9}", assistant["tool_calls"][0]["id"])
    assert assistant["tool_calls"][0]["id"] == first["tool_call_id"]
    assert assistant["tool_calls"][1] == calls[1]
    assert second["tool_call_id"] == "abcDEF123"


def test_reasoning_goes_back_as_it_came() -> None:
    """docs/quirks.md#q73: the gateway gave the thinking part as ``reasoning_content``."""
    (message,) = sent({"role": "assistant", "content": "Hi", "reasoning_content": "Hm", "refusal": None, "audio": None})
    assert message == {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "Hi"}],
    }
    (message,) = sent({"role": "assistant", "content": None, "reasoning": "Hm", "reasoning_details": []})
    assert message["content"] == [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]


@pytest.mark.parametrize("content", [1, True, {"type": "text"}])
def test_a_content_that_is_none_is_mistrals_to_refuse(content: Any) -> None:
    (message,) = sent({"role": "assistant", "content": content, "reasoning_content": "Hm"})
    assert message["content"] == content
