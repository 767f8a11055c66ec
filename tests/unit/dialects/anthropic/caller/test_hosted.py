"""Blocks that only Anthropic has, in words for other makers' models."""

from __future__ import annotations

from typing import Any

import pytest

from anthropic_caller_requests import assistant, messages
from penstock.core.chat import (
    NativePart,
)
from penstock.dialects.anthropic.caller.hosted import in_words


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


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"type": "search_result", "title": "T", "source": "https://a", "content": [{"text": "x"}, {"text": "y"}]},
            "T\nhttps://a\nx\ny",
        ),
        ({"type": "document", "title": "T", "source": {"type": "content", "content": "x"}}, "T\nx"),
        ({"type": "document", "source": {"content": [{"type": "text", "text": "x"}]}}, "x"),
        ({"type": "compaction", "content": "So far."}, "So far."),
        ({"type": "compaction", "content": None}, ""),
        ({"type": "mcp_tool_use", "name": "f", "input": {"a": 1}}, '[f {"a":1}]'),
        (
            {"type": "bash_code_execution_tool_result", "content": {"stdout": "1"}},
            '[bash_code_execution: {"stdout":"1"}]',
        ),
        (
            {"type": "mcp_tool_result", "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]},
            "[mcp: 1; 2]",
        ),
        ({"type": "hologram"}, ""),
        ({"type": 1}, ""),
        ({}, ""),
    ],
)
def test_a_block_in_words(block: dict[str, Any], words: str) -> None:
    assert in_words(block) == words


def test_long_words_are_cut() -> None:
    assert len(in_words({"type": "server_tool_use", "name": "f", "input": {"a": "x" * 9000}})) < 600
    assert len(in_words({"type": "f_tool_result", "content": "x" * 9000})) < 4100
