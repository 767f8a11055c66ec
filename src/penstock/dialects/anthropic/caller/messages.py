"""The messages of a caller of Anthropic's, block by block in their order.

A user's results of tools become messages of their own, in the order given and before the text beside them: everyone
wants them right after their calls. What only Anthropic has stays as it is, with words for other makers' models. Foreign
thoughts come in envelopes (envelope.py). Sources: Anthropic API reference, "Create a Message"; Claude docs, "Extended
thinking", "Search results", "PDF support".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    Source,
    Stored,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.anthropic.caller.hosted import in_words
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.envelope import is_sealed, unseal
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, cache_in, is_name, text_in
from penstock.dialects.media_type import media_type

LOST: Final = LostMembers(
    "messages",
    (
        *("<text>.citations", "<image>.transformations", "<tool_use>.toolset_name", "<tool_result>.toolset_name"),
        *("<tool_use>.caller", "<tool_result>.caller"),
    ),
    usual=({"type": "direct"},),
    kinds=(
        *"text image document thinking redacted_thinking tool_use tool_result base64 url file ephemeral".split(),
        *("auto", "any", "tool", "none"),
    ),
    beside=("system", "tool_choice"),
)
"""What is said of a block and has no place elsewhere. Claude names itself as the caller of most calls."""
_ROLES: Final = frozenset({"user", "assistant", "system"})
_DOCUMENT_EXTRAS: Final = ("citations", "context")


def read_messages(body: Body) -> tuple[Message, ...]:
    """All messages. Raises Malformed."""
    inputs = _inputs(body.raw("messages") or b"")
    names: dict[str, str] = {}
    ids = TurnIds()
    found: list[Message] = []
    try:
        for position, message in enumerate(body.elements("messages") or ()):
            found += _message(message, f"messages[{position}]", inputs.get(position, {}), names, ids)
    except BodyError:
        raise Malformed("messages", "valid JSON") from None
    if not found:
        raise Malformed("messages", "a non-empty array of message objects")
    return tuple(found)


def _message(
    message: Any, path: str, inputs: Mapping[int, bytes], names: dict[str, str], ids: TurnIds
) -> list[Message]:
    """One message; a user's with results of tools is several. ``names`` are those of the calls so far, by id."""
    if not isinstance(message, dict):
        raise Malformed(path, "an object")
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in _ROLES:
        raise Malformed(f"{path}.role", "user, assistant or system")
    if role == "system":
        return [Message("system", read_content(content, path), "", path, in_place=True)]
    if role == "assistant":
        ids.turn()
        parts = tuple([_with_own_id(part, ids) for part in _answer(content, path, inputs)])
        names.update({part.id: part.name for part in parts if isinstance(part, ToolCall)})
        return [Message("assistant", parts, "", path)]
    if isinstance(content, str):
        return [Message("user", (TextPart(content),), "", path)]
    found: list[Message] = []
    others: list[Part] = []
    for block, place in _blocks(content, path):
        if block.get("type") == "tool_result":
            found.append(Message("tool", (_result(block, place, names, ids),), "", place))
        else:
            others += _parts(block, place)
    if others or not found:
        found.append(Message("user", tuple(others), "", path))
    return found


def _blocks(content: Any, path: str) -> list[tuple[Mapping[str, Any], str]]:
    """The blocks of a content, each with its place. Raises Malformed."""
    if not isinstance(content, list):
        raise Malformed(f"{path}.content", "a string or an array of content blocks")
    found: list[tuple[Mapping[str, Any], str]] = []
    for position, block in enumerate(content):
        place = f"{path}.content[{position}]"
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Malformed(place, "a content block: an object with a type")
        found.append((block, place))
    return found


def read_content(content: Any, path: str) -> tuple[Part, ...]:
    """The parts of a content that holds no calls: a string, or blocks. Raises Malformed."""
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple([part for block, place in _blocks(content, path) for part in _parts(block, place)])


def _parts(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    read = _READERS.get(block["type"])
    return (NativePart(block, Owner.ANTHROPIC, in_words(block)),) if read is None else read(block, path)


# What an assistant said.


def _answer(content: Any, path: str, inputs: Mapping[int, bytes]) -> tuple[Part, ...]:
    """An assistant's turn. The signature of a foreign call stands in an envelope before it."""
    if isinstance(content, str):
        return (TextPart(content),)
    found: list[Part] = []
    signature, owner = "", Owner.UNKNOWN
    for position, (block, place) in enumerate(_blocks(content, path)):
        if block["type"] == "tool_use":
            found.append(_call(block, place, inputs.get(position, b""), signature, owner))
            signature, owner = "", Owner.UNKNOWN
            continue
        sealed = text_in(block.get("signature")) if block["type"] == "thinking" else ""
        envelope = unseal(sealed)
        if envelope is not None and envelope.call_signature:
            signature, owner = envelope.call_signature, envelope.owner
        found += _parts(block, place)
    return tuple(found)


def _call(block: Mapping[str, Any], path: str, written: bytes, signature: str, owner: str) -> ToolCall:
    name = block.get("name")
    if not is_name(name) or not name:
        raise Malformed(f"{path}.name", CALL_NAME)
    value = block.get("input")
    arguments = (written or write_json({} if value is None else value)).decode("utf-8", "surrogatepass")
    return ToolCall(text_in(block.get("id")), name, arguments, signature, owner, cache_in(block))


def _thinking(block: Mapping[str, Any], _path: str) -> tuple[Part, ...]:
    text, signature = text_in(block.get("thinking")), text_in(block.get("signature"))
    if not is_sealed(signature):
        owner = Owner.ANTHROPIC if signature else Owner.UNKNOWN
        return (ReasoningPart(text, signature, "", owner),) if text or signature else ()
    envelope = unseal(signature)
    if envelope is None:  # damaged on its way: what can be read of it is nobody's
        return (ReasoningPart(text),) if text else ()
    return envelope.reasoning(text)


def _redacted(block: Mapping[str, Any], _path: str) -> tuple[Part, ...]:
    return (ReasoningPart("", "", text_in(block.get("data")), Owner.ANTHROPIC),)


# What a user said, and tools answered.


def _text(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    text = block.get("text")
    if not isinstance(text, str):
        raise Malformed(f"{path}.text", "a string")
    cache = cache_in(block)
    return (TextPart(text, cache),) if text or cache else ()


def _with_own_id(part: Part, ids: TurnIds) -> Part:
    return msgspec.structs.replace(part, id=ids.called(part.id)) if isinstance(part, ToolCall) else part


def _result(block: Mapping[str, Any], path: str, names: Mapping[str, str], ids: TurnIds) -> ToolResult:
    call_id, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(call_id, str) or not call_id:
        raise Malformed(f"{path}.tool_use_id", "the id of the tool call that this answers")
    parts = () if content is None else read_content(content, path)
    call_id = ids.answered(call_id)
    return ToolResult(call_id, parts, names.get(call_id, ""), block.get("is_error") is True, cache_in(block))


def _image(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    return (ImagePart(_source(block, path), "", cache_in(block)),)


def _document(block: Mapping[str, Any], path: str) -> tuple[Part, ...]:
    """A document: its file, or its text as a file. One that is made of blocks is Anthropic's alone."""
    source_value = block.get("source")
    source = source_value if isinstance(source_value, dict) else {}
    if source.get("type") == "content":
        return (NativePart(block, Owner.ANTHROPIC, in_words(block)),)
    held = _source(block, path)
    extras = {name: block[name] for name in _DOCUMENT_EXTRAS if _says_something(block.get(name))}
    return (FilePart(held, text_in(block.get("title")), cache_in(block), extras),)


def _says_something(value: Any) -> bool:
    return value not in (None, "", {}, {"enabled": False})


def _source(block: Mapping[str, Any], path: str) -> Source:
    source = json_text.mapping(block, "source")
    kind, mime = source.get("type"), text_in(source.get("media_type"))
    named = {"base64": "data", "url": "url", "file": "file_id", "text": "data"}.get(
        kind if isinstance(kind, str) else ""
    )
    value = source.get(named) if named else None
    if not isinstance(value, str):
        raise Malformed(f"{path}.source", "a source of type base64, url, file or text with its data, url or file_id")
    if kind == "base64":
        return Inline(media_type(mime, value), value)
    if kind == "url":
        return Link(value, "application/pdf" if block["type"] == "document" else "")
    if kind == "file":
        return Stored(value, mime, Owner.ANTHROPIC)
    return Inline(mime or "text/plain", base64.b64encode(value.encode("utf-8", "surrogatepass")).decode())


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], tuple[Part, ...]]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}


# The input of calls, as it was written.


class _WithInput(msgspec.Struct):
    type: str = ""
    input: msgspec.Raw = msgspec.Raw(b"")


class _WithInputs(msgspec.Struct):
    content: list[_WithInput] | str = ""


_INPUTS: Final = msgspec.json.Decoder(list[_WithInputs])


def _inputs(messages: bytes) -> dict[int, dict[int, bytes]]:
    """The bytes of each call's input, by the places of its message and block; none where they can't be told."""
    if b'"tool_use"' not in messages:
        return {}
    found: dict[int, dict[int, bytes]] = {}
    position = 0
    try:
        for piece in slices(messages):
            for message in _INPUTS.decode(piece):
                if isinstance(message.content, list):
                    blocks = enumerate(message.content)
                    found[position] = {n: bytes(block.input) for n, block in blocks if block.type == "tool_use"}
                position += 1
    except (ValueError, *UNREADABLE):
        return {}
    return found
