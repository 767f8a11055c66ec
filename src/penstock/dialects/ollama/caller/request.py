"""An Ollama request, read whole into a ``ChatRequest``: the way into lane 2. ``/api/generate`` has one prompt in place
of messages.

Most parameters are the model's ``options``; they take OpenAI's names where there is one, and the others keep their
place, so that a dialect that doesn't know them names them. What only says how the machine runs the model means nothing
elsewhere. Source: Ollama API documentation, "Generate a chat message", "Generate a response", "Modelfile parameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Format, Message, Reasoning, Wording
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.dialects.config_members import limit_wins
from penstock.dialects.foreign import LOST_REASONING
from penstock.dialects.malformed import Malformed, read_body, read_whole, text_in
from penstock.dialects.ollama.caller.messages import parts_of, read_messages
from penstock.dialects.parameter_types import checked
from penstock.dialects.request_tools import read_choice, read_tools

_OPTIONS: Final[Mapping[str, str]] = {
    **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "seed", "stop")},
    **{name: name for name in ("frequency_penalty", "presence_penalty")},
    "num_predict": "max_completion_tokens",
}
"""The options that have a name of OpenAI's, or of most hosts'."""
OPTIONS: Final = "options"
CHAT_NAMES: Final[Mapping[str, str]] = {name: own for own, name in _OPTIONS.items()} | {"max_tokens": "num_predict"}
"""OpenAI's names of what samples and limits an answer -> the option."""
_OF_THE_MACHINE: Final = frozenset(
    "num_batch num_gpu main_gpu num_thread num_gqa numa low_vram f16_kv use_mmap use_mlock draft_num_predict".split()
)
"""Options about memory and processors, by which a model says nothing else."""
NO_PLACE: Final = "reasoning"
"""The name of what is thought and would have to come back unread, which this wire has no place for."""
WORDING: Final = Wording(
    names={
        **{name: f"options.{own}" for own, name in _OPTIONS.items()},
        "response_format": "format",
        "reasoning": "think",
        LOST_REASONING: NO_PLACE,
        "reasoning_effort": "think",
        "thinking": "think",
    },
    inside={
        ".json_schema.schema": "",
        ".json_schema": "",
        ".image_url": "",
        "prompt.content[": "images[",
        ".content[": ".images[",
    },
    silent=frozenset({"keep_alive"}),
)
"""What callers of Ollama call what is dropped."""

_ELSEWHERE: Final = frozenset("model messages stream tools tool_choice format options think".split())
_OF_A_PROMPT: Final = frozenset("prompt system images context".split())
_LEVELS: Final[Mapping[str, str]] = {"low": "low", "medium": "medium", "high": "high", "max": "xhigh"}
_UNLIMITED: Final = 0
"""``num_predict`` is -1 for no limit, and -2 for as much as fits."""


def asks_stream(body: Body) -> bool:
    """Whether a body asks for a stream, which Ollama sends unless it is told not to."""
    return body.raw("stream") != b"false"


def read_members(data: bytes | memoryview) -> RequestBody | Failure:
    """As ``read_body``; a body that says nothing of a stream asks for one. Older clients call the model ``name``."""
    request = read_body(data)
    if isinstance(request, Failure):
        return request
    model = request.model
    if model is None and "name" in request.body:
        named = read_body(request.body.renamed("name", "model").encode())
        model = None if isinstance(named, Failure) else named.model
    streams = request.stream or request.body.is_null("stream")
    if streams == request.stream and model == request.model:
        return request
    return msgspec.structs.replace(request, stream=streams, model=model)


def read_chat(body: Body) -> ChatRequest | Failure:
    """The request that a body of ``/api/chat`` is, or what is wrong with it and where."""
    return read_whole(_chat, body)


def read_generate(body: Body) -> ChatRequest | Failure:
    """The request that a body of ``/api/generate`` is, or what is wrong with it and where."""
    return read_whole(_generate, body)


def _chat(body: Body) -> ChatRequest:
    return _request(body, read_messages(body), _ELSEWHERE)


def _generate(body: Body) -> ChatRequest | Failure:
    if not body.is_null("context"):
        text = "context is kept by Ollama's models alone: leave it out, or route the request to Ollama."
        return Failure(Kind.INVALID_REQUEST, text, "context")
    system, prompt, images = (body.value(name) for name in ("system", "prompt", "images"))
    if not isinstance(prompt, str | None):
        raise Malformed("prompt", "a string")
    if not isinstance(system, str | None):
        raise Malformed("system", "a string")
    parts = parts_of(prompt or "", images, "images")
    if not parts:
        raise Malformed("prompt", "a text: this model is not Ollama's, so that there is nothing to load")
    messages = [Message("system", parts_of(system, None, ""), "", "system")] if system else []
    messages.append(Message("user", parts, "", "prompt"))
    return _request(body, tuple(messages), _ELSEWHERE | _OF_A_PROMPT)


def _request(body: Body, messages: tuple[Message, ...], elsewhere: frozenset[str]) -> ChatRequest:
    parameters = _options(body.value("options"))
    for name in body:
        if name not in elsewhere and not body.is_null(name):
            parameters[name] = checked(name, name, body.value(name))
    limit_wins(body, parameters)
    if not body.is_null("tools"):
        parameters["tools"] = read_tools(body)
    if not body.is_null("tool_choice"):
        parameters["tool_choice"] = read_choice(body.value("tool_choice"))
    form = _format(body)
    if form is not None:
        parameters["response_format"] = form
    think = body.value("think")
    reasoning = _reasoning(think, parameters.pop("reasoning_effort", None))
    if reasoning is not None:
        parameters["reasoning"] = reasoning
    model = text_in(body.value("model"))
    return ChatRequest(model, messages, parameters, asks_stream(body), WORDING, think is False)


def _options(options: Any) -> dict[str, Any]:
    """The model's options by OpenAI's names; the rest by its own place."""
    if not isinstance(options, dict | None):
        raise Malformed("options", "an object of the model's options by name")
    found: dict[str, Any] = {}
    for name, value in (options or {}).items():
        if value is None or name in _OF_THE_MACHINE:
            continue
        known, path = _OPTIONS.get(name), f"options.{name}"
        value = value if known is None else checked(known, path, value)
        if name != "num_predict" or value > _UNLIMITED:
            found[known or path] = value
    return found


def _format(body: Body) -> Format | None:
    """``"json"``, or a schema itself; an empty text asks for nothing."""
    form = body.value("format")
    if form is None or form == "":
        return None
    if form == "json":
        return Format("json_object")
    if not isinstance(form, dict):
        raise Malformed("format", '"json" or a JSON schema')
    return Format("json_schema", schema=body.raw("format") or b"")


def _reasoning(think: Any, set_effort: Any) -> Reasoning | None:
    """Whether to think, or how much in words. ``set_effort`` is a config's."""
    if isinstance(set_effort, str):
        return Reasoning(set_effort)
    if think is None:
        return None
    if isinstance(think, bool):
        return Reasoning(enabled=think)
    effort = _LEVELS.get(think) if isinstance(think, str) else None
    if effort is None:
        raise Malformed("think", "true, false, low, medium, high or max")
    return Reasoning(effort)
