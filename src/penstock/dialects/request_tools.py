"""Tools of a request as OpenAI's callers write them, and the choice among them: Ollama's and Cohere's callers write
the same. Source: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, ToolForm
from penstock.dialects.free_text_tools import CUSTOM, free_text_function
from penstock.dialects.malformed import Malformed
from penstock.dialects.tool_memory import ToolMemory, Tools


def value_of(body: Body, name: str) -> Any:
    """A member's value. Raises Malformed for one that is no JSON."""
    try:
        return body.value(name)
    except BodyError:
        raise Malformed(name, "valid JSON") from None


def elements_of(body: Body, name: str) -> list[Body]:
    """The objects of an array; their members keep their bytes."""
    if not body.is_array(name):
        raise Malformed(name, "an array of objects")
    try:
        return body.objects(name)
    except BodyError:
        raise Malformed(name, "an array of objects") from None


_memory: Final = ToolMemory()


def read_tools(body: Body) -> Tools:
    """The tools of a body. Raises Malformed."""
    return _memory.tools(body.raw("tools") or b"", lambda: _read(body))


def _read(body: Body) -> Iterator[Tool | NativeTool]:
    for position, tool in enumerate(elements_of(body, "tools")):
        yield _tool(tool, f"tools[{position}]")


def _tool(tool: Body, path: str) -> Tool | NativeTool:
    kind = value_of(tool, "type") or ("function" if "function" in tool else "")
    if not kind and ANTHROPICS_SCHEMA in tool:
        return _anthropic_tool(tool, path)
    if not isinstance(kind, str):
        raise Malformed(f"{path}.type", "a string")
    if kind == CUSTOM and ANTHROPICS_SCHEMA not in tool:
        return _free_text_tool(tool, path)
    if kind != "function":
        return NativeTool(kind, {name: value_of(tool, name) for name in tool})
    if "function" not in tool and "name" in tool:
        return read_function(tool.without("type"), path, {})
    function = object_of(tool, "function", f"{path}.function")
    beside = {name: value_of(tool, name) for name in tool if name not in {"type", "function"}}
    return read_function(function, f"{path}.function", beside)


def _free_text_tool(tool: Body, path: str) -> NativeTool:
    """A tool for free text, with its members in an object of their own or, as Cursor sends it in chat completions and
    Responses have it, beside the type. Models of other makers are offered a function in its place."""
    is_flat = CUSTOM not in tool
    value = {name: value_of(tool, name) for name in tool}
    custom = {name: value[name] for name in value if name != "type"} if is_flat else value[CUSTOM]
    own = path if is_flat else f"{path}.{CUSTOM}"
    if not isinstance(custom, dict):
        raise Malformed(own, "an object")
    name, description, form = (custom.get(member) for member in ("name", "description", "format"))
    if not isinstance(name, str) or not name:
        raise Malformed(f"{own}.name", "a non-empty string")
    if not isinstance(description, str | None):
        raise Malformed(f"{own}.description", "a string")
    function = free_text_function(name, description or "", form if isinstance(form, dict) else {})
    if not is_flat:
        extras = {f"{CUSTOM}.{member}": lost for member, lost in function.extras.items()}
        function = msgspec.structs.replace(function, extras=extras)
    return NativeTool(CUSTOM, {"type": CUSTOM, CUSTOM: custom} if is_flat else value, Owner.OPENAI, function=function)


def free_text_forms(tools: Tools) -> Mapping[str, ToolForm]:
    """How the calls of tools for free text are written, by the name of the function that stands for each."""
    return {
        tool.function.name: ToolForm(CUSTOM, tool.function.name)
        for tool in tools
        if isinstance(tool, NativeTool) and tool.type == CUSTOM and tool.function is not None
    }


def _anthropic_tool(tool: Body, path: str) -> Tool:
    """Anthropic's form of a tool, which Cursor sends in chat completions: ``{name, description, input_schema}``."""
    members = {name: tool.raw(name) or b"null" for name in tool if name not in {"type", ANTHROPICS_SCHEMA}}
    members["parameters"] = tool.raw(ANTHROPICS_SCHEMA) or b"null"
    return read_function(Body(members), path, {})


def object_of(body: Body, name: str, path: str) -> Body:
    """A member that is an object, whose members keep their bytes. Raises Malformed."""
    try:
        return Body.parse(body.raw(name) or b"")
    except BodyError:
        raise Malformed(path, "an object") from None


def check_schema(body: Body, name: str, path: str) -> None:
    """Check a JSON schema, whose bytes are kept: dialects that parse it need valid JSON with an object at the top."""
    try:
        value = body.value(name)
    except BodyError:
        value = None
    if not isinstance(value, dict):
        raise Malformed(path, "an object")


def read_function(function: Body, path: str, beside: Mapping[str, Any]) -> Tool:
    """A function. ``beside`` are the members beside it. Raises Malformed."""
    name, description = value_of(function, "name"), value_of(function, "description")
    if not isinstance(name, str) or not name:
        raise Malformed(f"{path}.name", "a non-empty string")
    if not isinstance(description, str | None):
        raise Malformed(f"{path}.description", "a string")
    parameters = function.raw("parameters")
    if parameters is not None and not function.is_null("parameters"):
        check_schema(function, "parameters", f"{path}.parameters")
    else:
        parameters = b""
    extras = {
        **{name: value_of(function, name) for name in function if name not in _FUNCTION_MEMBERS},
        **beside,
    }
    cache, strict = extras.pop("cache_control", None), value_of(function, "strict")
    return Tool(
        name,
        description or "",
        parameters,
        strict if isinstance(strict, bool) else None,
        cache if isinstance(cache, dict) else None,
        extras,
    )


ANTHROPICS_SCHEMA: Final = "input_schema"
"""Where Anthropic's tools have their parameters: no tool of OpenAI's has such a member."""
_FUNCTION_MEMBERS: Final = frozenset({"name", "description", "parameters", "strict"})
_MODES: Final = frozenset({"auto", "none", "required"})


def read_choice(value: Any) -> ToolChoice:
    """The choice among tools. Raises Malformed."""
    if value in ("any", {"type": "any"}):  # the word of Mistral and Anthropic
        value = "required"
    if isinstance(value, str) and value in _MODES:
        return ToolChoice(value)  # type: ignore[arg-type]
    if isinstance(value, dict):
        if value.get("type") == "allowed_tools":
            allowed = value.get("allowed_tools")
            allowed = allowed if isinstance(allowed, dict) else value
            tools = allowed.get("tools")
            names = tuple(filter(None, map(_chosen, tools if isinstance(tools, list) else ())))
            return ToolChoice("required" if allowed.get("mode") == "required" else "auto", names)
        name = _chosen(value)
        if name:
            return ToolChoice("required", (name,))
        if value.get("type") in ("auto", "none", "required"):
            return ToolChoice(value["type"])
    raise Malformed("tool_choice", 'auto, none, required or {"type": "function", "function": {"name": NAME}}')


def _chosen(value: Any) -> str:
    """The name of the function or custom tool in a tool choice."""
    if not isinstance(value, dict):
        return ""
    for holder in (value.get("function"), value.get("custom"), value):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    return ""
