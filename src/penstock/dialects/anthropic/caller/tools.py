"""The tools of a caller of Anthropic's, and the choice among them.

A tool without a type, or of type ``custom``, is a function; every other is Anthropic's own, of which some have a
counterpart elsewhere. Sources: Anthropic API reference, "Create a Message"; Claude docs, "Tool reference".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, placed
from penstock.dialects.anthropic.client_tools import as_function
from penstock.dialects.malformed import Malformed, text_in
from penstock.dialects.tool_memory import ToolMemory, Tools

_MEMBERS: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""A tool of Claude Code's that says nothing: it stands for those that are looked up when they are needed."""
_KINDS: Final[Mapping[str, str]] = {"web_search_": "web_search", "web_fetch_": "fetch", "code_execution_": "code"}

_memory: Final = ToolMemory()


def read_tools(body: Body) -> Tools:
    """All tools. Raises Malformed."""
    return () if body.is_null("tools") else _memory.tools(body.raw("tools") or b"", lambda: _read(body))


def _read(body: Body) -> Iterator[Tool | NativeTool]:
    if not body.is_array("tools"):
        raise Malformed("tools", "an array of tools")
    try:
        tools = body.objects("tools")
    except BodyError:
        raise Malformed("tools", "an array of tools") from None
    offered = 0
    for position, each in enumerate(tools):
        path = f"tools[{position}]"
        tool = _tool(each, path)
        if not (isinstance(tool, Tool) and tool.name == _PLACEHOLDER):
            yield placed(tool, path, offered)
            offered += 1


def _tool(tool: Body, path: str) -> Tool | NativeTool:
    kind, name = tool.value("type"), tool.value("name")
    if not isinstance(kind, str | None):
        raise Malformed(f"{path}.type", "a string")
    if kind is not None and kind != "custom":
        value = {member: tool.value(member) for member in tool}
        alike = next((same for beginning, same in _KINDS.items() if kind.startswith(beginning)), "")
        return NativeTool(kind, value, Owner.ANTHROPIC, alike, as_function(kind, text_in(name)))
    if not isinstance(name, str) or not name:
        raise Malformed(f"{path}.name", "a non-empty string")
    description, strict, cache = (tool.value(member) for member in ("description", "strict", "cache_control"))
    if not isinstance(description, str | None):
        raise Malformed(f"{path}.description", "a string")
    schema = b""
    if not tool.is_null("input_schema"):
        if not isinstance(tool.value("input_schema"), dict):
            raise Malformed(f"{path}.input_schema", "an object")
        schema = tool.raw("input_schema") or b""
    return Tool(
        name,
        description or "",
        schema,
        strict if isinstance(strict, bool) else None,
        cache if isinstance(cache, dict) else None,
        {member: tool.value(member) for member in tool if member not in _MEMBERS and not tool.is_null(member)},
    )


_CHOICES: Final[Mapping[str, ToolChoice]] = {
    "auto": ToolChoice("auto"),
    "any": ToolChoice("required"),
    "none": ToolChoice("none"),
}


def read_choice(value: Any, place: str = "tool_choice") -> dict[str, Any]:
    """The parameters ``tool_choice`` and ``parallel_tool_calls``, as far as they are given. ``place`` is where the
    choice stands in the request. Raises Malformed."""
    if value is None:
        return {}
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "tool" and isinstance(value.get("name"), str) and value["name"]:
        choice = ToolChoice("required", (value["name"],))
    elif isinstance(kind, str) and kind in _CHOICES:
        choice = _CHOICES[kind]
    else:
        raise Malformed(place, 'an object of type auto, any, none, or {"type": "tool", "name": NAME}')
    single = {"parallel_tool_calls": False} if value.get("disable_parallel_tool_use") is True else {}
    return {"tool_choice": choice, **single}
