"""Tools and the choice among them, in Anthropic's words.

Sources: Anthropic API reference, "Create a Message"; Claude docs, "Define tools", "Tool reference", "Thinking".
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, place_of
from penstock.core.failure import Failure
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.function_tools import object_schema, unknown_choice
from penstock.dialects.root_schema import plain_root
from penstock.dialects.strict_schema import Enforced, StrictSchema, strict_schema

_EXTRAS: Final = frozenset({"defer_loading", "allowed_callers", "input_examples", "eager_input_streaming"})
"""Members of a tool that OpenAI's dialect lacks and Anthropic's knows."""
_NATIVE: Final = re.compile(r".+_\d{8}|mcp_toolset|custom")
"""The types of Anthropic's own tools end in the day of their version."""


_SEARCH: Final = {"type": "web_search_20250305", "name": "web_search"}
_USUAL_CONTEXT: Final = ("search_context_size", "medium")


def write_tools(
    parameters: Parameters, traits: Traits, enforced: Enforced, *, bars_force: bool, searches: bool
) -> dict[str, Any] | Failure:
    """The members ``tools`` and ``tool_choice``, as far as there are any. ``enforced``: the schemas that hold already.
    ``bars_force``: no call can be forced. ``searches``: the host lends Claude a search of the web."""
    if not traits.tools:
        return {}
    choice, listed = parameters.tool_choice(), parameters.tools()
    is_parallel = parameters.value("parallel_tool_calls") is not False
    written = [_tool(each, position, traits, parameters, enforced) for position, each in enumerate(listed)]
    tools = [tool for tool in written if tool is not None]
    if searches and not any(tool.get("name") == _SEARCH["name"] for tool in tools):
        tools += _search(parameters)
    if choice is not None and choice.mode == "required" and (bars_force or not tools):
        parameters.unsupported("tool_choice")
        choice = ToolChoice("auto", choice.names)
    if choice is not None and choice.names:
        unknown = unknown_choice(choice, [str(tool.get("name")) for tool in tools])
        if unknown is not None:
            return unknown
        if not _names_one(choice):
            allowed = choice.allowed
            tools = [tool for tool in tools if str(tool.get("name")) in allowed]
    if not tools:
        return {}
    if choice is None and is_parallel:
        return {"tools": tools}
    return {"tools": tools, "tool_choice": _choice(choice or ToolChoice("auto"), is_parallel=is_parallel)}


def _names_one(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.names) == 1


def _choice(choice: ToolChoice, *, is_parallel: bool) -> dict[str, Any]:
    """How to choose. Of several allowed tools nothing is said here: the others weren't offered."""
    if choice.mode == "none":
        return {"type": "none"}
    written: dict[str, Any] = {"type": "auto" if choice.mode == "auto" else "any"}
    if _names_one(choice):
        written = {"type": "tool", "name": choice.names[0]}
    return written if is_parallel else {**written, "disable_parallel_tool_use": True}


def _tool(
    tool: Tool | NativeTool, position: int, traits: Traits, parameters: Parameters, enforced: Enforced
) -> dict[str, Any] | None:
    path = place_of(tool, position)
    if isinstance(tool, NativeTool):
        native = _native(tool)
        if native is None:
            parameters.unsupported(path)
        return native
    written: dict[str, Any] = {"name": tool.name}
    root = plain_root(object_schema(tool.parameters))
    if description := root.described(tool.description):
        written["description"] = description
    given_schema = root.data
    is_strict = tool.strict is True and traits.json_schema and enforced.admits(strict_schema(given_schema))
    schema = strict_schema(given_schema) if is_strict else StrictSchema(given_schema)
    written["input_schema"] = msgspec.Raw(schema.data)
    for keyword in (*root.lost, *schema.lost):
        parameters.unsupported(f"{path}.function.parameters.{keyword}")
    if is_strict:
        written["strict"] = True
    elif tool.strict:
        parameters.unsupported(f"{path}.function.strict")
    for name, value in tool.extras.items():
        if name in _EXTRAS:
            written[name] = value
        else:
            parameters.unsupported(f"{path}.{name}")
    return written if tool.cache is None else {**written, "cache_control": tool.cache}


def _search(parameters: Parameters) -> list[dict[str, Any]]:
    """The tool that OpenAI's ``web_search_options`` ask for, if they are given."""
    options = parameters.value("web_search_options")
    if not isinstance(options, dict):
        return []
    written: dict[str, Any] = dict(_SEARCH)
    for name, value in options.items():
        place = value.get("approximate") if name == "user_location" and isinstance(value, dict) else None
        if isinstance(place, dict):
            written[name] = {"type": "approximate", **place}
        elif value is not None and (name, value) != _USUAL_CONTEXT:
            parameters.unsupported(f"web_search_options.{name}")
    return [written]


def _native(tool: NativeTool) -> dict[str, Any] | None:
    """A tool of Anthropic's own, as given or in Portkey's form, ``{"type": T, T: {"name": its type, ...}}``."""
    inner = tool.value.get(tool.type)
    if isinstance(inner, dict) and isinstance(inner.get("name"), str) and _NATIVE.fullmatch(inner["name"]):
        beside = {name: value for name, value in tool.value.items() if name not in {"type", tool.type}}
        return {**beside, **inner, "name": tool.type, "type": inner["name"]}
    is_native = _NATIVE.fullmatch(tool.type) is not None and not isinstance(inner, dict)
    is_native = is_native or tool.owner == Owner.ANTHROPIC
    return dict(tool.value) if is_native else None
