"""Calls of OpenAI's own tools in words."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.responses.caller.hosted import in_words


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            {"type": "web_search_call", "action": {"query": "q", "sources": [{"url": "https://a"}, {"url": "https://b"}]}},
            "[web_search q: https://a; https://b]",
        ),
        ({"type": "web_search_call"}, ""),
        ({"type": "file_search_call", "queries": ["q"], "results": None}, '[file_search ["q"]: ]'),
        ({"type": "code_interpreter_call", "code": "1+1", "outputs": [{"logs": "2"}]}, '[code_interpreter 1+1: [{"logs":"2"}]]'),
        ({"type": "mcp_call", "name": "n", "arguments": "{}", "output": "done"}, "[mcp n {}: done]"),
        ({"type": "image_generation_call"}, "[image_generation: an image]"),
        ({"type": "unknown"}, ""),
    ],
)  # fmt: skip
def test_in_words(item: dict[str, Any], words: str) -> None:
    assert in_words(item) == words
