"""The tools of a caller of Gemini, and the choice among them.

A tool holds functions, or one of Google's own tools under its name, of which some have a counterpart elsewhere.
Sources: Gemini API reference, "Tool", "FunctionDeclaration", "FunctionCallingConfig".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice
from penstock.dialects.gemini.caller.schema import json_schema
from penstock.dialects.gemini.spelling import camel, own_members
from penstock.dialects.malformed import Malformed, text_in
from penstock.dialects.tool_memory import ToolMemory, Tools

_FUNCTIONS: Final = "functionDeclarations"
_KINDS: Final[Mapping[str, str]] = {
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "urlContext": "fetch",
    "codeExecution": "code",
}
"""Google's own tools, by the kind that other makers have, too."""
_SCHEMAS: Final = ("parametersJsonSchema", "parameters")
_MEMBERS: Final = frozenset({"name", "description", *_SCHEMAS})
_memory: Final = ToolMemory()


def read_tools(body: Body) -> Tools:
    """All tools, functions one by one. Raises Malformed."""
    return () if body.is_null("tools") else _memory.tools(body.raw("tools") or b"", lambda: _read(body))


def _read(body: Body) -> Iterator[Tool | NativeTool]:
    try:
        tools = body.objects("tools") if body.is_array("tools") else [Body.parse(body.raw("tools") or b"")]
        for position, each in enumerate(tools):
            yield from _tool(each, f"tools[{position}]")
    except BodyError:
        raise Malformed("tools", "an array of tools") from None


def _tool(tool: Body, path: str) -> Iterator[Tool | NativeTool]:
    for spelling in tool:
        name = camel(spelling)
        if name == _FUNCTIONS:
            yield from _functions(tool, spelling, path)
        elif not tool.is_null(spelling):
            settings = tool.value(spelling)
            value = {"type": name, **(own_members(settings) if isinstance(settings, dict) else {})}
            yield NativeTool(name, value, Owner.GOOGLE, _KINDS.get(name, ""), path=f"{path}.{name}")


def _functions(tool: Body, spelling: str, path: str) -> Iterator[Tool]:
    if tool.is_null(spelling):
        return
    if not tool.is_array(spelling):
        raise Malformed(f"{path}.{_FUNCTIONS}", "an array of functions")
    for position, function in enumerate(tool.objects(spelling)):
        yield _function(function, f"{path}.{_FUNCTIONS}[{position}]")


def _function(function: Body, path: str) -> Tool:
    spellings = {camel(spelling): spelling for spelling in function if not function.is_null(spelling)}
    name = function.value("name")
    if not isinstance(name, str) or not name:
        raise Malformed(f"{path}.name", "a non-empty string")
    schema = b""
    for member in _SCHEMAS:
        if member in spellings and not schema:
            if not isinstance(function.value(spellings[member]), dict):
                raise Malformed(f"{path}.{member}", "an object")
            schema = json_schema(function.raw(spellings[member]) or b"")
    extras = {member: function.value(spelling) for member, spelling in spellings.items() if member not in _MEMBERS}
    return Tool(name, text_in(function.value("description")), schema, extras=extras, path=path)


_MODES: Final[Mapping[str, ToolChoice]] = {
    "AUTO": ToolChoice("auto"),
    "VALIDATED": ToolChoice("auto"),
    "ANY": ToolChoice("required"),
    "NONE": ToolChoice("none"),
}


def read_choice(config: Any) -> tuple[ToolChoice | None, dict[str, Any]]:
    """The choice that a ``toolConfig`` makes, and its other members. Raises Malformed."""
    members = own_members(config)
    calling = own_members(members.pop("functionCallingConfig", None))
    mode = calling.get("mode")
    if mode in (None, "", "MODE_UNSPECIFIED"):
        return None, members
    choice = _MODES.get(mode.upper()) if isinstance(mode, str) else None
    if choice is None:
        raise Malformed("toolConfig.functionCallingConfig.mode", "AUTO, ANY, NONE or VALIDATED")
    names = calling.get("allowedFunctionNames") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Malformed("toolConfig.functionCallingConfig.allowedFunctionNames", "an array of names")
    if names and choice.mode != "none":
        choice = msgspec.structs.replace(choice, names=tuple(names))
    return choice, members
