"""Forms in which guards see no text, and a host may."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.guards.text_forms import misshapen


def user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"messages": None},
        user("a"),
        user(None),
        user(["a", {"type": "text", "text": "b"}, {"type": "image_url", "image_url": {}}]),
        {"contents": "a"},
        {"contents": {"parts": {"text": "a"}}},
        {"contents": ["a", {"parts": {"text": "a"}}, {"parts": ["a", {"text": "b"}]}]},
        {"prompt": ["a", "b"]},
        {"prompt": {"id": "p"}},
        {"input": [1, 2]},
        {"context": []},
    ],
)
def test_a_form_that_guards_read(body: Any) -> None:
    assert misshapen(body) == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"messages": "a"}, "messages has not"),
        ({"messages": {"0": {"role": "user", "content": "a"}}}, "messages has not"),
        ({"messages": [["user", "a"]]}, "messages[0] has not"),
        (user({"type": "text", "text": "a"}), "messages[0] has not"),
        (user([[{"type": "text", "text": "a"}]]), "messages[0].content[0] has not"),
        (user(["a", {"type": "text", "text": {"value": "a"}}]), "messages[0].content[1] has not"),
        ({"contents": [[{"parts": [{"text": "a"}]}]]}, "contents[0] has not"),
        ({"contents": [{"parts": [[{"text": "a"}]]}]}, "contents[0].parts[0] has not"),
        ({"prompt": [1, 2]}, "prompt holds tokens"),
        ({"prompt": ["a", [1, 2]]}, "prompt holds tokens"),
        ({"prompt": "a", "context": [1, 2]}, "context holds tokens"),
    ],
)
def test_a_form_in_which_they_see_no_text(body: Any, problem: str) -> None:
    assert misshapen(body).startswith(problem)
