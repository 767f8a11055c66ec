"""A chat request in OCI's COHEREV2 shape: Cohere's second API in camel case, its words in capitals.

Cohere's own host is asked in cohere/request.py. Source: OCI Generative AI Inference API, "CohereChatRequestV2" and the
types of its members.
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
from penstock.core.taking import Taking
from penstock.dialects.dialect import Goal
from penstock.dialects.function_tools import described, take_functions
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


def write(request: ChatRequest, taking: Taking, _goal: Goal) -> dict[str, Any]:
    """The chat request, all but its format and what is about delivery."""
    found: dict[str, Any] = {"messages": [_message(message, taking) for message in request.messages]}
    found |= common(taking)
    if taking.value("logprobs"):
        found["isLogProbsEnabled"] = True
    priority = taking.value("priority")
    if priority is not None:
        found["priority"] = priority
    citations = taking.value("citation_options")
    mode = citations.get("mode") if isinstance(citations, dict) else None
    if isinstance(mode, str):
        found["citationOptions"] = {"mode": mode.upper()}
    return {**found, **_tools(taking), **_thinking(taking)}


def common(taking: Taking) -> dict[str, Any]:
    """The parameters that both of Cohere's shapes know."""
    found: dict[str, Any] = {}
    limit = taking.max_tokens()
    if limit is not None:
        found["maxTokens"] = limit
    for name, theirs in PARAMETERS.items():
        value = None if theirs in found else taking.value(name)
        if value is not None:
            found[theirs] = value
    stop = taking.stop() or taking.value("stop_sequences")
    if stop:
        found["stopSequences"] = stop
    safety = taking.value("safety_mode")
    if isinstance(safety, str):
        found["safetyMode"] = "OFF" if safety.upper() == "NONE" else safety.upper()
    form = taking.format()
    if form is not None:
        if form.description:
            taking.refuse("response_format.json_schema.description")
        schema = {"schema": msgspec.Raw(form.schema)} if form.schema else {}
        found["responseFormat"] = {"type": "JSON_OBJECT", **schema}
    return found


def _tools(taking: Taking) -> dict[str, Any]:
    """A choice of one tool is made by offering no other; auto is what holds when nothing is said."""
    choice = taking.tool_choice()
    offered = take_functions(taking, strict=True)
    found: dict[str, Any] = {}
    if choice is not None:
        if choice.mode != "auto":
            found["toolsChoice"] = choice.mode.upper()
        offered = [tool for tool in offered if not choice.names or tool.name in choice.names]
    if offered:
        found["tools"] = [{"type": "FUNCTION", "function": described(tool)} for tool in offered]
    if any(tool.strict for tool in offered):
        found["isStrictToolsEnabled"] = True
    return found


def _thinking(taking: Taking) -> dict[str, Any]:
    """Whether to think, and within which budget; an effort can't be said, save none at all."""
    asked = taking.reasoning()
    if asked is None:
        return {}
    if asked.effort == "none" or asked.enabled is False:
        return {"thinking": {"type": "DISABLED"}}
    if asked.effort:
        taking.refuse("reasoning_effort")
    if asked.enabled or asked.budget is not None:
        budget = {} if asked.budget is None else {"tokenBudget": asked.budget}
        return {"thinking": {"type": "ENABLED", **budget}}
    return {}


# Messages.


def _message(message: Message, taking: Taking) -> dict[str, Any]:
    role = "SYSTEM" if message.role == "developer" else message.role.upper()
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            taking.refuse(f"{message.path}.is_error")
        return {"role": role, "toolCallId": result.id, "content": _content(result.parts, message, taking)}
    if message.name:
        taking.refuse(f"{message.path}.name")
    found: dict[str, Any] = {"role": role, "content": _content(message.parts, message, taking)}
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        found["toolCalls"] = calls
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "FUNCTION", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _content(parts: tuple[Part, ...], message: Message, taking: Taking) -> list[dict[str, Any]]:
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
                taking.refuse(path)
                continue
        if getattr(part, "cache", None) is not None:
            taking.refuse(f"{path}.cache_control")
    return found
