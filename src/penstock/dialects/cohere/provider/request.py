"""A chat request in Cohere's dialect: nearly OpenAI's messages, with other names and stricter content.

What an assistant said beside its tool calls is its ``tool_plan``. Documents stand in a parameter of their own, so those
that a user's message holds go there. A tool call's arguments stay the text that they are: Cohere's type for them is a
string. Source: Cohere API reference, "Chat".
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import (
    ChatRequest,
    FilePart,
    Format,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    place_of,
)
from penstock.core.failure import Failure
from penstock.core.json_text import write_json
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.function_tools import described, only_allowed, take_functions, unknown_choice
from penstock.dialects.malformed import marker_name

_ROLES: Final[Mapping[Role, str]] = {"developer": "system"}

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "temperature": ("temperature",),
    "p": ("top_p", "p"),
    "k": ("top_k", "k"),
    "seed": ("seed",),
    "frequency_penalty": ("frequency_penalty",),
    "presence_penalty": ("presence_penalty",),
    "logprobs": ("logprobs",),
    "citation_options": ("citation_options",),
    "safety_mode": ("safety_mode",),
    "priority": ("priority",),
}
"""Parameters whose values pass as they are: Cohere's name, and those that callers use."""


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request's body."""
    request, parameters = ready_for(PLAIN, request, context.traits)
    writer = _Messages(context, parameters)
    body: dict[str, Any] = {
        "model": context.model,
        "messages": [writer.message(message) for message in request.messages],
        "stream": request.stream,
    }
    tools = _tools(parameters) if context.traits.tools else {}
    if isinstance(tools, Failure):
        return tools
    body |= tools
    body |= _documents(parameters, writer.documents)
    _add(body, "max_tokens", parameters.max_tokens())
    _add(body, "stop_sequences", parameters.stop() or None)
    for name, spellings in _NAMES.items():
        if spellings[0] not in context.traits.refuses:
            _add(body, name, parameters.first(*spellings))
    if body.get("p") == 1:
        body["p"] = _ALL
    if not {"tools", "documents"} & body.keys():  # beside either it is refused
        _add(body, "response_format", _format(parameters, context.traits))
    _add(body, "thinking", _thinking(parameters, context.traits))
    return Payload(encoded(body, request), parameters.dropped())


_ALL: Final = 0.99
"""The highest that Cohere takes, for the 1 by which others say that every token may come."""


def _add(body: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        body[name] = value


# Messages.


class _Messages:
    """Writes the messages of one request. ``documents`` are those found on the way."""

    def __init__(self, context: WriteContext, parameters: Parameters) -> None:
        self._traits = context.traits
        self._parameters = parameters
        self.documents: list[Any] = []

    def message(self, message: Message) -> dict[str, Any]:
        if message.name and message.role != "tool":
            self._parameters.unsupported(f"{message.path}.name")
        if message.role == "assistant":
            return {"role": "assistant", **self._said(message)}
        if message.role == "tool":
            return {"role": "tool", **self._result(message)}
        content = self._content(message.parts, message)
        return {"role": _ROLES.get(message.role, message.role), "content": content}

    def _said(self, message: Message) -> dict[str, Any]:
        """An assistant's turn. Its text is the plan of its tool calls, if it has any."""
        calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
        for position, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                _refuse_marker(part, f"{message.path}.content[{position}]", self._parameters)
        if not calls:
            return {"content": self._content(message.parts, message)}
        rest = tuple(part for part in message.parts if not isinstance(part, TextPart | ToolCall))
        found: dict[str, Any] = {"tool_calls": calls}
        _add(found, "tool_plan", message.text or None)
        _add(found, "content", self._content(rest, message) or None)
        return found

    def _result(self, message: Message) -> dict[str, Any]:
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            self._parameters.unsupported(f"{message.path}.is_error")
        return {"tool_call_id": result.id, "content": self._content(result.parts, message)}

    def _content(self, parts: tuple[Part, ...], message: Message) -> str | list[dict[str, Any]]:
        """Text alone as a string, anything else as blocks."""
        blocks = [
            block
            for position, part in enumerate(parts)
            for block in self._blocks(part, message.role, f"{message.path}.content[{position}]")
        ]
        if not blocks:
            return ""
        return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks

    def _blocks(self, part: Part, role: Role, path: str) -> Iterable[dict[str, Any]]:
        """The content block of a part; none of what stands elsewhere or can't be expressed."""
        _refuse_marker(part, path, self._parameters)
        match part:
            case TextPart(text):
                yield {"type": "text", "text": text}
            case ReasoningPart(text, owner=""):
                if text and _may_think(self._traits):
                    yield {"type": "thinking", "thinking": text}
            case ReasoningPart():
                return
            case ImagePart(Inline() | Link() as source, detail) if role == "user" and self._traits.vision:
                yield _image(source, detail)
            case NativePart() | FilePart() if (document := _document(part)) is not None and role in {"user", "tool"}:
                if role == "tool":
                    yield {"type": "document", "document": document}
                else:
                    self.documents.append(document)
            case _:
                self._parameters.unsupported(path)


def _refuse_marker(part: Part, path: str, parameters: Parameters) -> None:
    """Cohere caches prompts by itself: there is nothing to mark."""
    if isinstance(part, TextPart | ImagePart | FilePart | ToolCall | ToolResult) and part.cache is not None:
        parameters.unsupported(f"{path}.{marker_name(part.cache)}")


def _image(source: Inline | Link, detail: str) -> dict[str, Any]:
    url = source.url if isinstance(source, Link) else f"data:{source.mime};base64,{source.data}"
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}


def _document(part: NativePart | FilePart) -> Mapping[str, Any] | None:
    """What Cohere calls a document: its own kind of part, or the text of a text file."""
    if isinstance(part, NativePart):
        document = part.value.get("document")
        return document if part.value.get("type") == "document" and isinstance(document, dict) else None
    if not isinstance(part.source, Inline) or not part.source.mime.startswith("text/"):
        return None
    try:
        text = base64.b64decode(part.source.data, validate=True).decode()
    except ValueError:
        return None
    title = {"title": part.name} if part.name else {}
    return {"data": {**title, "text": text}}


def _call(call: ToolCall) -> dict[str, Any]:
    """A call as OpenAI writes it; the plain text of a custom tool's call becomes an object."""
    arguments = write_json({"input": call.arguments}).decode() if call.custom else call.arguments or "{}"
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


# Parameters.


def _documents(parameters: Parameters, found: list[Any]) -> dict[str, Any]:
    """The caller's documents, then those of its messages."""
    documents = parameters.value("documents")
    if not found:
        return {} if documents is None else {"documents": documents}
    return {"documents": [*(documents if isinstance(documents, list) else ()), *found]}


def _tools(parameters: Parameters) -> dict[str, Any] | Failure:
    """The tools, which are strict all together or not at all, and the choice among them. Of strict ones each must
    have something that it can't be called without.

    Cohere can't be told which tool to call: only the tools that may be called are offered then, which comes to the
    same.
    """
    choice, strict = parameters.tool_choice(), parameters.value("strict_tools")
    tools = parameters.peek("tools") or ()
    offered = take_functions(parameters, strict=True)
    unknown = unknown_choice(choice, {tool.name for tool in offered})
    if unknown is not None:
        return unknown
    offered = only_allowed(choice, offered)
    body: dict[str, Any] = {}
    if offered:
        body["tools"] = [{"type": "function", "function": described(tool)} for tool in offered]
    wanted = [position for position, tool in enumerate(tools) if isinstance(tool, Tool) and tool.strict]
    if strict is None and wanted and all(tool.schema().get("required") for tool in offered):
        strict = True
    elif strict is None:
        for position in wanted:
            parameters.unsupported(f"{place_of(tools[position], position)}.function.strict")
    _add(body, "strict_tools", strict)
    if choice is not None and choice.mode != "auto" and (offered or choice.mode == "required"):
        body["tool_choice"] = choice.mode.upper()
    return body


def _format(parameters: Parameters, traits: Traits) -> dict[str, Any] | None:
    """Cohere's name for a schema's format is ``json_object`` as well; it is always kept to, strict or not."""
    form: Format | None = parameters.format()
    if form is None:
        return None
    if form.description:
        parameters.unsupported("response_format.json_schema.description")
    if form.schema and not traits.json_schema:
        parameters.unsupported("response_format.json_schema")
    elif form.schema:
        return {"type": "json_object", "json_schema": msgspec.Raw(form.schema)}
    return {"type": "json_object"}


def _thinking(parameters: Parameters, traits: Traits) -> Mapping[str, Any] | None:
    """On, off or limited, or in Cohere's own words. A family that doesn't think has nothing to turn off."""
    reasoning = parameters.reasoning()
    if reasoning is None:
        return None
    if reasoning.native is not None and "token_budget" in reasoning.native:
        return reasoning.native
    name = "reasoning_effort" if reasoning.effort else "thinking"
    if reasoning.effort == "none" or reasoning.enabled is False:
        if _may_think(traits) and traits.can_stop_thinking:
            return {"type": "disabled"}
        if _may_think(traits):
            parameters.unsupported(name)
        return None
    if not _may_think(traits):
        parameters.unsupported(name)
        return None
    budget = traits.budgets.get(reasoning.effort) if reasoning.budget is None else reasoning.budget
    if budget is not None and traits.thinking == "switch":
        parameters.unsupported("thinking.budget_tokens")
        budget = None
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}


def _may_think(traits: Traits) -> bool:
    """Whether thinking is more than an error to the family; of one that nobody knows, we don't."""
    return traits.thinking != "none" or not traits.family
