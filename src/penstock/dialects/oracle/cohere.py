"""A chat request in OCI's COHEREV2 shape: Cohere's second API in camel case, its words in capitals.

Cohere's own host is asked in cohere/provider/request.py. Source: OCI Generative AI Inference API,
"CohereChatRequestV2" and the types of its members.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.chat import (
    ChatRequest,
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
from penstock.dialects.oracle.generic import image_url

PARAMETERS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "p": "topP",
    "top_k": "topK",
    "k": "topK",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "seed": "seed",
    "documents": "documents",
}
"""What both of Cohere's shapes take, by OpenAI's names and Cohere's own."""


def write(request: ChatRequest, parameters: Parameters, _context: WriteContext) -> dict[str, Any]:
    """The chat request, all but its format and what is about delivery."""
    found: dict[str, Any] = {"messages": [_message(message, parameters) for message in request.messages]}
    found |= common(parameters)
    if parameters.value("logprobs"):
        found["isLogProbsEnabled"] = True
    priority = parameters.value("priority")
    if priority is not None:
        found["priority"] = priority
    citations = parameters.value("citation_options")
    mode = citations.get("mode") if isinstance(citations, dict) else None
    if isinstance(mode, str):
        found["citationOptions"] = {"mode": mode.upper()}
    return {**found, **_tools(parameters), **_thinking(parameters)}


def common(parameters: Parameters) -> dict[str, Any]:
    """The parameters that both of Cohere's shapes know."""
    found: dict[str, Any] = {}
    limit = parameters.max_tokens()
    if limit is not None:
        found["maxTokens"] = limit
    for name, theirs in PARAMETERS.items():
        value = None if theirs in found else parameters.value(name)
        if value is not None:
            found[theirs] = value
    stop = parameters.stop() or parameters.value("stop_sequences")
    if stop:
        found["stopSequences"] = stop
    safety = parameters.value("safety_mode")
    if isinstance(safety, str):
        found["safetyMode"] = "OFF" if safety.upper() == "NONE" else safety.upper()
    form = parameters.format()
    if form is not None:
        if form.description:
            parameters.unsupported("response_format.json_schema.description")
        schema = {"schema": msgspec.Raw(form.schema)} if form.schema else {}
        found["responseFormat"] = {"type": "JSON_OBJECT", **schema}
    return found


def _tools(parameters: Parameters) -> dict[str, Any]:
    """A choice of one tool is made by offering no other; auto is what holds when nothing is said."""
    choice = parameters.tool_choice()
    offered = take_functions(parameters, strict=True)
    found: dict[str, Any] = {}
    if choice is not None:
        if choice.mode != "auto":
            found["toolsChoice"] = choice.mode.upper()
        offered = only_allowed(choice, offered)
    if offered:
        found["tools"] = [{"type": "FUNCTION", "function": described(tool)} for tool in offered]
    if any(tool.strict for tool in offered):
        found["isStrictToolsEnabled"] = True
    return found


def _thinking(parameters: Parameters) -> dict[str, Any]:
    """Whether to think, and within which budget; an effort can't be said, save none at all."""
    asked = parameters.reasoning()
    if asked is None:
        return {}
    if asked.effort == "none" or asked.enabled is False:
        return {"thinking": {"type": "DISABLED"}}
    if asked.effort:
        parameters.unsupported("reasoning_effort")
    if asked.enabled or asked.budget is not None:
        budget = {} if asked.budget is None else {"tokenBudget": asked.budget}
        return {"thinking": {"type": "ENABLED", **budget}}
    return {}


# Messages.


def _message(message: Message, parameters: Parameters) -> dict[str, Any]:
    role = "SYSTEM" if message.role == "developer" else message.role.upper()
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            parameters.unsupported(f"{message.path}.is_error")
        return {"role": role, "toolCallId": result.id, "content": _content(result.parts, message, parameters)}
    if message.name:
        parameters.unsupported(f"{message.path}.name")
    found: dict[str, Any] = {"role": role, "content": _content(message.parts, message, parameters)}
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        found["toolCalls"] = calls
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "FUNCTION", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _content(parts: tuple[Part, ...], message: Message, parameters: Parameters) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for position, part in enumerate(parts):
        path = f"{message.path}.content[{position}]"
        match part:
            case TextPart(text):
                found.append({"type": "TEXT", "text": text})
            case ImagePart(Inline() | Link() as source, detail):
                found.append({"type": "IMAGE_URL", "imageUrl": image_url(source, detail)})
            case ReasoningPart(text, owner="") if text:
                found.append({"type": "THINKING", "thinking": text})
            case ReasoningPart() | ToolCall():
                continue
            case _:
                parameters.unsupported(path)
                continue
        if getattr(part, "cache", None) is not None:
            parameters.unsupported(f"{path}.cache_control")
    return found
