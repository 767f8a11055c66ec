"""Tools and the choice among them, in Gemini's words.

Functions stand together in one tool, each of Google's own in one of its own. Functions by the names of those stand for
them (docs/portkey.md#gemini), unless they have parameters: then they are what they say. Sources:
Gemini API reference, "Tool", "ToolConfig", "FunctionDeclaration"; Gemini API docs, "Function calling".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import NativeTool, Tool, ToolChoice, place_of
from penstock.core.failure import Failure
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.function_tools import unknown_choice
from penstock.dialects.gemini.provider.schema import google_schema
from penstock.dialects.gemini.spelling import snake, take_object

_MODES: Final[Mapping[str, str]] = {"auto": "AUTO", "none": "NONE", "required": "ANY"}

OWN_TOOLS: Final = (
    "googleSearch",
    "googleSearchRetrieval",
    "googleMaps",
    "computerUse",
    "urlContext",
    "codeExecution",
    "fileSearch",
    "enterpriseWebSearch",
    "retrieval",
    "mcpServers",
)
"""Google's own tools, by the member of a tool that each is."""


_BY_NAME: Final[Mapping[str, str]] = {spelling: name for name in OWN_TOOLS for spelling in (name, snake(name))}
_RESERVED: Final[Mapping[str, tuple[str, ...]]] = {
    "googleSearch": ("timeRangeFilter", "excludeDomains", "searchTypes"),
    "googleSearchRetrieval": ("dynamicRetrievalConfig",),
    "googleMaps": ("enableWidget",),
    "computerUse": ("environment", "excludedPredefinedFunctions"),
    "urlContext": (),
    "codeExecution": (),
}
"""Those that a function's name stands for, and the settings that its ``parameters`` may hold."""
_USUAL_CONTEXT: Final = ("search_context_size", "medium")
_EXTRAS: Final = frozenset({"behavior", "response", "responseJsonSchema"})
"""Members of a function that OpenAI's dialect lacks and Gemini's knows."""
_STREAMED: Final = ("streamFunctionCallArguments", "stream_function_call_arguments")
"""Arguments in pieces by JSON path: none of our reading."""


def write_tools(parameters: Parameters, traits: Traits) -> dict[str, Any] | Failure:
    """The members ``tools`` and ``toolConfig``, as far as there are any."""
    config = _own_config(parameters)
    takes_any = traits.tools or traits.own_tools
    choice = parameters.tool_choice() if takes_any else None
    functions: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for position, tool in enumerate(parameters.tools() if takes_any else ()):
        path = place_of(tool, position)
        found = _own_tool(tool, config)
        if found is not None:
            own.append(found)
        elif isinstance(tool, Tool) and traits.tools:
            functions.append(
                _function(tool, path, parameters, must_call=choice is not None and choice.mode == "required")
            )
        else:
            parameters.unsupported(path)
    unknown = unknown_choice(choice, [each["name"] for each in functions]) if traits.tools else None
    if unknown is not None:
        return unknown
    if takes_any and not functions and not any("googleSearch" in tool for tool in own):
        own += _search(parameters)
    if choice is not None:
        functions = _choose(choice, functions, config, parameters)
        own = [] if choice.mode == "none" else own
    tools = [{"functionDeclarations": functions}, *own] if functions else own
    return {**({"tools": tools} if tools else {}), **({"toolConfig": config} if config else {})}


def _own_config(parameters: Parameters) -> dict[str, Any]:
    """The caller's own ``toolConfig``."""
    config = take_object(parameters, "toolConfig")
    calling = config.get("functionCallingConfig")
    if isinstance(calling, dict) and any(name in calling for name in _STREAMED):
        parameters.unsupported("tool_config.function_calling_config.stream_function_call_arguments")
        config["functionCallingConfig"] = {name: value for name, value in calling.items() if name not in _STREAMED}
    return config


def _choose(
    choice: ToolChoice, functions: list[dict[str, Any]], config: dict[str, Any], parameters: Parameters
) -> list[dict[str, Any]]:
    """Say the choice in ``config``; what the caller said there himself wins. The functions to offer: only of calls
    that must be made can the allowed ones be named."""
    if not functions:
        if choice.mode == "required":
            parameters.unsupported("tool_choice")
        return functions
    calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.names and choice.mode == "required":
        calling["allowedFunctionNames"] = list(choice.names)
    elif choice.names:
        allowed = choice.allowed
        functions = [function for function in functions if function["name"] in allowed]
    own = config.get("functionCallingConfig")
    config["functionCallingConfig"] = {**calling, **(own if isinstance(own, dict) else {})}
    return functions


def _function(tool: Tool, path: str, parameters: Parameters, *, must_call: bool) -> dict[str, Any]:
    """A function. Google keeps to its schema only where a call must be made: ``strict`` can't be had elsewhere."""
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.parameters:
        schema = google_schema(tool.parameters)
        if not schema.takes_nothing:
            written["parametersJsonSchema" if schema.is_json_schema else "parameters"] = msgspec.Raw(schema.data)
        for keyword in schema.lost:
            parameters.unsupported(f"{path}.function.parameters.{keyword}")
    if tool.strict and not must_call:
        parameters.unsupported(f"{path}.function.strict")
    if tool.cache is not None:
        parameters.unsupported(f"{path}.cache_control")
    for name, value in tool.extras.items():
        if name in _EXTRAS:
            written[name] = value
        else:
            parameters.unsupported(f"{path}.{name}")
    return written


def _search(parameters: Parameters) -> list[dict[str, Any]]:
    """The tool that OpenAI's ``web_search_options`` ask for, if they are given. Google knows none of their settings."""
    options = parameters.value("web_search_options")
    if not isinstance(options, dict):
        return []
    for name, value in options.items():
        if value is not None and (name, value) != _USUAL_CONTEXT:
            parameters.unsupported(f"web_search_options.{name}")
    return [{"googleSearch": {}}]


def _own_tool(tool: Tool | NativeTool, config: dict[str, Any]) -> dict[str, Any] | None:
    """One of Google's own tools; None when it is none."""
    if isinstance(tool, NativeTool):
        return _native(tool)
    name = _BY_NAME.get(tool.name, "")
    settings = tool.schema()
    if name not in _RESERVED or settings.get("properties"):
        return None
    place = settings.get("retrievalConfig")
    if name == "googleMaps" and isinstance(place, dict):
        config.setdefault("retrievalConfig", place)
    return {name: {setting: settings[setting] for setting in _RESERVED[name] if setting in settings}}


def _native(tool: NativeTool) -> dict[str, Any] | None:
    """A tool as Google has it, ``{"googleSearch": {}}``, or by its type, its settings beside it or under its name."""
    name = _BY_NAME.get(tool.type)
    if name is None:
        found = {_BY_NAME[member]: value for member, value in tool.value.items() if member in _BY_NAME}
        return found or None
    inner = tool.value.get(tool.type)
    beside = {member: value for member, value in tool.value.items() if member not in {"type", tool.type}}
    return {name: {**beside, **(inner if isinstance(inner, dict) else {})}}
