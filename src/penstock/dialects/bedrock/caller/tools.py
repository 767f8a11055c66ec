"""The tools of a caller of Converse, and the choice among them.

Tools are functions, tools that Bedrock runs by itself, and cache points, each of which marks the tool before it.
Sources: Amazon Bedrock API reference, "ToolConfiguration", "ToolSpecification", "SystemTool", "ToolChoice".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, placed
from penstock.dialects.bedrock.caller.messages import marker
from penstock.dialects.malformed import Malformed, text_in
from penstock.dialects.tool_memory import ToolMemory, Tools

_KINDS: Final[Mapping[str, str]] = {"nova_grounding": "web_search", "nova_code_interpreter": "code"}
"""Tools that Bedrock runs, by the kind that other makers have, too."""
_MEMBERS: Final = frozenset({"name", "description", "inputSchema", "strict"})
_memory: Final = ToolMemory()


def read_tools(config: Body) -> Tools:
    """All tools of a ``toolConfig``. Raises Malformed."""
    return () if config.is_null("tools") else _memory.tools(config.raw("tools") or b"", lambda: _read(config))


def _read(config: Body) -> list[Tool | NativeTool]:
    if not config.is_array("tools"):
        raise Malformed("toolConfig.tools", "an array of tools")
    try:
        return _all(config.objects("tools"))
    except BodyError:
        raise Malformed("toolConfig.tools", "an array of tools") from None


def _all(tools: list[Body]) -> list[Tool | NativeTool]:
    found: list[Tool | NativeTool] = []
    for position, tool in enumerate(tools):
        place = f"tools[{position}]"  # as the middle calls it: a cache point is no tool, and has a position
        if not tool.is_null("toolSpec"):
            function = _function(tool, f"toolConfig.{place}.toolSpec")
            found.append(placed(function, place, len(found)))
        elif "cachePoint" not in tool:
            found.append(placed(_own({name: tool.value(name) for name in tool}), place, len(found)))
        elif found and isinstance(found[-1], Tool):
            found[-1] = msgspec.structs.replace(found[-1], cache=marker({"cachePoint": tool.value("cachePoint")}))
    return found


def _function(tool: Body, path: str) -> Tool:
    if not isinstance(tool.value("toolSpec"), dict):
        raise Malformed(path, "an object")
    spec = Body.parse(tool.raw("toolSpec") or b"")
    name, strict = spec.value("name"), spec.value("strict")
    if not isinstance(name, str) or not name:
        raise Malformed(f"{path}.name", "a non-empty string")
    schema = b""
    if not spec.is_null("inputSchema"):
        if not isinstance(spec.value("inputSchema"), dict):
            raise Malformed(f"{path}.inputSchema", "an object with a member json")
        held = Body.parse(spec.raw("inputSchema") or b"")
        if not isinstance(held.value("json"), dict | None):
            raise Malformed(f"{path}.inputSchema.json", "an object")
        schema = b"" if held.is_null("json") else held.raw("json") or b""
    extras = {member: spec.value(member) for member in spec if member not in _MEMBERS and not spec.is_null(member)}
    is_strict = strict if isinstance(strict, bool) else None
    return Tool(name, text_in(spec.value("description")), schema, is_strict, None, extras)


def _own(value: dict[str, Any]) -> NativeTool:
    """A tool that is no function: what Bedrock runs by itself, or one that isn't known."""
    system = value.get("systemTool")
    name = text_in(system.get("name")) if isinstance(system, dict) else ""
    return NativeTool(name or next(iter(value), ""), value, Owner.AMAZON, _KINDS.get(name, ""))


def read_choice(value: Any) -> ToolChoice | None:
    """The choice that a ``toolConfig`` makes. Raises Malformed."""
    if value is None:
        return None
    named = value.get("tool") if isinstance(value, dict) else None
    name = named.get("name") if isinstance(named, dict) else None
    if isinstance(name, str) and name:
        return ToolChoice("required", (name,))
    if isinstance(value, dict) and "any" in value:
        return ToolChoice("required")
    if isinstance(value, dict) and "auto" in value:
        return ToolChoice("auto")
    raise Malformed("toolConfig.toolChoice", 'one of {"auto": {}}, {"any": {}}, {"tool": {"name": NAME}}')
