"""Pieces of a response: ids, what it repeats, sources, and what is no item of its own."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.events import Citation, Foreign, Start
from penstock.dialects.responses.caller.members import Head, annotation, call_id, item_id, search_query
from responses_wire import CAPTION


def test_ids() -> None:
    assert item_id("msg", "abc", 255) == "msg_abc00ff"
    assert call_id("abc", 0) == call_id("abc", 0) != call_id("abc", 1)


def test_the_head_takes_what_the_provider_says() -> None:
    assert (Head.of(CAPTION, Start()).model, Head.of(CAPTION, Start("x", "own", 5)).model) == ("asked-model", "own")
    assert Head.of(CAPTION, Start()).response("failed", [])["completed_at"] is None


def test_a_source_without_a_title() -> None:
    assert annotation(Citation({}, "https://a"), 1, 2)["title"] == "https://a"


@pytest.mark.parametrize(
    ("value", "query"),
    [
        ({"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}}, "q"),
        ({"type": "server_tool_use", "name": "web_search", "input": '{"query": "q"}'}, "q"),
        ({"type": "server_tool_use", "name": "web_search", "input": "no json"}, ""),
        ({"type": "server_tool_use", "name": "code"}, None),
        ({"type": "other"}, None),
    ],
)
def test_what_was_searched_for(value: dict[str, Any], query: str | None) -> None:
    assert search_query(Foreign(value)) == query
