"""A chat request in OCI's GENERIC shape: OpenAI's in camel case, its words in capitals, its content always a list.

Source: OCI Generative AI Inference API, "GenericChatRequest" and the types of its members.
"""

from __future__ import annotations

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
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.parameters import Parameters
from penstock.dialects.dialect import WriteContext
from penstock.dialects.function_tools import described, only_allowed, take_functions
from penstock.dialects.openai.provider.request import url

_PARAMETERS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "n": "numGenerations",
    "logit_bias": "logitBias",
    "metadata": "metadata",
    "parallel_tool_calls": "isParallelToolCalls",
}
_WORDS: Final = {
    "verbosity": ("verbosity", frozenset({"low", "medium", "high"})),
    "service_tier": ("serviceTier", frozenset({"auto", "default", "priority"})),
}
_EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high"})
_DETAILS: Final = frozenset({"auto", "low", "high"})
_VIDEO: Final = "video/"


def write(request: ChatRequest, parameters: Parameters, context: WriteContext) -> dict[str, Any]:
    """The chat request, all but its format and what is about delivery."""
    found: dict[str, Any] = {"messages": [_message(message, parameters) for message in request.messages]}
    limit = parameters.max_tokens()
    if limit is not None:
        found["maxCompletionTokens" if context.traits.max_completion_tokens else "maxTokens"] = limit
    for name, theirs in _PARAMETERS.items():
        value = None if name in context.traits.refuses else parameters.value(name)
        if value is not None:
            found[theirs] = value
    stop = [] if "stop" in context.traits.refuses else parameters.stop()
    if stop:
        found["stop"] = stop
    if parameters.value("logprobs"):
        found["logProbs"] = parameters.value("top_logprobs") or 0
    for name, (theirs, words) in _WORDS.items():
        word = parameters.value(name)
        if word in words:
            found[theirs] = word.upper()
        elif word is not None:
            parameters.unsupported(name)
    return {**found, **_reasoning(parameters, context), **_format(parameters), **tools(parameters)}


def _reasoning(parameters: Parameters, context: WriteContext) -> dict[str, Any]:
    asked = parameters.reasoning()
    if asked is None:
        return {}
    if asked.native is not None or asked.budget is not None or asked.enabled is not None:
        parameters.unsupported("thinking")
    if asked.effort in _EFFORTS and "reasoning_effort" not in context.traits.refuses:
        return {"reasoningEffort": asked.effort.upper()}
    if asked.effort:
        parameters.unsupported("reasoning_effort")
    return {}


def _format(parameters: Parameters) -> dict[str, Any]:
    form = parameters.format()
    if form is None:
        return {}
    if form.kind == "json_object":
        return {"responseFormat": {"type": "JSON_OBJECT"}}
    described = {"description": form.description} if form.description else {}
    schema = {"schema": msgspec.Raw(form.schema)} if form.schema else {}
    strict = {} if form.strict is None else {"isStrict": form.strict}
    return {
        "responseFormat": {
            "type": "JSON_SCHEMA",
            "jsonSchema": {"name": form.name or "response", **described, **schema, **strict},
        }
    }


def tools(parameters: Parameters) -> dict[str, Any]:
    """The tools and the choice among them; of several that may be called, only these are offered."""
    choice = parameters.tool_choice()
    found: dict[str, Any] = {}
    offered = take_functions(parameters)
    if choice is not None:
        found["toolChoice"] = {"type": choice.mode.upper()}
        if choice.mode == "required" and len(choice.names) == 1:
            found["toolChoice"] = {"type": "FUNCTION", "name": choice.names[0]}
        elif choice.names:
            offered = only_allowed(choice, offered)
    if offered:
        found["tools"] = [{"type": "FUNCTION", **described(tool)} for tool in offered]
    return found


# Messages.


def _message(message: Message, parameters: Parameters) -> dict[str, Any]:
    role = "SYSTEM" if message.role == "developer" else message.role.upper()
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            parameters.unsupported(f"{message.path}.is_error")
        return {"role": role, "toolCallId": result.id, "content": _content(result.parts, message, parameters)}
    found: dict[str, Any] = {"role": role, **({"name": message.name} if message.name else {})}
    content = _content(message.parts, message, parameters)
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if content or not calls:
        found["content"] = content
    if calls:
        found["toolCalls"] = calls
    thought = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart) and not part.owner)
    if thought:
        found["reasoningContent"] = thought
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "FUNCTION", "name": call.name, "arguments": call.arguments or "{}"}


def _content(parts: tuple[Part, ...], message: Message, parameters: Parameters) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for position, part in enumerate(parts):
        if isinstance(part, ReasoningPart | ToolCall):
            continue
        path = f"{message.path}.content[{position}]"
        value = _part(part)
        if value is None:
            parameters.unsupported(path)
            continue
        if getattr(part, "cache", None) is not None:
            parameters.unsupported(f"{path}.cache_control")
        if isinstance(part, FilePart) and part.name:
            parameters.unsupported(f"{path}.file.filename")
        found.append(value)
    return found


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart(text):
            return {"type": "TEXT", "text": text}
        case ImagePart(Inline() | Link() as source, detail):
            return {"type": "IMAGE", "imageUrl": image_url(source, detail)}
        case AudioPart(Inline() as source, form):
            heard = msgspec.structs.replace(source, mime=source.mime or f"audio/{form or 'wav'}")
            return {"type": "AUDIO", "audioUrl": {"url": url(heard)}}
        case AudioPart(Link() as source):
            return {"type": "AUDIO", "audioUrl": {"url": url(source)}}
        case FilePart(Inline() | Link() as source):
            return _file(source)
        case _:
            return None


def image_url(source: Inline | Link, detail: str) -> dict[str, Any]:
    return {"url": url(source), **({"detail": detail.upper()} if detail in _DETAILS else {})}


def _file(source: Inline | Link) -> dict[str, Any]:
    if source.mime.startswith(_VIDEO):
        return {"type": "VIDEO", "videoUrl": {"url": url(source)}}
    return {"type": "DOCUMENT", "documentUrl": {"url": url(source)}}
