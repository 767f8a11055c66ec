"""The functions among a request's tools, as far as several dialects say the same of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.chat import Tool, ToolChoice, place_of
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.parameters import Parameters

_TAKES_NOTHING: Final = b'{"type":"object","properties":{}}'


def take_functions(parameters: Parameters, *, strict: bool = False) -> list[Tool]:
    """Take the tools, for a dialect in which only functions can be said, and only what OpenAI knows of them.

    ``strict``: the dialect can say that a function's schema is to be kept to.
    """
    functions: list[Tool] = []
    for position, tool in enumerate(parameters.tools()):
        path = place_of(tool, position)
        if not isinstance(tool, Tool):
            parameters.unsupported(path)
            continue
        functions.append(tool)
        lost = {"function.strict": tool.strict and not strict, "cache_control": tool.cache, **tool.extras}
        for name, value in lost.items():
            if value:
                parameters.unsupported(f"{path}.{name}")
    return functions


def unknown_choice(choice: ToolChoice | None, names: Collection[str]) -> Failure | None:
    """What is wrong with a choice that names a function which isn't among those offered."""
    known = frozenset(names)
    unknown = next((name for name in choice.names if name not in known), None) if choice is not None else None
    if unknown is None:
        return None
    text = f"tool_choice names {unknown!r}, which is not among the functions in tools: add it there."
    return Failure(Kind.INVALID_REQUEST, text, "tool_choice")


def only_allowed(choice: ToolChoice | None, tools: list[Tool]) -> list[Tool]:
    """The tools that may be called: all of them, unless the choice names some."""
    if choice is None or not choice.names:
        return tools
    allowed = choice.allowed
    return [tool for tool in tools if tool.name in allowed]


def described(tool: Tool) -> dict[str, Any]:
    """A function's name, description and parameters, which are said also where there are none."""
    description = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **description, "parameters": msgspec.Raw(tool.parameters or _TAKES_NOTHING)}


def object_schema(parameters: bytes) -> bytes:
    """Parameters as they are, but for the type, which some demand and OpenAI's callers leave out."""
    if not parameters:
        return _TAKES_NOTHING
    members = Body.parse(parameters)
    if "type" in members:
        return parameters
    return write_json({"type": "object", **{name: msgspec.Raw(members.raw(name) or b"null") for name in members}})
