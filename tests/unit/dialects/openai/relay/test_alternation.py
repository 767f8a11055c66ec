"""Neighbours of one role are joined, and nothing else changes."""

import json
from typing import Any

from penstock.core.body import Body
from penstock.core.json_slices import LARGE
from penstock.dialects.openai.relay.alternation import in_alternation


def joined(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = in_alternation(Body.parse(json.dumps({"messages": messages}).encode())).value(
        "messages"
    )
    return found


def said(content: Any, role: str = "user", **members: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **members}


def test_text_and_parts() -> None:
    part = {"type": "text", "text": "c"}
    assert joined(said("a"), said("b"), said("x", "assistant"), said("y", "assistant")) == [
        said("a\n\nb"),
        said("x\n\ny", "assistant"),
    ]
    assert joined(said("a"), said(""), said("b"), said([part])) == [
        said([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, part])
    ]
    assert joined(said("a"), said([part])) == [said([{"type": "text", "text": "a"}, part])]


def test_messages_with_more_than_content_and_other_roles_stay() -> None:
    messages = [
        said("s", "system"),
        said("s", "system"),
        said("a", name="n"),
        said("b"),
        said("t", "tool"),
        said("t", "tool"),
    ]
    assert joined(*messages) == messages


def test_turns_in_alternation_keep_their_bytes() -> None:
    body = Body.parse(b'{"messages":[{"role":"user" ,"content":"a"}]}')
    assert in_alternation(body) is body


def test_neighbours_in_a_large_request_are_joined() -> None:
    text = "x" * (LARGE // 2)
    assert joined(*[said(text)] * 3) == [said("\n\n".join([text] * 3))]
