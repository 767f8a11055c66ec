"""The size of a request, read from its body: how much text, what media, how long an answer may become.

Wires of all callers, and any body whose members have their names; where text is expected and none has such a name,
all members count as text, so that a new wire is never measured as empty. Text is counted in UTF-8 bytes; JSON's own
characters count where they are part of what the model reads: in tools, schemas and arguments.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.limits.estimate import RequestSize, read_count

_LIMITS: Final = tuple("max_tokens max_completion_tokens max_output_tokens max_tokens_to_sample".split())
_CHOICES: Final = ("n", "best_of")
_MEDIA: Final = {
    "image_url": "image", "image": "image", "input_image": "image",
    "input_audio": "audio", "audio": "audio", "audio_url": "audio",
    "file": "file", "input_file": "file", "document": "file", "container_upload": "file",
    "video_url": "video", "video": "video", "input_video": "video",
}  # fmt: skip
"""Parts of a message by their ``type``, and the kind of media that they are."""
_OWN_TOOLS: Final = frozenset({"function", "custom"})
"""Tools that the caller runs: nobody bills their calls."""
_TYPE: Final = b'"type"'
_ARRAY: Final = b"["
_ESCAPE: Final = b"\\u"
"""An escape may hide a type's name."""
_MEDIA_TYPE: Final = re.compile(_TYPE + rb'\s*:\s*"(?:' + "|".join(_MEDIA).encode() + rb')"')
_HOLDERS: Final = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
"""Members of Gemini's parts that are media of the type that they name."""
_BLOCKS: Final = {"image": "image", "video": "video", "document": "file"}
"""Members of Converse's blocks whose source is media."""
_IMAGES: Final = "images"
"""The images beside a text of Ollama's."""
_IMAGE: Final = "inputImage"
"""The only image of Titan's embeddings."""
_UNTYPED: Final = (b'"images"', b'Data"', b'_data"', b'"bytes"', b'"s3Location"')
"""How the names of these members, or of what they hold, end."""
_CONVERSATION: Final = tuple(
    """
    messages input system instructions prompt content requests contents systemInstruction system_instruction documents
    texts inputs suffix inputText singleEmbeddingParams
    """.split()
)
_SCHEMAS: Final = tuple("tools functions response_format text output_config output_format format toolConfig".split())
"""Members that the model reads as JSON."""
_CONFIGURATIONS: Final = {
    "options": ("num_predict",),
    "generationConfig": ("maxOutputTokens", "max_output_tokens"),
    "generation_config": ("maxOutputTokens", "max_output_tokens"),
    "inferenceConfig": ("maxTokens",),
}
"""Members that hold the limit of the answer's length: of Ollama's wire, of Gemini's in both spellings, of Converse."""
_KEPT: Final = ("previous_response_id", "conversation")
_LIMIT, _CHOICE, _TEXT, _SCHEMA, _REFERENCE, _CONFIGURATION, _PICTURES = range(7)
_ROLES: Final = {
    **dict.fromkeys(_LIMITS, _LIMIT),
    **dict.fromkeys(_CHOICES, _CHOICE),
    **dict.fromkeys(_CONVERSATION, _TEXT),
    **dict.fromkeys(_SCHEMAS, _SCHEMA),
    **dict.fromkeys(_KEPT, _REFERENCE),
    **dict.fromkeys(_CONFIGURATIONS, _CONFIGURATION),
    _IMAGES: _PICTURES,
    _IMAGE: _PICTURES,
}
"""What the members of a body say of its size; any other member says nothing."""
_NAMES: Final = frozenset(_ROLES)
_NO_TEXT: Final = _NAMES | {"model", "stream"}
_OF_SCHEMAS: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
"""Types of JSON Schema, of which the parameters of tools are made."""
_BILLED_TYPE: Final = re.compile(
    _TYPE + rb'\s*:\s*"(?!(?:' + "|".join((*sorted(_OWN_TOOLS), *_OF_SCHEMAS)).encode() + rb')")'
)
"""A type among tools that may be a tool which the provider bills."""
_SHORT: Final = 15
"""Digits of a number that every reader of JSON reads exactly."""
_DEEPEST: Final = 100


def size_of_request(body: Body, *, exact: bool = False, has_output: bool = True) -> RequestSize:
    """The size of a request. With ``exact``, bytes are those of the texts alone; without, those of the JSON that holds
    the texts, which needn't be decoded. Raises core.body.BodyError if the JSON is broken inside."""
    if not exact:
        plain = plain_size(body)
        if plain is not None:
            return RequestSize(plain[0], max_tokens=plain[1], choices=plain[2], has_output=has_output)
    size = _read(body, exact=exact, has_output=has_output)
    if has_output and not (size.text_bytes or size.media or size.held_by_provider):
        size = msgspec.structs.replace(size, text_bytes=_unnamed_text(body))
    return size


def _read(body: Body, *, exact: bool, has_output: bool) -> RequestSize:
    """The size of any request, member by member."""
    text_bytes, messages = 0, 0
    media: dict[str, int] = {}
    limit: int | None = None
    choices = 1
    members = body.members
    has_reference = "prompt" in members
    for name in members:
        if name not in _ROLES:
            continue
        role = _ROLES[name]
        if role in (_LIMIT, _CONFIGURATION):
            raw = bytes(members[name])
            asked = _count_of(body, name, raw) if role == _LIMIT else _configured(body.value(name), name)
            if asked is not None and (limit is None or asked > limit):
                limit = asked
        elif role == _PICTURES:
            _add_images(body.value(name), media)
        elif role == _CHOICE:
            choices = max(choices, _number(body, name) or 1)
        elif role == _REFERENCE:
            has_reference = True
        elif role == _SCHEMA:
            text_bytes += len(memoryview(members[name]))
        elif not exact and not _may_hold_media(raw := bytes(members[name])):
            text_bytes += len(raw)
        else:
            value = body.value(name)
            text_bytes += _count(value, media, 0)
            messages += len(value) if isinstance(value, list) else 1
    paid_tools = _paid_tools(body) if "tools" in members else {}
    held = _held_by_provider(body) if has_reference else None
    return RequestSize(text_bytes, messages, media, limit, choices, paid_tools, has_output, held)


def _unnamed_text(body: Body) -> int:
    """The bytes of all members that may be text, in a wire whose names are not known here."""
    return sum([len(memoryview(raw)) for name, raw in body.members.items() if name not in _NO_TEXT])


PlainSize = tuple[int, int | None, int]
"""``text_bytes``, ``max_tokens`` and ``choices`` of a size that has nothing else."""


def plain_size(body: Body) -> PlainSize | None:
    """The size of a request that is text alone, with no tools but the caller's own; None for any other, which
    ``size_of_request`` measures."""
    text_bytes, limit, choices = 0, None, 1
    members = body.members
    for name in members.keys() & _NAMES:
        raw = bytes(members[name])
        role = _ROLES[name]
        if name == "messages":
            # Media are parts of a message, in an array of its own. One byte is found much faster than a word.
            if raw.find(_ARRAY, 1) >= 0 and _may_hold_media(raw):
                return None
            text_bytes += len(raw)
        elif role == _LIMIT:
            asked = int(raw) if raw.isdigit() and len(raw) <= _SHORT else read_count(body.value(name))
            if asked and (limit is None or asked > limit):
                limit = asked
        elif role == _CHOICE:
            choices = max(choices, _count_of(body, name, raw) or 1)
        elif name == "tools":
            # Agents send the same large tools with each request: a search tells without reading them.
            if _ESCAPE in raw or _BILLED_TYPE.search(raw) is not None:
                return None
            text_bytes += len(raw)
        elif role > _SCHEMA or name == "prompt" or _may_hold_media(raw):
            return None
        else:
            text_bytes += len(raw)
    return (text_bytes, limit, choices) if text_bytes else None


def _may_hold_media(raw: bytes) -> bool:
    """Whether a value may hold more than text: otherwise its bytes needn't be decoded. Most values have no type,
    and a plain search says so at once, where the pattern looks at each byte."""
    if _ESCAPE in raw or (_TYPE in raw and _MEDIA_TYPE.search(raw) is not None):
        return True
    return any(name in raw for name in _UNTYPED)


def _configured(value: Any, name: str) -> int | None:
    """The limit of the answer's length in a configuration."""
    members = value if isinstance(value, dict) else {}
    asked = [read_count(members[each]) for each in _CONFIGURATIONS[name] if each in members]
    return max((each for each in asked if each is not None), default=None)


def _add_images(value: Any, media: dict[str, int]) -> None:
    count = len(value) if isinstance(value, list) else int(isinstance(value, str))
    if count:
        media["image"] = media.get("image", 0) + count


def _kind_of(value: Any) -> str:
    """The kind of media that a part of Gemini's names by its type."""
    mime = value.get("mimeType", value.get("mime_type")) if isinstance(value, dict) else None
    kind = mime.partition("/")[0] if isinstance(mime, str) else ""
    return kind if kind in {"image", "audio", "video"} else "file"


def _number(body: Body, name: str) -> int | None:
    raw = body.raw(name)
    return None if raw is None else _count_of(body, name, raw)


def _count_of(body: Body, name: str, raw: bytes) -> int | None:
    if raw.isdigit() and len(raw) <= _SHORT:
        return int(raw) or None
    return read_count(body.value(name))


def _count(value: Any, media: dict[str, int], depth: int) -> int:
    """The bytes of all texts in a value; what media it holds is added to ``media`` instead."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if depth > _DEEPEST:
        return len(json.dumps(value))
    if isinstance(value, list):
        return sum(_count(item, media, depth + 1) for item in value)
    if not isinstance(value, dict):
        # A number among the items of a prompt is a token.
        return 1 if isinstance(value, int) else 0
    kind = value.get("type")
    if isinstance(kind, str) and kind in _MEDIA and not _is_plain_text(value):
        media[_MEDIA[kind]] = media.get(_MEDIA[kind], 0) + 1
        return sum(_count(value.get(name), media, depth + 1) for name in ("title", "context"))
    return sum([_count_member(name, item, media, depth) for name, item in value.items()])


def _count_member(name: str, item: Any, media: dict[str, int], depth: int) -> int:
    """The same of a member of an object."""
    if name == "input" and isinstance(item, dict):
        # The arguments of a call: the model reads them as JSON.
        return len(json.dumps(item))
    if name == "audio" and isinstance(item, dict):
        media["audio"] = media.get("audio", 0) + 1
    elif name == _IMAGES and isinstance(item, list):
        _add_images(item, media)
    elif name in _HOLDERS:
        media[_kind_of(item)] = media.get(_kind_of(item), 0) + 1
    elif name in _BLOCKS and _is_sourced(item):
        media[_BLOCKS[name]] = media.get(_BLOCKS[name], 0) + 1
    else:
        return _count(item, media, depth + 1)
    return 0


def _is_sourced(block: Any) -> bool:
    """Whether a block of Converse's has a source that is no text."""
    source = block.get("source") if isinstance(block, dict) else None
    return isinstance(source, dict) and not source.keys() & {"text", "content"}


def _held_by_provider(body: Body) -> str | None:
    """The member that adds text which the provider keeps, and nobody here can measure."""
    for name in _KEPT:
        if name in body and not body.is_null(name):
            return name
    return "prompt" if "prompt" in body and (body.raw("prompt") or b"").startswith(b"{") else None


def _is_plain_text(part: dict[str, Any]) -> bool:
    """Whether a document's source is text, which is counted as text (Anthropic's documents)."""
    source = part.get("source")
    return isinstance(source, dict) and source.get("type") in ("text", "content")


def _paid_tools(body: Body) -> dict[str, int | None]:
    raw = body.raw("tools")
    if raw is None or b'"type"' not in raw:
        return {}
    tools = body.value("tools")
    paid: dict[str, int | None] = {}
    for tool in tools if isinstance(tools, list) else []:
        kind = tool.get("type") if isinstance(tool, dict) else None
        if isinstance(kind, str) and kind not in _OWN_TOOLS:
            most = read_count(tool.get("max_uses")) or _number(body, "max_tool_calls")
            earlier = paid.get(kind, 0)
            paid[kind] = None if most is None or earlier is None else earlier + most
    return paid
