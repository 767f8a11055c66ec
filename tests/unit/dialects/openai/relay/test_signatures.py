"""What one maker signed is kept from the others; every other byte stays."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.dialects.openai.relay.signatures import is_marked, kept_at_home

CALL: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SIGNED: dict[str, Any] = {
    "role": "assistant",
    "content": "Hi",
    "reasoning_details": [
        {"type": "reasoning.text", "text": "hm", "signature": "A-SIG", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "text": "um", "signature": "G-SIG", "format": "google-gemini-v1"},
        {"type": "reasoning.summary", "summary": "eh", "format": "unknown"},
    ],
    "content_blocks": [{"type": "thinking", "thinking": "hm", "signature": "A-SIG"}],
    "extra_content": {"google": {"thought_signature": "G-SIG"}},
    "tool_calls": [
        {
            **CALL,
            "extra_content": {"google": {"thought_signature": "G-SIG"}, "other": 1},
            "function": {**CALL["function"], "thought_signature": "G-SIG"},
        }
    ],
}


def sent(message: dict[str, Any], owner: str) -> dict[str, Any]:
    body = Body.parse(json.dumps({"messages": [{"role": "user", "content": "x"}, message]}).encode())
    assert is_marked(body)
    found: dict[str, Any] = kept_at_home(body, owner).value("messages")[1]
    return found


def test_nobody_else_gets_a_signature() -> None:
    for owner in (Owner.OPENAI, Owner.UNKNOWN):
        found = sent(SIGNED, owner)
        assert "SIG" not in json.dumps(found)
        assert found["content"] == "Hi"
        assert found["reasoning_details"] == [SIGNED["reasoning_details"][2]]
        assert found["tool_calls"] == [{**CALL, "extra_content": {"other": 1}}]


def test_its_maker_gets_it_back() -> None:
    google = json.dumps(sent(SIGNED, Owner.GOOGLE))
    assert "G-SIG" in google
    assert "A-SIG" not in google
    anthropic = sent(SIGNED, Owner.ANTHROPIC)
    assert anthropic["content_blocks"] == SIGNED["content_blocks"]
    assert "G-SIG" not in json.dumps(anthropic)


def test_an_unmarked_body_is_not_looked_at() -> None:
    assert not is_marked(Body.parse(b'{"messages": [ {"role": "user", "content": "x"} ]}'))
    assert not is_marked(Body.parse(b"{}"))


def test_other_messages_keep_their_bytes() -> None:
    body = Body.parse(b'{"messages": [{"role" : "user","content":1.10}, {"role":"assistant","content_blocks":[]}]}')
    assert kept_at_home(body, "").raw("messages") == b'[{"role":"user","content":1.10},{"role":"assistant"}]'


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(sorted(SIGNED)), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(anything, max_size=3))
def test_any_messages_pass(messages: list[Any]) -> None:
    kept_at_home(Body.parse(json.dumps({"messages": messages}).encode()), Owner.OPENAI).encode()
