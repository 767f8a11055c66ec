"""The messages of a caller of Ollama: one text each, images beside it, calls with an object of arguments.

Calls mostly have no ids, and results name the tool: a call gets an id from its place, and a result answers the next
call of its name, or the next call. One that answers none is a text of the user's: some clients leave calls out of what
they send back (LiteLLM), which Ollama bears. Source: Ollama API documentation, "Generate a chat message", "Tool
calling".
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    ROLES,
    AudioPart,
    ImagePart,
    Inline,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.json_text import write_json
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in
from penstock.dialects.ollama.images import SOUND, media_type_of

LOST: Final = LostMembers("messages")


def read_messages(body: Body) -> tuple[Message, ...]:
    """All messages. Raises Malformed."""
    calls = _Calls()
    try:
        messages = enumerate(body.elements("messages") or ())
        found = tuple([_message(message, f"messages[{position}]", calls) for position, message in messages])
    except BodyError:
        raise Malformed("messages", "valid JSON") from None
    if not found:
        raise Malformed("messages", "a non-empty array: this model is not Ollama's, so that there is nothing to load")
    return found


class _Calls:
    """The calls of the latest turn that no result has answered yet, and how many there have been. A result is found at
    once, however many wait."""

    def __init__(self) -> None:
        self._made = 0
        self._waiting: dict[str, deque[ToolCall]] = {}
        self._order: deque[ToolCall] = deque()
        self._answered: set[int] = set()

    def turn(self) -> None:
        """An assistant's turn begins: the results that follow answer its calls."""
        self._waiting, self._order, self._answered = {}, deque(), set()

    def called(self, call_id: str, name: str, arguments: str) -> ToolCall:
        """A call; one without an id gets one."""
        call = ToolCall(call_id or f"call_{self._made}", name, arguments)
        self._made += 1
        self._order.append(call)
        for key in (f"id {call.id}", f"name {name}"):
            self._waiting.setdefault(key, deque()).append(call)
        return call

    def answered(self, call_id: str, name: str) -> tuple[str, str] | None:
        """The id and the name of the call that a result answers; None if there is no such call."""
        keys = [f"id {call_id}"] if call_id else [f"name {name}"] if name else []
        for waiting in (*(self._waiting.get(key, deque()) for key in keys), *([] if call_id else [self._order])):
            while waiting:
                call = waiting.popleft()
                if id(call) not in self._answered:
                    self._answered.add(id(call))
                    return call.id, call.name
        return None


def _message(message: Any, path: str, calls: _Calls) -> Message:
    if not isinstance(message, dict):
        raise Malformed(path, "an object")
    role_value = message.get("role")
    role = ROLES.get(role_value) if isinstance(role_value, str) else None
    if role is None:
        raise Malformed(f"{path}.role", "system, user, assistant or tool")
    content = message.get("content")
    if not isinstance(content, str | None):
        raise Malformed(f"{path}.content", "a string")
    parts = parts_of(content or "", message.get("images"), f"{path}.images")
    if role == "tool":
        name = text_in(message.get("tool_name")) or text_in(message.get("name"))
        answered = calls.answered(text_in(message.get("tool_call_id")), name)
        if answered is None:
            return Message("user", parts or (TextPart(""),), "", path)
        return Message("tool", (ToolResult(answered[0], parts, answered[1]),), "", path)
    if role == "assistant":
        calls.turn()
        thinking = message.get("thinking")
        thought = (ReasoningPart(thinking),) if isinstance(thinking, str) and thinking else ()
        return Message(role, (*thought, *parts, *_calls(message.get("tool_calls"), path, calls)), "", path)
    return Message(role, parts or (TextPart(""),), "", path)


def parts_of(text: str, images: Any, path: str) -> tuple[Part, ...]:
    """A text and the images beside it, which are base64 alone. Raises Malformed."""
    if not isinstance(images, list | None):
        raise Malformed(path, "an array of images in base64")
    found: list[Part] = []
    for position, data in enumerate(images or ()):
        if not isinstance(data, str):
            raise Malformed(f"{path}[{position}]", "an image in base64")
        found.append(_media(data))
    return (*found, TextPart(text)) if text else tuple(found)


def _media(data: str) -> Part:
    """An image, or a sound; some clients put a data URL."""
    head, comma, rest = data.partition(";base64,")
    if comma and head.startswith("data:"):
        return ImagePart(Inline(head.removeprefix("data:"), rest))
    mime = media_type_of(data)
    return AudioPart(Inline(mime, data), "wav") if mime == SOUND else ImagePart(Inline(mime, data))


def _calls(value: Any, path: str, calls: _Calls) -> list[ToolCall]:
    if not isinstance(value, list | None):
        raise Malformed(f"{path}.tool_calls", "an array of tool calls")
    found: list[ToolCall] = []
    for position, call in enumerate(value or ()):
        place = f"{path}.tool_calls[{position}].function"
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not is_name(name) or not name or not isinstance(function, dict):
            raise Malformed(f"{place}.name", CALL_NAME)
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else write_json({} if arguments is None else arguments).decode()
        found.append(calls.called(text_in(call.get("id")), name, text))
    return found
