"""The messages of a caller of Cohere: OpenAI's, with a plan beside tool calls, thoughts and documents in place.

Source: Cohere API reference, "Chat".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    ROLES,
    ImagePart,
    Inline,
    Link,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
    UnknownPart,
)
from penstock.core.json_text import write_json
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in

LOST: Final = LostMembers(
    "messages",
    ("<assistant>.citations", "<document>.document.id"),
    kinds=("text", "image_url", "document", "thinking", "function", "json_object"),
    beside=("response_format",),
)
"""What an earlier answer cited, and what documents among the results of tools are cited by."""


def read_messages(body: Body) -> tuple[Message, ...]:
    """All messages. Raises Malformed."""
    names: dict[str, str] = {}
    ids = TurnIds()
    try:
        messages = enumerate(body.elements("messages") or ())
        found = tuple([_message(message, f"messages[{position}]", names, ids) for position, message in messages])
    except BodyError:
        raise Malformed("messages", "valid JSON") from None
    if not found:
        raise Malformed("messages", "a non-empty array of message objects")
    return found


def _message(message: Any, path: str, names: dict[str, str], ids: TurnIds) -> Message:
    """One message. ``names`` are those of the calls so far, by id."""
    if not isinstance(message, dict):
        raise Malformed(path, "an object")
    role_value = message.get("role")
    role = ROLES.get(role_value.lower()) if isinstance(role_value, str) else None
    if role is None:
        raise Malformed(f"{path}.role", "system, user, assistant or tool")
    parts = _content(message.get("content"), path)
    if role == "tool":
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str) or not call_id:
            raise Malformed(f"{path}.tool_call_id", "the id of the tool call that this answers")
        call_id = ids.answered(call_id)
        return Message("tool", (ToolResult(call_id, parts, names.get(call_id, "")),), "", path)
    if role == "assistant":
        ids.turn()
        plan = text_in(message.get("tool_plan"))
        parts = _cited(parts, message.get("citations"))
        calls = _calls(message.get("tool_calls"), path, ids)
        names.update({call.id: call.name for call in calls})
        return Message(role, (*parts, *((TextPart(plan),) if plan else ()), *calls), "", path)
    return Message(role, parts, "", path)


def _cited(parts: tuple[Part, ...], citations: Any) -> tuple[Part, ...]:
    """An answer's parts, its last text with the sources. Their type names a place in Cohere's messages."""
    cited = [{name: value for name, value in each.items() if name != "type"} for each in json_text.mappings(citations)]
    place = next((at for at in range(len(parts) - 1, -1, -1) if isinstance(parts[at], TextPart)), None)
    if not cited or place is None:
        return parts
    return (*parts[:place], msgspec.structs.replace(parts[place], citations=tuple(cited)), *parts[place + 1 :])


def _content(content: Any, path: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(content),) if content else ()
    if not isinstance(content, list):
        raise Malformed(f"{path}.content", "a string or an array of content blocks")
    return tuple(
        [part for position, block in enumerate(content) for part in _block(block, f"{path}.content[{position}]")]
    )


def _block(block: Any, path: str) -> tuple[Part, ...]:
    if isinstance(block, str):
        return (TextPart(block),) if block else ()
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str):
        raise Malformed(path, "a content block: an object with a type")
    read = _READERS.get(kind)
    return (UnknownPart(kind, block),) if read is None else read(block, path)


def _text(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    text = block.get("text")
    if not isinstance(text, str):
        raise Malformed(f"{path}.text", "a string")
    return (TextPart(text),) if text else ()


def _thinking(block: Mapping[str, Any], _path: str) -> tuple[Part, ...]:
    text = text_in(block.get("thinking"))
    return (ReasoningPart(text),) if text else ()


def _image(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    image = block.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise Malformed(f"{path}.image_url.url", "an address, or a data URL")
    head, comma, data = url.partition(";base64,")
    is_inline = bool(comma) and head.startswith("data:")
    source = Inline(head.removeprefix("data:"), data) if is_inline else Link(url)
    return (ImagePart(source, text_in(image.get("detail")) if isinstance(image, dict) else ""),)


def _document(block: Mapping[str, Any], _path: str) -> tuple[Part, ...]:
    return (TextPart(document_text(block.get("document"))),)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], tuple[Part, ...]]]] = {
    "text": _text,
    "thinking": _thinking,
    "image_url": _image,
    "document": _document,
}


def document_text(document: Any) -> str:
    """A document in words: its text, with its title; any other fields of it as JSON."""
    if isinstance(document, str):
        return document
    data = document.get("data", document) if isinstance(document, dict) else document
    if isinstance(data, str):
        return data
    if isinstance(data, dict) and isinstance(data.get("text"), str) and data.keys() <= {"text", "title"}:
        title = text_in(data.get("title"))
        return f"{title}\n{data['text']}" if title else str(data["text"])
    return write_json(data).decode()


def _calls(value: Any, path: str, ids: TurnIds) -> list[ToolCall]:
    if not isinstance(value, list | None):
        raise Malformed(f"{path}.tool_calls", "an array of tool calls")
    found: list[ToolCall] = []
    for position, call in enumerate(value or ()):
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not is_name(name) or not name or not isinstance(function, dict):
            raise Malformed(f"{path}.tool_calls[{position}].function.name", CALL_NAME)
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else write_json({} if arguments is None else arguments).decode()
        found.append(ToolCall(ids.called(text_in(call.get("id"))), name, text))
    return found
