"""The messages of a caller of Converse, block by block in their order.

A user's results of tools become messages of their own, in the order given and before what stands beside them: everyone
wants them right after their calls. A cache point marks the block before it. What only Bedrock has stays as it is, with
words for other makers' models. Foreign thoughts come in envelopes (envelope.py). Sources: Amazon Bedrock API reference,
"Message", "ContentBlock", "SystemContentBlock"; user guide, "Prompt caching".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    NativePart,
    Owner,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.bedrock.provider import formats
from penstock.dialects.call_ids import TurnIds
from penstock.dialects.envelope import is_sealed, unseal
from penstock.dialects.lost_members import LostMembers
from penstock.dialects.malformed import CALL_NAME, Malformed, is_name, text_in

LOST: Final = LostMembers(
    "messages",
    ("searchResult.citations", "s3Location.bucketOwner"),
    usual=({"enabled": False},),
    beside=("system", "toolConfig"),
)
"""Whether results of a search are to be cited, and whose bucket a file is in."""
_ROLES: Final = frozenset({"user", "assistant", "system"})
_DOCUMENT_EXTRAS: Final = ("citations", "context")
_SERVERS: Final = "server_tool_use"
"""The type of a call of a tool that Bedrock runs by itself."""
_LIMIT: Final = 4000
"""Characters of a block of Bedrock's own that are told in words."""

_Block = Mapping[str, Any]


def read_system(value: Any, places: dict[str, str]) -> tuple[Message, ...]:
    """The standing prompt: blocks stay apart where they are marked for a cache or are Bedrock's own, and are one text
    otherwise. ``places``: as in ``Wording``; filled in. Raises Malformed."""
    if value is None:
        return ()
    parts = _marked(_blocks(value, "system"), "system", places)
    if not all(isinstance(part, TextPart | NativePart) for part in parts):
        raise Malformed("system", "an array of text blocks")
    texts = [part for part in parts if isinstance(part, TextPart)]
    if len(texts) > 1 and len(texts) == len(parts) and all(part.cache is None for part in texts):
        parts = [TextPart("\n\n".join(part.text for part in texts))]
    return (Message("system", tuple(parts), "", "system"),) if parts else ()


def read_messages(body: Body, places: dict[str, str]) -> tuple[Message, ...]:
    """All messages. ``places``: as in ``Wording``; filled in. Raises Malformed."""
    inputs = _inputs(body.raw("messages") or b"")
    names: dict[str, str] = {}
    ids = TurnIds()
    found: list[Message] = []
    try:
        for position, message in enumerate(body.elements("messages") or ()):
            found += _message(message, f"messages[{position}]", inputs.get(position, {}), names, ids, places)
    except BodyError:
        raise Malformed("messages", "valid JSON") from None
    if not any(message.parts for message in found):
        raise Malformed("messages", "a non-empty array of messages with content")
    return tuple(found)


def _message(
    message: Any, path: str, inputs: Mapping[int, bytes], names: dict[str, str], ids: TurnIds, places: dict[str, str]
) -> list[Message]:
    """One message; a user's with results of tools is several. ``names`` are those of the calls so far, by id."""
    if not isinstance(message, dict):
        raise Malformed(path, "an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise Malformed(f"{path}.role", "user, assistant or system")
    blocks = _blocks(message.get("content"), f"{path}.content")
    if role == "system":
        return [Message("system", tuple(_marked(blocks, path, places)), "", path, in_place=True)]
    if role == "assistant":
        ids.turn()
        parts = tuple(_answer(blocks, inputs, ids))
        names.update({part.id: part.name for part in parts if isinstance(part, ToolCall)})
        return [Message("assistant", parts, "", path)]
    results: list[Message] = []
    others: list[Part] = []
    last: list[Part] | None = others
    for block, place in blocks:
        if "toolResult" in block:
            results.append(Message("tool", (_result(block["toolResult"], place, names, ids),), "", place))
            last = None
        elif "cachePoint" not in block:
            _add(others, block, place, path, places)
            last = others
        elif last is None:
            result = results[-1]
            results[-1] = msgspec.structs.replace(result, parts=_with_mark(result.parts, block))
        else:
            _mark_last(others, block)
    if others or not results:
        results.append(Message("user", tuple(others), "", path))
    return results


def _blocks(content: Any, path: str) -> list[tuple[_Block, str]]:
    """The blocks of a content, each with its place. A text alone counts as one. Raises Malformed."""
    if isinstance(content, str):
        return [({"text": content}, f"{path}[0]")]
    if not isinstance(content, list):
        raise Malformed(path, "an array of content blocks")
    found: list[tuple[_Block, str]] = []
    for position, block in enumerate(content):
        place = f"{path}[{position}]"
        if not isinstance(block, dict):
            raise Malformed(place, "a content block: an object with one member")
        found.append((block, place))
    return found


# Cache points.


def _add(parts: list[Part], block: _Block, place: str, path: str, places: dict[str, str]) -> None:
    """Add what a block holds to the parts of the message at ``path``, and note where the block stands if blocks before
    it are no parts."""
    for part in _parts(block, place):
        counted = f"{path}.content[{len(parts)}]"
        if counted != place:
            places[counted] = place
        parts.append(part)


def _marked(blocks: list[tuple[_Block, str]], path: str, places: dict[str, str]) -> list[Part]:
    """The parts of blocks; a cache point marks the part before it."""
    parts: list[Part] = []
    for block, place in blocks:
        if "cachePoint" in block:
            _mark_last(parts, block)
        else:
            _add(parts, block, place, path, places)
    return parts


def marker(block: _Block) -> dict[str, Any]:
    """A cache point as the middle has it: Anthropic's marker."""
    ttl = json_text.mapping(block, "cachePoint").get("ttl")
    return {"type": "ephemeral", **({"ttl": ttl} if isinstance(ttl, str) else {})}


def _mark_last(parts: list[Part], block: _Block) -> None:
    """Mark the last of some parts, if it can bear a mark."""
    parts[-1:] = _with_mark(tuple(parts[-1:]), block)


def _with_mark(parts: tuple[Part, ...], block: _Block) -> tuple[Part, ...]:
    if not parts or not isinstance(parts[-1], _MARKABLE):
        return parts
    return (*parts[:-1], msgspec.structs.replace(parts[-1], cache=marker(block)))


_MARKABLE: Final = (TextPart, ImagePart, AudioPart, FilePart, ToolCall, ToolResult)


# What an assistant said.


def _answer(blocks: list[tuple[_Block, str]], inputs: Mapping[int, bytes], ids: TurnIds) -> list[Part]:
    """An assistant's turn. The signature of a foreign call stands in an envelope before it."""
    found: list[Part] = []
    signature, owner = "", Owner.UNKNOWN
    for position, (block, place) in enumerate(blocks):
        use = block.get("toolUse")
        if isinstance(use, dict) and use.get("type") != _SERVERS:
            call = _call(use, f"{place}.toolUse", inputs.get(position, b""), signature, owner)
            found.append(msgspec.structs.replace(call, id=ids.called(call.id)))
            signature, owner = "", Owner.UNKNOWN
            continue
        if "cachePoint" in block:
            _mark_last(found, block)
            continue
        thought = json_text.mapping(json_text.mapping(block, "reasoningContent"), "reasoningText")
        envelope = unseal(text_in(thought.get("signature")))
        if envelope is not None and envelope.call_signature:
            signature, owner = envelope.call_signature, envelope.owner
        found += _parts(block, place)
    return found


def _call(use: _Block, path: str, written: bytes, signature: str, owner: str) -> ToolCall:
    name, value = use.get("name"), use.get("input")
    if not is_name(name) or not name:
        raise Malformed(f"{path}.name", CALL_NAME)
    arguments = (written or write_json({} if value is None else value)).decode("utf-8", "surrogatepass")
    return ToolCall(text_in(use.get("toolUseId")), name, arguments, signature, owner)


def _reasoning(value: _Block, _path: str) -> tuple[Part, ...]:
    data = text_in(value.get("redactedContent"))
    if data:
        return (ReasoningPart("", "", _as_text(data), Owner.ANTHROPIC),)
    thought = json_text.mapping(value, "reasoningText")
    text, signature = text_in(thought.get("text")), text_in(thought.get("signature"))
    if not is_sealed(signature):
        owner = Owner.ANTHROPIC if signature else Owner.UNKNOWN
        return (ReasoningPart(text, signature, "", owner),) if text or signature else ()
    envelope = unseal(signature)
    if envelope is None:  # damaged on its way: what can be read of it is nobody's
        return (ReasoningPart(text),) if text else ()
    return envelope.reasoning(text)


def _as_text(redacted: str) -> str:
    """Claude's redacted thinking as Anthropic has it, which is bytes here."""
    try:
        return base64.b64decode(redacted, validate=True).decode()
    except ValueError:
        return redacted


def _cited(value: _Block, _path: str) -> tuple[Part, ...]:
    text = "".join(json_text.text(each, "text") for each in json_text.mappings(value.get("content")))
    return (TextPart(text, None, tuple(json_text.mappings(value.get("citations")))),) if text else ()


# What a user said, and tools answered.


def _parts(block: _Block, path: str) -> tuple[Part, ...]:
    """What a block holds; one that isn't known is Bedrock's own."""
    text = block.get("text")
    if isinstance(text, str):
        return (TextPart(text),) if text else ()
    for name, read in _READERS.items():
        value = block.get(name)
        if isinstance(value, dict):
            return read(value, f"{path}.{name}")
    if "text" in block:
        raise Malformed(f"{path}.text", "a string")
    return (NativePart(dict(block), Owner.AMAZON, _in_words(block)),) if block else ()


def _result(value: Any, path: str, names: Mapping[str, str], ids: TurnIds) -> ToolResult:
    path = f"{path}.toolResult"
    call_id = value.get("toolUseId") if isinstance(value, dict) else None
    if not isinstance(call_id, str) or not call_id:
        raise Malformed(f"{path}.toolUseId", "the id of the tool call that this answers")
    content = value.get("content")
    parts: list[Part] = []
    for block, place in _blocks(content, f"{path}.content") if content is not None else ():
        if "json" in block:
            parts.append(TextPart(write_json(block["json"]).decode("utf-8", "surrogatepass")))
        else:
            parts += _parts(block, place)
    call_id = ids.answered(call_id)
    return ToolResult(call_id, tuple(parts), names.get(call_id, ""), value.get("status") == "error")


def _source(value: _Block, kind: str, path: str) -> Inline | Link:
    source, mime = json_text.mapping(value, "source"), ""
    form = text_in(value.get("format"))
    if form:
        mime = formats.mime_of(kind, form)
    data = source.get("bytes")
    if isinstance(data, str):
        return Inline(mime, data)
    uri = json_text.mapping(source, "s3Location").get("uri")
    if isinstance(uri, str):
        return Link(uri, mime)
    text = source.get("text")
    if not isinstance(text, str) and isinstance(source.get("content"), list):
        text = "\n\n".join(json_text.text(each, "text") for each in json_text.mappings(source["content"]))
    if isinstance(text, str) and kind == "document":
        return Inline(mime or "text/plain", base64.b64encode(text.encode("utf-8", "surrogatepass")).decode())
    raise Malformed(f"{path}.source", "an object with bytes in base64 or an s3Location")


def _image(value: _Block, path: str) -> tuple[Part, ...]:
    return (ImagePart(_source(value, "image", path)),)


def _document(value: _Block, path: str) -> tuple[Part, ...]:
    """A document. Its name has no ending here, by which other wires know what a file is."""
    name, form = text_in(value.get("name")), text_in(value.get("format")) or "txt"
    extras = {each: value[each] for each in _DOCUMENT_EXTRAS if value.get(each) not in (None, "", {"enabled": False})}
    named = f"{name}.{form}" if name and "." not in name else name
    return (FilePart(_source(value, "document", path), named, None, extras),)


def _video(value: _Block, path: str) -> tuple[Part, ...]:
    return (FilePart(_source(value, "video", path)),)


def _audio(value: _Block, path: str) -> tuple[Part, ...]:
    return (AudioPart(_source(value, "audio", path), text_in(value.get("format"))),)


def _search_result(value: _Block, _path: str) -> tuple[Part, ...]:
    """A source that the caller found, as Claude takes it at Anthropic, too."""
    title, source = text_in(value.get("title")), text_in(value.get("source"))
    texts = [json_text.text(each, "text") for each in json_text.mappings(value.get("content"))]
    block = {
        "type": "search_result",
        "title": title,
        "source": source,
        "content": [{"type": "text", "text": text} for text in texts],
        **({"citations": value["citations"]} if isinstance(value.get("citations"), dict) else {}),
    }
    return (NativePart(block, Owner.ANTHROPIC, "\n".join([f"{title} ({source})", *texts])),)


def _in_words(block: _Block) -> str:
    """A block of Bedrock's own for other makers' models: what a guardrail is to look at, a tool that Bedrock ran."""
    guarded = json_text.mapping(json_text.mapping(block, "guardContent"), "text")
    if guarded:
        return json_text.text(guarded, "text")
    use = block.get("toolUse")
    return f"[toolUse: {write_json(use).decode()[:_LIMIT]}]" if isinstance(use, dict) else ""


_READERS: Final[Mapping[str, Callable[[_Block, str], tuple[Part, ...]]]] = {
    "image": _image,
    "document": _document,
    "video": _video,
    "audio": _audio,
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
    "searchResult": _search_result,
}


# The input of calls, as it was written.


class _WrittenUse(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"")


class _WrittenBlock(msgspec.Struct):
    toolUse: _WrittenUse | None = None  # noqa: N815 (Bedrock's name)


class _WrittenMessage(msgspec.Struct):
    content: list[_WrittenBlock] = []


_WRITTEN: Final = msgspec.json.Decoder(list[_WrittenMessage])


def _inputs(messages: bytes) -> dict[int, dict[int, bytes]]:
    """The bytes of each call's input, by the places of its message and block; none where they can't be told."""
    found: dict[int, dict[int, bytes]] = {}
    if b'"toolUse"' not in messages:
        return found
    position = 0
    try:
        for piece in slices(messages):
            for message in _WRITTEN.decode(piece):
                uses = enumerate(block.toolUse for block in message.content)
                found[position] = {place: bytes(use.input) for place, use in uses if use is not None}
                position += 1
    except (ValueError, *UNREADABLE):
        return {}
    return found
