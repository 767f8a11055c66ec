"""Writes a chat request in OpenAI's shape, also for hosts that wrap this shape in an envelope of their own.

A ``Host`` lists the parameters and content parts that one host takes, or takes everything. Other parameters are not
taken and therefore reported to the caller as dropped. Replies: reply.py. Source: OpenAI API reference,
"Create chat completion".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativeTool,
    Part,
    ReasoningPart,
    Source,
    Stored,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    UnknownPart,
    place_of,
)
from penstock.core.parameters import Parameters
from penstock.dialects.malformed import marker_name


class Host(msgspec.Struct, frozen=True):
    """The features of a host. ``parameters`` are OpenAI's names, ``parts`` the values of a part's ``type``; None: all.

    ``limit`` is the name of the answer's token limit if the host knows only one name. ``lists``: the content of
    messages that aren't the user's may be a list of parts; if not, their texts are joined with ``joint`` between them.
    ``thinks``: the host takes an assistant's earlier reasoning.
    """

    parameters: frozenset[str] | None = None
    parts: frozenset[str] | None = None
    limit: str = ""
    lists: bool = True
    thinks: bool = True
    joint: str = ""

    def takes(self, parameter: str) -> bool:
        return self.parameters is None or parameter in self.parameters


ANYTHING: Final = Host()
DOCUMENTED: Final = frozenset(
    """
    audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens modalities n parallel_tool_calls
    prediction presence_penalty prompt_cache_key prompt_cache_retention reasoning_effort response_format
    safety_identifier seed service_tier stop store temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options
    """.split()
)
"""The parameters that OpenAI documents. Parameters that exist only in other wires are not sent."""
_TYPED: Final = frozenset({"tools", "tool_choice", "response_format", "reasoning", "stop"})
_SCHEMA_NAME: Final = "answer"
"""The name of a schema without a name: OpenAI requires a name."""
_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})


def body(request: ChatRequest, parameters: Parameters, host: Host = ANYTHING) -> dict[str, Any]:
    """The body without ``model``, ``stream`` and ``stream_options``."""
    members: dict[str, Any] = {"messages": [_message(message, parameters, host) for message in request.messages]}
    limit = parameters.max_tokens() if host.limit else None
    if limit is not None:
        members[host.limit] = limit
    for name in request.parameters:
        value = parameters.value(name) if name not in _TYPED and host.takes(name) else None
        if value is not None:
            members[name] = value
    stop = parameters.stop() if host.takes("stop") else []
    if stop:
        members["stop"] = stop
    return {**members, **_tools(parameters, host), **_format(parameters, host), **_reasoning(parameters, host)}


# Parameters with a type in core/chat.py.


def _tools(parameters: Parameters, host: Host) -> dict[str, Any]:
    """The tools and the tool choice. If the choice allows several tools, only these tools are sent: hosts can't express
    the choice otherwise."""
    if not host.takes("tools"):
        return {}
    choice = parameters.tool_choice() if host.takes("tool_choice") else None
    tools = list(enumerate(parameters.tools()))
    members: dict[str, Any] = {}
    if choice is not None:
        members["tool_choice"] = choice.mode
        if choice.mode == "required" and len(choice.names) == 1:
            members["tool_choice"] = {"type": "function", "function": {"name": choice.names[0]}}
        elif choice.names:
            allowed = choice.allowed
            tools = [(n, tool) for n, tool in tools if isinstance(tool, NativeTool) or tool.name in allowed]
    offered = [each for n, tool in tools for each in _tool(tool, place_of(tool, n), parameters, host)]
    if offered:
        members["tools"] = offered
    return members


def _tool(tool: Tool | NativeTool, path: str, parameters: Parameters, host: Host) -> Iterable[Mapping[str, Any]]:
    if isinstance(tool, NativeTool):
        if host.parameters is None:
            yield tool.value
        else:
            parameters.unsupported(path)
        return
    for name in (*(("cache_control",) if tool.cache else ()), *tool.extras):
        parameters.unsupported(f"{path}.{name}")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = msgspec.Raw(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    yield {"type": "function", "function": function}


def _format(parameters: Parameters, host: Host) -> dict[str, Any]:
    form = parameters.format() if host.takes("response_format") else None
    if form is None:
        return {}
    response_format: dict[str, Any] = {"type": form.kind}
    if form.kind == "json_schema":
        described = {"description": form.description} if form.description else {}
        schema = {"schema": msgspec.Raw(form.schema)} if form.schema else {}
        strict = {} if form.strict is None else {"strict": form.strict}
        response_format["json_schema"] = {"name": form.name or _SCHEMA_NAME, **described, **schema, **strict}
    return {"response_format": response_format}


def _reasoning(parameters: Parameters, host: Host) -> dict[str, Any]:
    """The reasoning settings, under the same parameters as in the caller's request."""
    reasoning = parameters.reasoning()
    if reasoning is None:
        return {}
    members: dict[str, Any] = {}
    if reasoning.effort:
        members["reasoning_effort"] = reasoning.effort
    if reasoning.native is not None:
        members["thinking"] = reasoning.native
    elif reasoning.budget is not None or reasoning.enabled is not None:
        openrouter = {"max_tokens": reasoning.budget, "enabled": reasoning.enabled}
        members["reasoning"] = {name: value for name, value in openrouter.items() if value is not None}
    for name in members:
        if not host.takes(name):
            parameters.unsupported(name)
    return {name: value for name, value in members.items() if host.takes(name)}


# Messages.


def _message(message: Message, parameters: Parameters, host: Host) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            parameters.unsupported(f"{message.path}.is_error")
        content = _content(result.parts, message, parameters, host)
        return {"role": role, "tool_call_id": result.id, "content": content}
    named = {"name": message.name} if message.name else {}
    members: dict[str, Any] = {"role": role, **named, "content": _content(message.parts, message, parameters, host)}
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        members["tool_calls"] = calls
        members["content"] = members["content"] or None
    thought = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart) and not part.owner)
    if thought and host.thinks:
        members["reasoning_content"] = thought
    return members


def _call(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _content(parts: tuple[Part, ...], message: Message, parameters: Parameters, host: Host) -> Any:
    """The content: a string if it is text only or the host takes no list, else a list of parts."""
    is_list = host.lists or message.role == "user"
    written: list[Mapping[str, Any]] = []
    for position, part in enumerate(parts):
        path = f"{message.path}.content[{position}]"
        if isinstance(part, ReasoningPart | ToolCall):
            if isinstance(part, ToolCall) and part.cache is not None:
                parameters.unsupported(f"{path}.{marker_name(part.cache)}")
            continue
        value = _part(part)
        if value is None or not _is_taken(value, host, is_list=is_list):
            parameters.unsupported(path)
            continue
        cache = getattr(part, "cache", None)
        if cache is not None:
            parameters.unsupported(f"{path}.{marker_name(cache)}")
        written.append(value)
    if not is_list or (len(written) <= 1 and all(part["type"] == "text" for part in written)):
        return host.joint.join(part["text"] for part in written)
    return written


def _is_taken(part: Mapping[str, Any], host: Host, *, is_list: bool) -> bool:
    kind = part.get("type")
    return kind == "text" or (is_list and (host.parts is None or (isinstance(kind, str) and kind in host.parts)))


def _part(part: Part) -> Mapping[str, Any] | None:
    """The part in OpenAI's shape, None if OpenAI's wire can't express it."""
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ImagePart(source, detail) if not isinstance(source, Stored):
            shown = {"detail": detail} if detail else {}
            return {"type": "image_url", "image_url": {"url": url(source), **shown}}
        case AudioPart(Inline(data=data), form) | AudioPart(Link(url=data), form):
            named = {"format": form} if form else {}
            return {"type": "input_audio", "input_audio": {"data": data, **named}}
        case FilePart(source) if not isinstance(source, Stored) and source.mime.startswith("video/"):
            return {"type": "video_url", "video_url": {"url": url(source)}}
        case FilePart(source, name):
            return {"type": "file", "file": {**({"filename": name} if name else {}), **_file(source)}}
        case UnknownPart(kind, value) if kind:
            return value
        case _:
            return None


def _file(source: Source) -> dict[str, Any]:
    match source:
        case Stored(file_id):
            return {"file_id": file_id}
        case Link(address, mime):
            return {"file_url": address, **({"mime_type": mime} if mime else {})}
        case Inline():
            return {"file_data": url(source)}


def url(source: Inline | Link) -> str:
    """The URL of a link; a data URL for inline data."""
    return source.url if isinstance(source, Link) else f"data:{source.mime};base64,{source.data}"
