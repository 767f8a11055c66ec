"""A chat request in OCI's COHERE shape, which the Command R family takes: Cohere's first API.

There is one ``message``, the user's last; what came before is history, and results of tools called since then go beside
it. Tools have parameters of Python's types, not a schema, and calls have no ids. Source: OCI Generative AI Inference
API, "CohereChatRequest" and the types of its members.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import (
    SYSTEM_ROLES,
    ChatRequest,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    place_of,
)
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json
from penstock.core.parameters import Parameters
from penstock.dialects.dialect import WriteContext
from penstock.dialects.function_tools import take_functions
from penstock.dialects.oracle.cohere import common

_ROLES: Final = {"user": "USER", "assistant": "CHATBOT", "system": "SYSTEM", "developer": "SYSTEM"}
_TYPES: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list"}
_SAID: Final = frozenset({"type", "description", "title", "default"})
"""What of a parameter's schema can be said, or loses nothing."""


def write(request: ChatRequest, parameters: Parameters, context: WriteContext) -> dict[str, Any] | Failure:
    """The chat request, all but its format and what is about delivery."""
    calls = {
        part.id: _call(part) for message in request.messages for part in message.parts if isinstance(part, ToolCall)
    }
    before, last = _cut(request.messages)
    if last is None and not any(message.role == "tool" for message in request.messages[len(before) :]):
        text = f"{context.model} answers a conversation that ends with a user's message or a tool's result."
        return Failure(Kind.INVALID_REQUEST, text, "messages")
    found: dict[str, Any] = {"message": "" if last is None else _text(last.parts, last, parameters)}
    leading = list(itertools.takewhile(lambda message: message.role in SYSTEM_ROLES, before))
    history = [_said(message, calls, parameters) for message in before[len(leading) :]]
    if leading:
        found["preambleOverride"] = "\n\n".join(_text(message.parts, message, parameters) for message in leading)
    if history:
        found["chatHistory"] = history
    if last is None:
        found["toolResults"] = [_result(message, calls, parameters) for message in request.messages[len(before) :]]
    return {**found, **common(parameters), **_tools(parameters)}


def _cut(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], Message | None]:
    """The history, and the user's last message; None when tools have answered since, or nobody asked."""
    if messages[-1].role == "user":
        return messages[:-1], messages[-1]
    end = len(messages)
    while end and messages[end - 1].role == "tool":
        end -= 1
    return messages[:end], None


def _said(message: Message, calls: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "TOOL", "toolResults": [_result(message, calls, parameters)]}
    found: dict[str, Any] = {"role": _ROLES[message.role], "message": _text(message.parts, message, parameters)}
    made = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    return {**found, "toolCalls": made} if made else found


def _result(message: Message, calls: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """A result with its call, which only the first result of it tells whole."""
    result = next(part for part in message.parts if isinstance(part, ToolResult))
    if result.is_error:
        parameters.unsupported(f"{message.path}.is_error")
    call = calls.get(result.id, {"name": result.name, "parameters": {}})
    calls[result.id] = {"name": call["name"], "parameters": {}}
    return {"call": call, "outputs": [{"output": _text(result.parts, message, parameters)}]}


def _call(call: ToolCall) -> dict[str, Any]:
    """Arguments that are no object become the ``input`` of one."""
    try:
        arguments = read_json(call.arguments.encode("utf-8", "surrogatepass")) if call.arguments else {}
    except ValueError:
        arguments = None
    return {"name": call.name, "parameters": arguments if isinstance(arguments, dict) else {"input": call.arguments}}


def _text(parts: tuple[Part, ...], message: Message, parameters: Parameters) -> str:
    """All text. Nothing else can be said."""
    if message.name:
        parameters.unsupported(f"{message.path}.name")
    for position, part in enumerate(parts):
        if isinstance(part, TextPart) and part.cache is not None:
            parameters.unsupported(f"{message.path}.content[{position}].cache_control")
        elif not isinstance(part, TextPart | ReasoningPart | ToolCall):
            parameters.unsupported(f"{message.path}.content[{position}]")
    return "".join(part.text for part in parts if isinstance(part, TextPart))


# Tools.


def _tools(parameters: Parameters) -> dict[str, Any]:
    choice = parameters.tool_choice()
    offered = list(enumerate(take_functions(parameters)))
    if choice is not None:
        if choice.mode == "none":
            return {}
        if choice.mode == "required":
            parameters.unsupported("tool_choice")
        allowed = choice.allowed
        offered = [(n, tool) for n, tool in offered if not allowed or tool.name in allowed]
    found = [_tool(tool, f"{place_of(tool, n)}.function.parameters", parameters) for n, tool in offered]
    return {"tools": found} if found else {}


def _tool(tool: Tool, path: str, parameters: Parameters) -> dict[str, Any]:
    schema = tool.schema()
    properties, required = schema.get("properties"), schema.get("required")
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    definitions = {
        name: _definition(each, is_required=name in needed)
        for name, each in (properties.items() if isinstance(properties, dict) else ())
    }
    if not _is_said(schema):
        parameters.unsupported(path)
    return {
        "name": tool.name,
        "description": tool.description,
        **({"parameterDefinitions": definitions} if definitions else {}),
    }


def _definition(schema: Any, *, is_required: bool) -> dict[str, Any]:
    members = schema if isinstance(schema, dict) else {}
    kind = members.get("type")
    description = members.get("description")
    return {
        "type": _TYPES.get(kind, "dict") if isinstance(kind, str) else "str",
        **({"description": description} if isinstance(description, str) else {}),
        "isRequired": is_required,
    }


def _is_said(schema: Mapping[str, Any]) -> bool:
    """Whether all that is known of the parameters can be said."""
    properties = schema.get("properties")
    return all(
        isinstance(each, dict) and isinstance(each.get("type"), str) and _SAID.issuperset(each)
        for each in (properties.values() if isinstance(properties, dict) else ())
    )
