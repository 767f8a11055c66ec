"""A chat request back in OpenAI's shape, for hosts that take that shape inside an envelope of their own.

What one host takes is said by a ``Host``: everything as given, or only the parameters and parts of content that it
documents; the rest is left, and thereby named to the caller. Replies: reply.py. Source: OpenAI API reference,
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
)
from penstock.core.parameters import Parameters


class Host(msgspec.Struct, frozen=True):
    """What a host takes. ``parameters`` are by OpenAI's names, ``parts`` by their ``type``; None: all of them.

    ``limit`` is the name of the answer's limit where only one is known. ``lists`` is whether the content of others than
    users may be a list of parts, ``joint`` what stands between texts that are joined for it; ``thinks`` whether an
    assistant's earlier reasoning is taken back.
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
"""What OpenAI documents. A parameter that only another wire knows is none of a host's of this one."""
_TYPED: Final = frozenset({"tools", "tool_choice", "response_format", "reasoning", "stop"})
_SCHEMA_NAME: Final = "answer"
"""The name of a schema whose caller had none to give: OpenAI demands one."""
_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})


def body(request: ChatRequest, parameters: Parameters, host: Host = ANYTHING) -> dict[str, Any]:
    """The body, all but the model and what is about delivery."""
    found: dict[str, Any] = {"messages": [_message(message, parameters, host) for message in request.messages]}
    limit = parameters.max_tokens() if host.limit else None
    if limit is not None:
        found[host.limit] = limit
    for name in request.parameters:
        value = parameters.value(name) if name not in _TYPED and host.takes(name) else None
        if value is not None:
            found[name] = value
    stop = parameters.stop() if host.takes("stop") else []
    if stop:
        found["stop"] = stop
    return {**found, **_tools(parameters, host), **_format(parameters, host), **_reasoning(parameters, host)}


# Parameters with a type of their own.


def _tools(parameters: Parameters, host: Host) -> dict[str, Any]:
    """The tools and the choice among them. Several that may be called are all that are offered: hosts know no other
    way to say so."""
    if not host.takes("tools"):
        return {}
    choice = parameters.tool_choice() if host.takes("tool_choice") else None
    tools = list(enumerate(parameters.tools()))
    found: dict[str, Any] = {}
    if choice is not None:
        found["tool_choice"] = choice.mode
        if choice.mode == "required" and len(choice.names) == 1:
            found["tool_choice"] = {"type": "function", "function": {"name": choice.names[0]}}
        elif choice.names:
            tools = [(n, tool) for n, tool in tools if isinstance(tool, NativeTool) or tool.name in choice.names]
    offered = [each for n, tool in tools for each in _tool(tool, f"tools[{n}]", parameters, host)]
    if offered:
        found["tools"] = offered
    return found


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
    found: dict[str, Any] = {"type": form.kind}
    if form.kind == "json_schema":
        described = {"description": form.description} if form.description else {}
        schema = {"schema": msgspec.Raw(form.schema)} if form.schema else {}
        strict = {} if form.strict is None else {"strict": form.strict}
        found["json_schema"] = {"name": form.name or _SCHEMA_NAME, **described, **schema, **strict}
    return {"response_format": found}


def _reasoning(parameters: Parameters, host: Host) -> dict[str, Any]:
    """How much to think, by the parameter that said so."""
    asked = parameters.reasoning()
    if asked is None:
        return {}
    said: dict[str, Any] = {}
    if asked.effort:
        said["reasoning_effort"] = asked.effort
    if asked.native is not None:
        said["thinking"] = asked.native
    elif asked.budget is not None or asked.enabled is not None:
        told = {"max_tokens": asked.budget, "enabled": asked.enabled}
        said["reasoning"] = {name: value for name, value in told.items() if value is not None}
    for name in said:
        if not host.takes(name):
            parameters.unsupported(name)
    return {name: value for name, value in said.items() if host.takes(name)}


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
    found: dict[str, Any] = {"role": role, **named, "content": _content(message.parts, message, parameters, host)}
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        found["tool_calls"] = calls
        found["content"] = found["content"] or None
    thought = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart) and not part.owner)
    if thought and host.thinks:
        found["reasoning_content"] = thought
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _content(parts: tuple[Part, ...], message: Message, parameters: Parameters, host: Host) -> Any:
    """Text alone is a string, where a list means no more than that or isn't taken."""
    is_list = host.lists or message.role == "user"
    written: list[Mapping[str, Any]] = []
    for position, part in enumerate(parts):
        if isinstance(part, ReasoningPart | ToolCall):
            continue
        path = f"{message.path}.content[{position}]"
        value = _part(part)
        if value is None or not _is_taken(value, host, is_list=is_list):
            parameters.unsupported(path)
            continue
        if getattr(part, "cache", None) is not None:
            parameters.unsupported(f"{path}.cache_control")
        written.append(value)
    if not is_list or (len(written) <= 1 and all(part["type"] == "text" for part in written)):
        return host.joint.join(part["text"] for part in written)
    return written


def _is_taken(part: Mapping[str, Any], host: Host, *, is_list: bool) -> bool:
    kind = part.get("type")
    return kind == "text" or (is_list and (host.parts is None or kind in host.parts))


def _part(part: Part) -> Mapping[str, Any] | None:
    """The part as OpenAI writes it, None when it can't be."""
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
    """The address of data; a data URL of data that is here."""
    return source.url if isinstance(source, Link) else f"data:{source.mime};base64,{source.data}"
