"""Reads the messages of an OpenAI chat request, and the extensions that clients of gateways send in them.

An assistant's earlier reasoning comes back in several shapes: see earlier_turn.py. A tool call's signature comes back
in ``extra_content`` (Google's own OpenAI endpoint) or ``function.thought_signature`` (Portkey's). Both are read into
parts that name their owner. Sources: OpenAI API reference, "Create chat completion"; docs/portkey.md#earlier-reasoning,
#tool-call-signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    ROLES,
    Message,
    NativePart,
    Owner,
    Part,
    Prose,
    ReasoningPart,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)
from penstock.core.json_slices import LARGE
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, cache_in, is_name, text_in
from penstock.dialects.openai.caller.earlier_turn import earlier_turn
from penstock.dialects.openai.caller.parts import READERS, read_content

LOST: Final = LostMembers(
    "messages",
    (".prompt_cache_breakpoint.ttl",),
    kinds=(*READERS, *"tool_result function custom base64 url ephemeral allowed_tools json_schema json_object".split()),
    beside=("tool_choice", "response_format"),
)
"""What is said of a part and has no place elsewhere: other makers' caches have times of their own."""
_ROLES: Final[Mapping[str, Role]] = {**ROLES, "model": "assistant", "function": "tool"}


def read_messages(body: Body) -> tuple[Message, ...]:
    """All messages. Raises Malformed."""
    prose = _prose(body)
    if prose is not None:
        return prose
    calls = _Calls()
    found: list[Message] = []
    try:
        for position, message in enumerate(body.elements("messages") or ()):
            path = f"messages[{position}]"
            if _holds_results(message):
                found += _with_results(message, path, calls)
            else:
                found.append(_message(message, path, calls))
    except BodyError:
        raise Malformed("messages", "valid JSON") from None
    if not found:
        raise Malformed("messages", "a non-empty array of message objects")
    return tuple(found)


class _Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message that is a role and a text, as most are."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


_SAID: Final = msgspec.json.Decoder(list[_Said])


def _prose(body: Body) -> Prose | None:
    """The messages where all are plain, told by one typed decode; None for any others, and for a large array."""
    raw = body.members.get("messages")
    if raw is None or len(memoryview(raw)) > LARGE:
        return None
    try:
        decoded = _SAID.decode(raw)
    except UNREADABLE:
        return None
    found = [Message(each.role, (TextPart(each.content),), "", f"messages[{n}]") for n, each in enumerate(decoded)]
    return Prose(found) if found else None


class _Calls:
    """The tool calls so far: their ids, each once, and the names of their tools by id."""

    __slots__ = ("ids", "names")

    def __init__(self) -> None:
        self.ids = TurnIds()
        self.names: dict[str, str] = {}

    def made(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """An assistant's parts, each call under an id of its own."""
        self.ids.turn()
        return tuple([self._made(part) if type(part) is ToolCall else part for part in parts])

    def _made(self, call: ToolCall) -> ToolCall:
        own = self.ids.called(call.id)
        self.names[own] = call.name
        return call if own == call.id else msgspec.structs.replace(call, id=own)


def _message(message: Any, path: str, calls: _Calls) -> Message:
    """One message."""
    if not isinstance(message, dict):
        raise Malformed(path, "an object")
    role_name = message.get("role")
    role = _ROLES.get(role_name) if isinstance(role_name, str) else None
    if role is None:
        raise Malformed(f"{path}.role", "system, developer, user, assistant or tool")
    content = message.get("content")
    if len(message) == _BARE and type(content) is str and role != "tool":
        return Message(role, (TextPart(content),), "", path)
    if role == "tool":
        parts = _tool_result(message, path, calls)
    elif role == "assistant":
        parts = calls.made(_assistant(message, path))
    else:
        parts = read_content(content, path)
    name = message.get("name")
    marked = _with_marker(parts, cache_in(message))
    return Message(role, marked, name if isinstance(name, str) else "", path)


_BARE: Final = 2
"""The members of a plain message: a role and a text."""


def _with_marker(parts: tuple[Part, ...], cache: Mapping[str, Any] | None) -> tuple[Part, ...]:
    """The parts; a cache marker on the message is moved to the last part."""
    if cache is None or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, ReasoningPart | NativePart | UnknownPart) or last.cache is not None:
        return parts
    return (*parts[:-1], msgspec.structs.replace(last, cache=cache))


# Tools.


def _holds_results(message: Any) -> bool:
    """Whether a user's message holds Anthropic's results of tools, which Cursor sends in chat completions."""
    content = message.get("content") if isinstance(message, dict) and message.get("role") == "user" else None
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "tool_result" for part in content
    )


def _with_results(message: Mapping[str, Any], path: str, calls: _Calls) -> list[Message]:
    """A message per result, then one for what stands beside the results."""
    found: list[Message] = []
    others: list[Part] = []
    for position, part in enumerate(message["content"]):
        place = f"{path}.content[{position}]"
        if not isinstance(part, dict) or part.get("type") != "tool_result":
            others += read_content([part], path)
            continue
        tool_use_id = part.get("tool_use_id")
        if not isinstance(tool_use_id, str) or not tool_use_id:
            raise Malformed(f"{place}.tool_use_id", "the id of the tool call that this answers")
        call_id, is_error = calls.ids.answered(tool_use_id), part.get("is_error") is True
        inner = read_content(part.get("content"), place)
        result = ToolResult(call_id, inner, calls.names.get(call_id, ""), is_error, cache_in(part))
        found.append(Message("tool", (result,), "", place))
    return [*found, Message("user", tuple(others), "", path)] if others else found


def _tool_result(message: Mapping[str, Any], path: str, calls: _Calls) -> tuple[Part, ...]:
    call_id = message.get("tool_call_id")
    name = text_in(message.get("name"))
    if message.get("role") == "function":
        call_id = name
    if not isinstance(call_id, str) or not call_id:
        raise Malformed(f"{path}.tool_call_id", "the id of the tool call that this answers")
    content = message.get("content")
    parts = read_content(content, path)
    call_id = calls.ids.answered(call_id)
    return (ToolResult(call_id, parts, calls.names.get(call_id, name), message.get("is_error") is True),)


def _tool_calls(message: Mapping[str, Any], path: str) -> Iterable[ToolCall]:
    calls = message.get("tool_calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise Malformed(f"{path}.tool_calls", "an array of tool calls")
        for position, call in enumerate(calls):
            yield _tool_call(call, f"{path}.tool_calls[{position}]")
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and not calls:
        name = text_in(legacy.get("name"))
        if not is_name(name):
            raise Malformed(f"{path}.function_call.name", CALL_NAME)
        yield ToolCall(name, name, text_in(legacy.get("arguments")))


def _tool_call(call: Any, path: str) -> ToolCall:
    if not isinstance(call, dict):
        raise Malformed(path, "an object")
    custom = call.get("type") == "custom"
    function = call.get("custom" if custom else "function")
    if not isinstance(function, dict) or not is_name(function.get("name")):
        raise Malformed(f"{path}.function.name", CALL_NAME)
    arguments = function.get("input" if custom else "arguments")
    if isinstance(arguments, dict):
        arguments = write_json(arguments).decode()
    signature = text_in(function.get("thought_signature")) or _google_signature(call)
    return ToolCall(
        text_in(call.get("id")),
        function["name"],
        text_in(arguments),
        signature,
        Owner.GOOGLE if signature else Owner.UNKNOWN,
        cache_in(call),
        custom,
    )


def _google_signature(call: Mapping[str, Any]) -> str:
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return text_in(google.get("thought_signature")) if isinstance(google, dict) else ""


# Assistant messages.


def _assistant(message: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    raw_content = message.get("content")
    content = read_content(raw_content, path)
    if not content and isinstance(message.get("refusal"), str):
        content = (TextPart(message["refusal"]),)
    if not content and isinstance(message.get("audio"), dict):
        content = (UnknownPart("audio", message["audio"]),)  # what the model said aloud: only its maker has it
    calls = tuple(_tool_calls(message, path))
    if isinstance(raw_content, list) or not _THOUGHT.isdisjoint(message):
        return earlier_turn(message, content, calls)
    return (*content, *calls)


_THOUGHT: Final = frozenset(
    {"content_blocks", "reasoning_details", "thinking_blocks", "reasoning_content", "reasoning"}
)
"""The members that may hold earlier reasoning; a content that is a list of parts may hold reasoning, too."""
