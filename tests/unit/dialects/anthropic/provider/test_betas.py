"""The beta features that a request needs."""

from __future__ import annotations

from typing import Any, Final

import pytest

from claude_requests import write
from matrix import (
    HELLO,
    ask,
    call,
    called,
    result,
    user,
)


@pytest.mark.parametrize("variant", ["", "azure"])
def test_versions_and_betas_are_header_fields(variant: str) -> None:
    asked = ask(anthropic_version="2024-01-01", anthropic_beta="b, c")
    _, payload = write(asked, variant=variant, anthropic_beta="a,b", anthropic_version="2023-06-01")
    assert payload.headers == (("anthropic-version", "2024-01-01"), ("anthropic-beta", "a,b,c"))
    _, payload = write(asked, variant=variant, anthropic_version="2025-05-05")
    assert payload.headers == (("anthropic-beta", "b,c"),)
    assert payload.dropped == ("anthropic_version",)


# fmt: off
BETAS: Final[list[tuple[Any, ...]]] = [
    ({"tools": [{"type": "computer_20250124", "name": "computer"}]}, "computer-use-2025-01-24"),
    ({"mcp_servers": [{"name": "a"}]}, "mcp-client-2025-04-04"),
    ({"mcp_servers": [{"name": "a"}], "tools": [{"type": "mcp_toolset", "mcp_server_name": "a"}]}, "mcp-client-2025-11-20"),
    ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112"}]}}, "context-management-2025-06-27,compact-2026-01-12"),
    ({"container": {"skills": [{"skill_id": "pptx"}]}}, "skills-2025-10-02"),
    ({"speed": "fast"}, "fast-mode-2026-02-01"),
    ({"speed": "fast", "messages": [user({"type": "search_result", "content": ["x"]})]}, "fast-mode-2026-02-01"),
    ({"messages": [user({"type": "container_upload", "file_id": "file_1"})]}, "files-api-2025-04-14"),
    ({"messages": [HELLO, called(call("c", "f", "{}")), result("c", [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}])]}, "files-api-2025-04-14"),
]
# fmt: on


@pytest.mark.parametrize(("asked", "betas"), BETAS)
def test_betas_that_a_request_needs(asked: dict[str, Any], betas: str) -> None:
    assert write({**ask(), **asked})[1].headers == (("anthropic-beta", betas),)
