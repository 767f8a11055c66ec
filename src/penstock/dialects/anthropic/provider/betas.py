"""Which of Anthropic's features a request uses that are still named to it as betas.

Only those are listed that the API refuses without their name: hosts of Claude refuse names that they don't know.
Source: Claude docs, "Beta headers" and the page of each feature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

_FILES: Final = "files-api-2025-04-14"
_CONTEXT: Final = "context-management-2025-06-27"
_COMPACTION: Final = "compact-2026-01-12"
_SKILLS: Final = "skills-2025-10-02"
_FAST: Final = "fast-mode-2026-02-01"
_MCP: Final = "mcp-client-2025-11-20"
_MCP_WITHOUT_TOOLSET: Final = "mcp-client-2025-04-04"

_TOOLS: Final[Mapping[str, str]] = {
    "computer_20241022": "computer-use-2024-10-22",
    "text_editor_20241022": "computer-use-2024-10-22",
    "bash_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "advisor_20260301": "advisor-tool-2026-03-01",
    "mcp_toolset": _MCP,
}


def names(lent: str | None, asked: Any, body: Mapping[str, Any], *, is_prose: bool = False) -> list[str]:
    """All betas to name, each once: the operator's, those that the caller asked for, those that the body needs.
    ``is_prose``: the body's messages are texts."""
    found = [] if is_prose and _TELLING.isdisjoint(body) else _needed(body)
    if lent or asked:
        found = [*filter(is_name, (*listed(lent), *listed(asked))), *found]
    return list(dict.fromkeys(found)) if found else found


def is_name(value: Any) -> TypeGuard[str]:
    """Whether a value can be the name of a feature or a version: printable ASCII, as a header field can hold it."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def listed(value: Any) -> list[str]:
    """The names in a list or in text with commas."""
    names = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [name.strip() for name in names if isinstance(name, str) and name.strip()]


def _needed(body: Mapping[str, Any]) -> list[str]:
    """Those that a written request can't do without, some perhaps repeatedly."""
    found = [] if _TELLING.isdisjoint(body) else list(_of_parameters(body))
    for turn in body["messages"]:
        for block in turn["content"]:
            if block["type"] != "text" and _holds_file(block):
                found.append(_FILES)
    return found


_TELLING: Final = frozenset({"tools", "mcp_servers", "context_management", "container", "speed"})


def _of_parameters(body: Mapping[str, Any]) -> Iterator[str]:
    kinds = [tool.get("type") for tool in body.get("tools", ())]
    yield from (_TOOLS[kind] for kind in kinds if isinstance(kind, str) and kind in _TOOLS)
    if body.get("mcp_servers") and "mcp_toolset" not in kinds:
        yield _MCP_WITHOUT_TOOLSET
    yield from _of_context(body.get("context_management"))
    container = body.get("container")
    if isinstance(container, dict) and container.get("skills"):
        yield _SKILLS
    if body.get("speed") == "fast":
        yield _FAST


def _of_context(management: Any) -> Iterator[str]:
    edits = management.get("edits") if isinstance(management, dict) else None
    for edit in edits if isinstance(edits, list) else ():
        kind = edit.get("type") if isinstance(edit, dict) else None
        if isinstance(kind, str):
            yield _COMPACTION if kind.startswith("compact_") else _CONTEXT


def _holds_file(block: Mapping[str, Any]) -> bool:
    source, content = block.get("source"), block.get("content")
    if block.get("type") == "container_upload" or (isinstance(source, dict) and source.get("type") == "file"):
        return True
    return isinstance(content, list) and any(isinstance(inner, dict) and _holds_file(inner) for inner in content)
