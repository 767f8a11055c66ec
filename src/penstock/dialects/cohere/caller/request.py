"""A Cohere request, read whole into a ``ChatRequest``: the way into lane 2.

Parameters take OpenAI's names where there is one; the others keep their own, so that a dialect that doesn't know them
names them. Documents are Cohere's alone: other models are given them as text before the last thing that the user says.
Messages are read in messages.py. Source: Cohere API reference, "Chat".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Format, Message, Reasoning, TextPart, Tool, ToolChoice, Wording
from penstock.core.failure import Failure
from penstock.dialects.cohere.caller.messages import document_text, read_messages
from penstock.dialects.foreign import LOST_REASONING
from penstock.dialects.malformed import Malformed, read_whole, text_in
from penstock.dialects.parameter_types import checked
from penstock.dialects.request_tools import read_tools

_NAMES: Final[Mapping[str, str]] = {
    "max_tokens": "max_completion_tokens",
    "stop_sequences": "stop",
    "k": "top_k",
    "p": "top_p",
}
NO_PLACE: Final = "reasoning"
"""The name of what is thought and would have to come back unread, which this wire has no place for."""
CHAT_NAMES: Final[Mapping[str, str]] = {name: own for own, name in _NAMES.items()}
"""OpenAI's names of parameters -> Cohere's."""
WORDING: Final = Wording(
    names={
        **{name: own for own, name in _NAMES.items()},
        "reasoning": "thinking",
        LOST_REASONING: NO_PLACE,
        "reasoning_effort": "thinking",
        "reasoning.max_tokens": "thinking.token_budget",
    },
    inside={".json_schema.schema": ".json_schema"},
)
"""What callers of Cohere call what is dropped."""
_ELSEWHERE: Final = frozenset("model messages stream tools tool_choice strict_tools response_format thinking".split())
_CHOICES: Final[Mapping[Any, ToolChoice]] = {"REQUIRED": ToolChoice("required"), "NONE": ToolChoice("none")}
_SOURCES: Final = "Documents to answer by:"


def read_request(body: Body) -> ChatRequest | Failure:
    """The request that a body is, or what is wrong with it and where."""
    return read_whole(_read, body)


def _read(body: Body) -> ChatRequest:
    parameters: dict[str, Any] = {}
    for name in body:
        if name not in _ELSEWHERE and not body.is_null(name):
            known = _NAMES.get(name, name)
            parameters[known] = checked(known, name, body.value(name))
    if not body.is_null("tools"):
        tools = read_tools(body)
        parameters["tools"] = _strict(tools) if body.raw("strict_tools") == b"true" else tools
    choice = body.value("tool_choice")
    if choice is not None:
        if not isinstance(choice, str) or choice.upper() not in _CHOICES:
            raise Malformed("tool_choice", "REQUIRED or NONE")
        parameters["tool_choice"] = _CHOICES[choice.upper()]
    form = _format(body)
    if form is not None:
        parameters["response_format"] = form
    reasoning = _reasoning(body.value("thinking"), parameters.pop("reasoning_effort", None))
    if reasoning is not None:
        parameters["reasoning"] = reasoning
    messages = _with_documents(read_messages(body), parameters.get("documents"))
    model = text_in(body.value("model"))
    return ChatRequest(model, messages, parameters, body.raw("stream") == b"true", WORDING)


def _strict(tools: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([msgspec.structs.replace(tool, strict=True) if isinstance(tool, Tool) else tool for tool in tools])


def _format(body: Body) -> Format | None:
    """JSON, perhaps by a schema, which older clients call ``schema``."""
    if body.is_null("response_format"):
        return None
    form = body.value("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "text":
        return None
    if kind != "json_object":
        raise Malformed("response_format.type", "text or json_object")
    inner = Body.parse(body.raw("response_format") or b"")
    for name in ("json_schema", "schema"):
        if not inner.is_null(name):
            if not isinstance(inner.value(name), dict):
                raise Malformed(f"response_format.{name}", "a JSON schema")
            return Format("json_schema", schema=inner.raw(name) or b"")
    return Format("json_object")


def _reasoning(thinking: Any, set_effort: Any) -> Reasoning | None:
    """On, off or limited. ``set_effort`` is a config's."""
    if isinstance(set_effort, str):
        return Reasoning(set_effort)
    if thinking is None:
        return None
    if not isinstance(thinking, dict):
        raise Malformed("thinking", "an object of type enabled or disabled")
    return Reasoning("", json_text.integer(thinking, "token_budget"), thinking.get("type") != "disabled")


def _with_documents(messages: tuple[Message, ...], documents: Any) -> tuple[Message, ...]:
    """The messages, with the documents before the user's last one."""
    if documents is None:
        return messages
    if not isinstance(documents, list):
        raise Malformed("documents", "an array of texts or documents")
    texts = [f"[{number}] {document_text(each)}" for number, each in enumerate(documents)]
    users = [place for place, message in enumerate(messages) if message.role == "user"]
    at = users[-1] if users else len(messages)
    sources = Message("user", (TextPart("\n\n".join([_SOURCES, *texts])),), "", "documents")
    return (*messages[:at], sources, *messages[at:]) if texts else messages
