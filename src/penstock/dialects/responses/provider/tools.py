"""Tools and the choice among them, in the words of Responses.

Source: OpenAI API reference, "Create a model response" (``tools``, ``tool_choice``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import NativeTool, Tool, ToolChoice, place_of
from penstock.core.failure import Failure
from penstock.core.parameters import Parameters
from penstock.dialects.function_tools import unknown_choice

_OWN: Final = re.compile(
    r"web_search(?:_preview)?(?:_.+)?|file_search|code_interpreter|image_generation|mcp|computer.*|local_shell|shell"
    r"|apply_patch|tool_search|namespace"
)
"""The types of tools that this wire has beside functions."""
_TAKES_NOTHING: Final = msgspec.Raw(b'{"type":"object","properties":{}}')
_USUAL_SIZE: Final = "medium"


def write_tools(parameters: Parameters) -> dict[str, Any] | Failure:
    """The members ``tools`` and ``tool_choice``, as far as there are any."""
    choice, listed = parameters.tool_choice(), parameters.tools()
    tools: list[Mapping[str, Any]] = []
    for position, tool in enumerate(listed):
        path = place_of(tool, position)
        written = _tool(tool, path, parameters)
        if written is None:
            parameters.unsupported(path)
        else:
            tools.append(written)
    tools += _search(parameters, tools)
    parallel = parameters.value("parallel_tool_calls")
    if not tools:
        if choice is not None and choice.mode == "required":
            parameters.unsupported("tool_choice")
        return {}
    kinds = {str(tool.get("name") or tool["type"]): str(tool["type"]) for tool in tools}
    unknown = unknown_choice(choice, kinds)
    if unknown is not None:
        return unknown
    members: dict[str, Any] = {"tools": tools}
    if choice is not None:
        members["tool_choice"] = _choice(choice, kinds)
    return members if parallel is None else {**members, "parallel_tool_calls": parallel}


def _choice(choice: ToolChoice, kinds: Mapping[str, str]) -> Any:
    chosen = [_chosen(name, kinds) for name in choice.names]
    if not chosen:
        return choice.mode
    if choice.mode == "required" and len(chosen) == 1:
        return chosen[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": chosen}


def _chosen(name: str, kinds: Mapping[str, str]) -> dict[str, Any]:
    kind = kinds[name]
    return {"type": kind, "name": name} if kind in {"function", "custom"} else {"type": kind}


def _tool(tool: Tool | NativeTool, path: str, parameters: Parameters) -> Mapping[str, Any] | None:
    if isinstance(tool, NativeTool):
        return _native(tool)
    for name in (*(("cache_control",) if tool.cache else ()), *tool.extras):
        parameters.unsupported(f"{path}.{name}")
    described = {"description": tool.description} if tool.description else {}
    schema = msgspec.Raw(tool.parameters) if tool.parameters else _TAKES_NOTHING
    # Left out, `strict` is true here and false in chat completions.
    return {"type": "function", "name": tool.name, **described, "parameters": schema, "strict": tool.strict is True}


def _native(tool: NativeTool) -> Mapping[str, Any] | None:
    """A tool of OpenAI's own, or one for free text, which chat completions write with an object of its own."""
    if tool.type == "custom":
        custom = json_text.mapping(tool.value, "custom") or tool.value
        form = json_text.mapping(custom, "format")
        grammar = json_text.mapping(form, "grammar")
        flat = {"format": {"type": "grammar", **grammar}} if grammar else {"format": form} if form else {}
        described = {"description": custom["description"]} if custom.get("description") else {}
        return {"type": "custom", "name": custom.get("name"), **described, **flat}
    if _OWN.fullmatch(tool.type) is None:
        return None
    if tool.type == "code_interpreter" and "container" not in tool.value:
        return {**tool.value, "container": {"type": "auto"}}
    return tool.value


def _search(parameters: Parameters, tools: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tool that ``web_search_options`` of chat completions ask for, if they are given."""
    options = parameters.value("web_search_options")
    if not isinstance(options, dict) or any(str(tool["type"]).startswith("web_search") for tool in tools):
        return []
    written: dict[str, Any] = {"type": "web_search"}
    for name, value in options.items():
        place = value.get("approximate") if name == "user_location" and isinstance(value, dict) else None
        if isinstance(place, dict):
            written[name] = {"type": "approximate", **place}
        elif name == "search_context_size":
            written |= {name: value} if value != _USUAL_SIZE else {}
        elif value is not None:
            parameters.unsupported(f"web_search_options.{name}")
    return [written]
