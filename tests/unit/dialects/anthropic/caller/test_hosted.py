"""Blocks that only Anthropic has, in words for other makers' models."""

from __future__ import annotations

from anthropic_caller_requests import assistant, messages
from penstock.core.chat import (
    NativePart,
)


def test_server_tools_in_words() -> None:
    result = {"type": "web_search_result", "title": "T", "url": "https://a", "encrypted_content": "x"}
    parts = messages(
        assistant(
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [result]},
        )
    )[0].parts
    assert [part.text for part in parts if isinstance(part, NativePart)] == [
        '[web_search {"query":"q"}]',
        "[web_search: T https://a]",
    ]
