"""A chat request in Ollama's own dialect.

A message is one text with images beside it, so parts of text are joined and images stand before them; its ``images``
take sound as well (so does the server's own OpenAI endpoint). A tool call's arguments are an object: text that is none
becomes the ``input`` of one. Most parameters are the model's ``options``, under OpenAI's names or llama.cpp's. Source:
Ollama API documentation, "Generate a chat message"; github.com/ollama/ollama, api/types.go and openai/openai.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    ImagePart,
    Inline,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
)
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.forced_call import arguments_in_words
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.function_tools import described, object_schema, only_allowed, take_functions, unknown_choice
from penstock.dialects.malformed import marker_name

_ROLES: Final[Mapping[Role, str]] = {"developer": "system"}

_PARAMETERS: Final = ("keep_alive", "truncate", "shift", "logprobs", "top_logprobs")
_OPTIONS: Final = (
    *("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"),
    *("min_p", "typical_p", "repeat_penalty", "repeat_last_n", "num_ctx", "num_keep", "num_batch", "num_gpu"),
    *("main_gpu", "num_thread", "use_mmap", "draft_num_predict"),
)
_LEVELS: Final[Mapping[str, str]] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
"""How much to think, in Ollama's words by OpenAI's, as the server's own OpenAI endpoint has it."""


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request's body. ``stream`` is always said: Ollama streams unless told not to."""
    request, parameters = ready_for(PLAIN, request, context.traits)
    tools = _tools(parameters, context.traits) if context.traits.tools else []
    if isinstance(tools, Failure):
        return tools
    forced = tools if isinstance(tools, Tool) else None
    options = _options(parameters, context.traits)
    if isinstance(options, Failure):
        return options
    body: dict[str, Any] = {
        "model": context.model,
        "messages": [
            *([] if forced is None else [{"role": "system", "content": arguments_in_words(forced)}]),
            *[_message(message, parameters, context.traits) for message in request.messages],
        ],
        "stream": request.stream,
        **({"tools": tools} if tools and forced is None else {}),
        **({"options": options} if options else {}),
    }
    form = _format(parameters, context.traits) if forced is None else msgspec.Raw(object_schema(forced.parameters))
    beside = {"format": form, "think": _think(parameters, context.traits)}
    beside |= {name: parameters.value(name) for name in _PARAMETERS}
    body |= {name: value for name, value in beside.items() if value is not None}
    return Payload(encoded(body, request), parameters.dropped(), forced_call="" if forced is None else forced.name)


# Messages.


def _message(message: Message, parameters: Parameters, traits: Traits) -> dict[str, Any]:
    role = _ROLES.get(message.role, message.role)
    if message.role == "tool":
        result = next(part for part in message.parts if isinstance(part, ToolResult))
        if result.is_error:
            parameters.unsupported(f"{message.path}.is_error")
        answered = {"tool_name": result.name} if result.name else {}
        return {
            "role": role,
            **_content(result.parts, message, parameters, traits),
            **answered,
            "tool_call_id": result.id,
        }
    if message.name:
        parameters.unsupported(f"{message.path}.name")
    found = {"role": role, **_content(message.parts, message, parameters, traits)}
    thinking = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart) and not part.owner)
    if thinking:
        found["thinking"] = thinking
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        found["tool_calls"] = [_call(call, index) for index, call in enumerate(calls)]
    return found


def _content(parts: tuple[Part, ...], message: Message, parameters: Parameters, traits: Traits) -> dict[str, Any]:
    """The text, and the images if there are any."""
    texts: list[str] = []
    images: list[str] = []
    for position, part in enumerate(parts):
        path = f"{message.path}.content[{position}]"
        if isinstance(part, TextPart | ImagePart | AudioPart | ToolCall) and part.cache is not None:
            parameters.unsupported(f"{path}.{marker_name(part.cache)}")
        match part:
            case TextPart(text):
                texts.append(text)
            case ImagePart(Inline(data=data), detail) if traits.vision:
                images.append(data)
                if detail not in {"", "auto"}:
                    parameters.unsupported(f"{path}.image_url.detail")
            case AudioPart(Inline(data=data)):
                images.append(data)
            case ReasoningPart() | ToolCall():
                continue
            case _:
                parameters.unsupported(path)
    content = {"content": "".join(texts)}
    return {**content, "images": images} if images else content


def _call(call: ToolCall, index: int) -> dict[str, Any]:
    known = {"id": call.id} if call.id else {}
    function = {"index": index, "name": call.name, "arguments": _arguments(call)}
    return {**known, "type": "function", "function": function}


def _arguments(call: ToolCall) -> Any:
    """The arguments as an object, in their own bytes where they are one."""
    if not call.arguments and not call.custom:
        return {}
    try:
        raw = call.arguments.encode()
        if not call.custom and isinstance(msgspec.json.decode(raw), dict):
            return msgspec.Raw(raw)
    except (*UNREADABLE, UnicodeEncodeError):
        pass
    return {"input": call.arguments}


# Parameters.


def _options(parameters: Parameters, traits: Traits) -> dict[str, Any] | Failure:
    """The model's options: what the request's parameters say, and the rest of its ``options``."""
    options = parameters.value("options")
    if not isinstance(options, dict | None):
        return Failure(Kind.INVALID_REQUEST, "options must be an object of the model's options by name.", "options")
    named = {name: parameters.value(name) for name in _OPTIONS if name not in traits.refuses}
    limit = parameters.max_tokens()
    named["num_predict"] = parameters.value("num_predict") if limit is None else limit
    named["stop"] = parameters.stop() or None
    found = {name: value for name, value in named.items() if value is not None}
    for name in options or {}:
        if name in found:
            parameters.unsupported(f"options.{name}")
    return {**(options or {}), **found}


def _tools(parameters: Parameters, traits: Traits) -> list[dict[str, Any]] | Tool | Failure:
    """The tools that may be called. Ollama knows no choice among them: it can't be made to call one. A single one that
    has to be called is given back as it is: the answer can be held to the schema of its arguments."""
    choice = parameters.tool_choice()
    offered = take_functions(parameters)
    if choice is None:
        return [_tool(tool) for tool in offered]
    if choice.mode == "none":
        return []
    unknown = unknown_choice(choice, {tool.name for tool in offered})
    if unknown is not None:
        return unknown
    allowed = only_allowed(choice, offered)
    if choice.mode == "required":
        if len(allowed) == 1 and traits.json_schema and parameters.peek("response_format") is None:
            return allowed[0]
        parameters.unsupported("tool_choice")
    return [_tool(tool) for tool in allowed]


def _tool(tool: Tool) -> dict[str, Any]:
    return {"type": "function", "function": described(tool)}


def _format(parameters: Parameters, traits: Traits) -> Any:
    """``"json"``, or the schema itself."""
    form = parameters.format()
    if form is None:
        return None
    if form.description:
        parameters.unsupported("response_format.json_schema.description")
    if form.schema and traits.json_schema:
        return msgspec.Raw(form.schema)
    if form.schema:
        parameters.unsupported("response_format.json_schema")
    return "json"


def _think(parameters: Parameters, traits: Traits) -> Any:
    """Ollama's own ``think`` as given; else no, yes or how much. A model that doesn't think refuses all but no."""
    think = parameters.value("think")
    if think is not None:
        return think
    reasoning = parameters.reasoning()
    if reasoning is None:
        return None
    name = "reasoning_effort" if reasoning.effort else "thinking"
    if reasoning.effort == "none" or reasoning.enabled is False:
        return False
    if traits.family and traits.thinking == "none" and not traits.thinks_unasked:
        parameters.unsupported(name)
        return None
    if reasoning.budget is not None:
        parameters.unsupported("thinking.budget_tokens")
    if traits.thinking == "switch" or not reasoning.effort:
        return True
    word = traits.efforts.get(reasoning.effort, reasoning.effort)
    return _LEVELS.get(word, word)
