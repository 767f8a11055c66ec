"""Names of functions as a provider takes them, and the caller's own names again in the answer.

OpenAI's and Anthropic's callers write names that other makers refuse together with the whole request: names that begin
with a digit (MCP servers: ``1c_reload``), names with points, slashes or spaces, long names. Sources: Gemini API
reference, "FunctionDeclaration" (``name``); Anthropic API reference, "Create a Message" (``tools.name``); Amazon
Bedrock API reference, "ToolSpecification"; OpenAI API reference, "Create chat completion" (``tools.function.name``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Message, Tool, ToolCall, ToolChoice, ToolResult
from penstock.core.events import Event, ToolStart

_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST: Final = 9
"""Characters of the end of a name that is too long or that another name has taken: a hyphen's place and a digest."""
_SAME: Final[Mapping[str, str]] = {}


class NameRule(msgspec.Struct, frozen=True):
    """What a function may be called: ``pattern`` matches all of a name of at most ``longest`` characters."""

    pattern: re.Pattern[str]
    longest: int = 64


ANTHROPIC: Final = NameRule(re.compile(r"[A-Za-z0-9_-]{1,128}"), 128)
BEDROCK: Final = NameRule(re.compile(r"[A-Za-z0-9_-]{1,64}"))
GEMINI: Final = NameRule(re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}"))
OPENAI: Final = NameRule(re.compile(r"[A-Za-z0-9_-]{1,64}"))


def with_allowed_names(request: ChatRequest, rule: NameRule) -> tuple[ChatRequest, Mapping[str, str]]:
    """The request with names that the rule allows, and the caller's name for each name that is another now.

    The same request where every name is allowed. The names of ``NativeTool`` stay.
    """
    if request.is_prose and "tools" not in request.parameters:
        return request, _SAME
    names = _names(request)
    refused = [name for name in names if rule.pattern.fullmatch(name) is None]
    if not refused:
        return request, _SAME
    taken = set(names).difference(refused)
    own: dict[str, str] = {}
    for name in refused:
        own[name] = _allowed(name, rule, taken)
        taken.add(own[name])
    messages = tuple(_renamed_message(message, own) for message in request.messages)
    parameters = {name: _renamed_parameter(value, own) for name, value in request.parameters.items()}
    renamed = msgspec.structs.replace(request, messages=messages, parameters=parameters)
    return renamed, {new: name for name, new in own.items()}


def with_callers_names(events: list[Event], names: Mapping[str, str]) -> list[Event]:
    """The events with the caller's names of its functions."""
    return [
        msgspec.structs.replace(event, name=names[event.name])
        if type(event) is ToolStart and event.name in names
        else event
        for event in events
    ]


LONGEST_IN_PIECES: Final = 4096
"""Characters of a name that comes in pieces: what goes on beyond is no name."""


def with_piece(name: str, piece: str) -> str:
    """The name of a streamed call after one more piece of it. Some hosts write a name over several events
    (docs/quirks.md#names-in-pieces); those that repeat a name repeat all of it. A name of two equal halves, each a
    piece, reads as a repetition."""
    return name if piece == name else name + piece


def _names(request: ChatRequest) -> dict[str, None]:
    """The names of all functions that are offered or called, each once."""
    tools = request.parameters.get("tools") or ()
    names = dict.fromkeys(tool.name for tool in tools if type(tool) is Tool)
    for message in request.messages:
        if message.role == "assistant":
            names.update(dict.fromkeys(part.name for part in message.parts if type(part) is ToolCall))
        elif message.role == "tool":
            names.update(dict.fromkeys(part.name for part in message.parts if type(part) is ToolResult and part.name))
    return names


def _allowed(name: str, rule: NameRule, taken: set[str]) -> str:
    plain, longest = _OTHER.sub("_", name), rule.longest
    if rule.pattern.fullmatch(plain[:1]) is None:
        plain = f"_{plain}"
    if len(plain) <= longest and plain not in taken:
        return plain
    digest = hashlib.blake2s(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{plain[: longest - _DIGEST]}_{digest}"


def _renamed_message(message: Message, own: Mapping[str, str]) -> Message:
    parts = tuple(
        msgspec.structs.replace(part, name=own[part.name])
        if isinstance(part, ToolCall | ToolResult) and part.name in own
        else part
        for part in message.parts
    )
    return message if parts == message.parts else msgspec.structs.replace(message, parts=parts)


def _renamed_parameter(value: Any, own: Mapping[str, str]) -> Any:
    if isinstance(value, ToolChoice):
        return msgspec.structs.replace(value, names=tuple(own.get(name, name) for name in value.names))
    if isinstance(value, tuple):
        return tuple(
            msgspec.structs.replace(tool, name=own[tool.name]) if type(tool) is Tool and tool.name in own else tool
            for tool in value
        )
    return value
