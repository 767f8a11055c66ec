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
from penstock.core.taking import Taking
from penstock.dialects.dialect import Goal
from penstock.dialects.function_tools import described, take_functions
from penstock.dialects.openai.write import url

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


def write(request: ChatRequest, taking: Taking, goal: Goal) -> dict[str, Any]:
    """The chat request, all but its format and what is about delivery."""
    found: dict[str, Any] = {"messages": [_message(message, taking) for message in request.messages]}
    limit = taking.max_tokens()
    if limit is not None:
        found["maxCompletionTokens" if goal.traits.max_completion_tokens else "maxTokens"] = limit
    for name, theirs in _PARAMETERS.items():
        value = None if name in goal.traits.refuses else taking.value(name)
        if value is not None:
            found[theirs] = value
    stop = [] if "stop" in goal.traits.refuses else taking.stop()
    if stop:
        found["stop"] = stop
    if taking.value("logprobs"):
        found["logProbs"] = taking.value("top_logprobs") or 0
    for name, (theirs, words) in _WORDS.items():
        word = taking.value(name)
        if word in words:
            found[theirs] = word.upper()
        elif word is not None:
            taking.refuse(name)
    return {**found, **_reasoning(taking, goal), **_format(taking), **tools(taking)}


def _reasoning(taking: Taking, goal: Goal) -> dict[str, Any]:
    asked = taking.reasoning()
    if asked is None:
        return {}
    if asked.native is not None or asked.budget is not None or asked.enabled is not None:
        taking.refuse("thinking")
    if asked.effort in _EFFORTS and "reasoning_effort" not in goal.traits.refuses:
        return {"reasoningEffort": asked.effort.upper()}
    if asked.effort:
        taking.refuse("reasoning_effort")
    return {}


def _format(taking: Taking) -> dict[str, Any]:
    form = taking.format()
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


def tools(taking: Taking) -> dict[str, Any]:
    """The tools and the choice among them; of several that may be called, only these are offered."""
    choice = taking.tool_choice()
    found: dict[str, Any] = {}
    offered = take_functions(taking)
    if choice is not None:
        found["toolChoice"] = {"type": choice.mode.upper()}
        if choice.mode == "required" and len(choice.names) == 1:
            found["toolChoice"] = {"type": "FUNCTION", "name": choice.names[0]}
        elif choice.names:
            offered = [tool for tool in offered if tool.name in choice.names]
    if offered:
        found["tools"] = [{"type": "FUNCTION", **described(tool)} for tool in offered]
    return found


# Messages.


def _message(message: Message, taking: Taking) -> dict[str, Any]:
    role = "SYSTEM" if message.role == "developer" else message.role.upper()
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            taking.refuse(f"{message.path}.is_error")
        return {"role": role, "toolCallId": result.id, "content": _content(result.parts, message, taking)}
    found: dict[str, Any] = {"role": role, **({"name": message.name} if message.name else {})}
    content = _content(message.parts, message, taking)
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


def _content(parts: tuple[Part, ...], message: Message, taking: Taking) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for position, part in enumerate(parts):
        if isinstance(part, ReasoningPart | ToolCall):
            continue
        path = f"{message.path}.content[{position}]"
        value = _part(part)
        if value is None:
            taking.refuse(path)
            continue
        if getattr(part, "cache", None) is not None:
            taking.refuse(f"{path}.cache_control")
        if isinstance(part, FilePart) and part.name:
            taking.refuse(f"{path}.file.filename")
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
