"""An OpenAI conversation as Converse's system prompt and turns.

Converse knows two roles that take turns, of which the user's is first. It refuses text without a visible character,
and wants the results of tools at the beginning of the turn after their calls. Where a marker for the cache stands, it
has a block of its own after what is to be cached. Sources: Amazon Bedrock API reference, "Converse", "ContentBlock";
user guide, "Prompt caching".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import (
    AudioPart,
    ChatRequest,
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
    UnknownPart,
)
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.bedrock.provider import formats
from penstock.dialects.call_arguments import arguments_object
from penstock.dialects.call_ids import CallIds, allowed_id, short_id
from penstock.dialects.malformed import marker_name

GO_ON: Final = "Continue."
"""What the user says after an assistant's turn that stands last, where a model refuses to have its answer begun."""
Block = dict[str, Any]
_Markable = TextPart | ImagePart | AudioPart | FilePart

_OWN_BLOCKS: Final = frozenset(
    {"guardContent", "cachePoint", "searchResult", "citationsContent", "toolUse", "toolResult"}
    | {"image", "document", "video", "audio"}
)
"""What a part may be that its author wrote in Converse's own shape, ``{"guardContent": ...}``."""
_IN_SYSTEM: Final = frozenset({"text", "guardContent", "cachePoint"})
_IN_RESULTS: Final = frozenset({"text", "image", "document", "video", "searchResult", "json"})


class Turns:
    """Writes the conversation of one request."""

    def __init__(self, request: ChatRequest, parameters: Parameters, traits: Traits, model: str) -> None:
        self._messages = request.messages
        self._standing, self._spoken = request.parted()
        self._parameters = parameters
        self._traits = traits
        self._is_mistrals = "mistral." in model
        self._names: dict[str, int] = {}
        """The names of documents so far, each with the number that the next document of that name tries first."""
        self._ids = CallIds()
        self._beside: list[list[Block]] = []
        """What stands beside a result because it may not stand in it."""

    def system(self) -> list[Block]:
        """The blocks of all system messages that stand before any answer."""
        if not self._traits.system_role:
            return []
        found: list[Block] = []
        for message in self._standing:
            self._refuse_name(message)
            for part, path in _placed(message):
                blocks = self._blocks(part, path, "system")
                if all(block.keys() <= _IN_SYSTEM for block in blocks):
                    found += blocks
                else:
                    self._parameters.unsupported(path)
        return found

    def turns(self) -> list[Block]:
        """What user and assistant said in turn; messages of one role in a row are one turn, empty ones none.

        The system prompt of a family that has no such thing is said by the user.
        """
        found: list[tuple[str, list[list[Block]]]] = []
        for message in self._spoken if self._traits.system_role else self._messages:
            role = "assistant" if message.role == "assistant" else "user"
            self._refuse_name(message)
            groups = [blocks for part, path in _placed(message) if (blocks := self._blocks(part, path, role))]
            groups += self._beside
            self._beside = []
            if not groups:
                continue
            if role == "assistant" and self._only_thinks(groups):
                self._parameters.unsupported(message.path)
                continue
            if found and found[-1][0] == role:
                found[-1][1].extend(groups)
            else:
                found.append((role, groups))
        if found and found[-1][0] == "assistant" and self._traits.owner == Owner.ANTHROPIC:
            if self._traits.prefill:
                _trim(found[-1][1][-1])
            else:
                self._parameters.unsupported(self._spoken[-1].path)
                found.append(("user", [[{"text": GO_ON}]]))
        return [{"role": role, "content": _flat(role, groups)} for role, groups in found]

    def _only_thinks(self, groups: list[list[Block]]) -> bool:
        """Whether a turn holds thoughts alone, which Claude refuses in Converse: docs/quirks.md#turns-of-thoughts."""
        is_claude = self._traits.owner == Owner.ANTHROPIC
        return is_claude and all("reasoningContent" in block for blocks in groups for block in blocks)

    def _refuse_name(self, message: Message) -> None:
        if message.name and message.role != "tool":
            self._parameters.unsupported(f"{message.path}.name")

    # Parts.

    def _blocks(self, part: Part, path: str, role: str) -> list[Block]:
        """The content block that a part becomes, if it becomes one, and the cache point behind it."""
        match part:
            case TextPart(text, cache):
                return self._marked(_text(part, role) if text.strip() else None, cache, path)
            case ReasoningPart():
                return self._thought(part, path)
            case ToolCall(cache=cache):
                call_id = self._call_id(self._ids.called(part.id))
                call = {"toolUseId": call_id, "name": part.name, "input": arguments_object(part)}
                return self._marked({"toolUse": call}, cache, path)
            case ToolResult():
                return self._result(part, path.removesuffix(".content[0]"))
            case ImagePart(cache=cache) | AudioPart(cache=cache) | FilePart(cache=cache):
                block = self._medium(part, path, role)
                return self._marked(block, cache, path) if block is not None else self._refused(path)
            case NativePart(value) | UnknownPart(_, value):
                own = _own_block(part, value)
                return self._refused(path) if own is None else [own]

    def _refused(self, path: str) -> list[Block]:
        self._parameters.unsupported(path)
        return []

    def _marked(self, block: Block | None, cache: Mapping[str, Any] | None, path: str) -> list[Block]:
        blocks = [] if block is None else [block]
        if cache is None:
            return blocks
        if block is None or not self._traits.cache_points:
            self._parameters.unsupported(f"{path}.{marker_name(cache)}")
            return blocks
        return [*blocks, cache_point(cache)]

    def _thought(self, part: ReasoningPart, path: str) -> list[Block]:
        """Reasoning that only its maker can check, if that is who will read it; any other stays here.

        Claude's redacted thinking is text at Anthropic and bytes here: base64 of that text.
        """
        if not part.owner or part.owner != self._traits.owner:
            return []
        if part.misplaced:
            return self._refused(f"{path}.reasoning_details")
        if part.data:
            is_text = part.owner == Owner.ANTHROPIC
            data = base64.b64encode(part.data.encode("utf-8", "surrogatepass")).decode() if is_text else part.data
            return [{"reasoningContent": {"redactedContent": data}}]
        if part.signature:
            return [{"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}]
        return []

    # Calls of tools and their results.

    def _call_id(self, call_id: str) -> str:
        """The id of a call as the model's family takes it.

        Claude behind Converse takes fewer characters than Converse does, Mistral nine letters and digits.
        """
        if self._is_mistrals:
            return short_id(call_id)
        return allowed_id(call_id, _CLAUDE_ID if self._traits.owner == Owner.ANTHROPIC else _ID, _ID_STEM)

    @property
    def _sees_in_results(self) -> bool:
        """Of the known families only these take an image within a result."""
        traits = self._traits
        return takes_all_of_tools(traits) or traits.family == "llama-4"

    def _result(self, result: ToolResult, path: str) -> list[Block]:
        """A result. A marker within it counts for the whole: there are no cache points inside."""
        content: list[Block] = []
        for position, part in enumerate(result.parts):
            inner = f"{path}.content[{position}]"
            bare = msgspec.structs.replace(part, cache=None) if isinstance(part, _Markable) else part
            for block in self._blocks(bare, inner, "tool"):
                if "image" in block and not self._sees_in_results:
                    self._beside.append([block])
                elif block.keys() <= _IN_RESULTS:
                    content.append(block)
                else:
                    self._parameters.unsupported(inner)
        tool_result: Block = {"toolUseId": self._call_id(self._ids.answered(result.id)), "content": content}
        if result.is_error and takes_all_of_tools(self._traits):
            # Converse refuses an error that says nothing.
            tool_result |= {"content": content or [{"json": {}}], "status": "error"}
        elif result.is_error:
            self._parameters.unsupported(f"{path}.is_error")
        inside = (part.cache for part in result.parts if isinstance(part, _Markable))
        cache = result.cache or next((cache for cache in inside if cache is not None), None)
        return self._marked({"toolResult": tool_result}, cache, path)

    # Images, sounds and documents.

    def _medium(self, part: ImagePart | AudioPart | FilePart, path: str, role: str) -> Block | None:
        """The block for a file; None when Converse, or the family, takes no such thing there."""
        kind = _kind(part)
        source = _source(part.source)
        if kind is None or source is None or role not in {"user", "tool"} or not self._takes(kind[0]):
            return None
        block, form = kind
        if isinstance(part, ImagePart) and part.detail == "low":
            self._parameters.unsupported(f"{path}.image_url.detail")
        if block != "document" or not isinstance(part, FilePart):
            return {block: {"format": form, "source": source}}
        named = {"name": self._name(part.name)}
        return {block: {"format": form, **named, "source": source, **self._about(part, path)}}

    def _about(self, document: FilePart, path: str) -> dict[str, Any]:
        """What Claude is told of a document: what it is about, and whether to cite it. Other models cite nothing."""
        if self._traits.owner == Owner.ANTHROPIC:
            return {name: value for name, value in document.extras.items() if name in _ABOUT}
        for member in document.extras:
            self._parameters.unsupported(f"{path}.{member}")
        return {}

    def _takes(self, block: str) -> bool:
        if block == "document":
            return self._traits.documents
        return self._traits.vision or block == "audio"

    def _name(self, file: str) -> str:
        """A name for a document, of the characters that are allowed, and of no other document in the request."""
        stem, point, _ = file.rpartition(".")
        plain = _SPACES.sub(" ", _NOT_IN_NAME.sub("-", stem if point else file)).strip()[:_NAME_STEM].strip()
        name = plain = plain or "document"
        number = self._names.get(plain, 1)
        while name in self._names:
            number += 1
            name = f"{plain} ({number})"
        self._names[plain] = number
        self._names.setdefault(name, 1)
        return name


_ABOUT: Final = frozenset({"context", "citations"})
_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_CLAUDE_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID_STEM: Final = 47
_NOT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9\s()\[\]-]")
_SPACES: Final = re.compile(r"\s+")
_NAME_STEM: Final = 180


def takes_all_of_tools(traits: Traits) -> bool:
    """Whether the family takes what Converse says of tools to Claude and Nova only: that one failed, which one to call.
    Of a model that nobody knows (an inference profile under its own name, say) we assume it."""
    return not traits.family or traits.owner in {Owner.ANTHROPIC, Owner.AMAZON}


def cache_point(marker: Mapping[str, Any]) -> Block:
    """Anthropic's marker as a block."""
    ttl = marker.get("ttl")
    return {"cachePoint": {"type": "default", **({"ttl": ttl} if isinstance(ttl, str) else {})}}


def holds_tools(turns: list[Block]) -> bool:
    """Whether tools were called in the conversation: Converse then demands that there are some."""
    return any(block.keys() & {"toolUse", "toolResult"} for turn in turns for block in turn["content"])


def called(turns: list[Block]) -> dict[str, bool]:
    """The names of the tools that were called, and whether each is the provider's own."""
    calls = [block["toolUse"] for turn in turns for block in turn["content"] if "toolUse" in block]
    return {call["name"]: "type" in call for call in calls if isinstance(call.get("name"), str)}


def _placed(message: Message) -> Iterator[tuple[Part, str]]:
    """The parts, each with where it stood in the caller's message."""
    content = calls = 0
    for part in message.parts:
        if isinstance(part, ReasoningPart):
            yield part, message.path
        elif isinstance(part, ToolCall):
            yield part, f"{message.path}.tool_calls[{calls}]"
            calls += 1
        else:
            yield part, f"{message.path}.content[{content}]"
            content += 1


def _text(part: TextPart, role: str) -> Block:
    """A text; an assistant's with its citations, if they are Converse's own."""
    own = [citation for citation in part.citations if "location" in citation and "type" not in citation]
    if role != "assistant" or not own:
        return {"text": part.text}
    return {"citationsContent": {"content": [{"text": part.text}], "citations": own}}


def _flat(role: str, groups: list[list[Block]]) -> list[Block]:
    """The blocks of a turn, results of tools first, each before its cache point."""
    if role == "user":
        groups.sort(key=lambda blocks: "toolResult" not in blocks[0])
    blocks = [block for blocks in groups for block in blocks]
    document = next((block["document"] for block in blocks if "document" in block), None)
    if isinstance(document, dict) and role == "user" and not any("text" in block for block in blocks):
        # Converse wants a document to be spoken of. One that its author wrote for Converse may have no name.
        name = json_text.text(document, "name")
        blocks += [{"text": name}] if name else []
    return blocks


def _trim(prefill: list[Block]) -> None:
    """The beginning of the answer to come may not end in white space: Claude refuses it."""
    if isinstance(prefill[0].get("text"), str):
        prefill[0] = {"text": prefill[0]["text"].rstrip()}


def _own_block(part: NativePart | UnknownPart, value: Mapping[str, Any]) -> Block | None:
    """A block that its author wrote as Converse has it, with or without OpenAI's ``type``."""
    if isinstance(part, NativePart) and part.owner != Owner.AMAZON:
        return None
    members = {name: each for name, each in value.items() if name != "type"}
    is_block = len(members) == 1 and members.keys() <= _OWN_BLOCKS
    return members if is_block and all(isinstance(each, dict) for each in members.values()) else None


def _kind(part: ImagePart | AudioPart | FilePart) -> tuple[str, str] | None:
    """The kind of block and the format."""
    source = part.source
    address = source.url.partition("?")[0] if isinstance(source, Link) else ""
    match part:
        case AudioPart(format=form):
            if form in formats.AUDIOS.values():
                return "audio", form
            found = formats.find(source.mime, address)
            return found if found is not None and found[0] == "audio" else None
        case ImagePart():
            found = formats.find(source.mime, address)
            return found if found is not None and found[0] == "image" else None
        case FilePart(name=name):
            return formats.find(source.mime, name or address)


def _source(source: Source) -> Block | None:
    """Where the data is: here, or in Amazon's store. Converse fetches nothing from elsewhere."""
    match source:
        case Inline(data=data):
            return {"bytes": data}
        case Link(url):
            return {"s3Location": {"uri": url}} if url.startswith("s3://") else None
        case Stored():
            return None
