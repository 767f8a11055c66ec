"""One answer of Converse's, event by event or block by block, as the house's events.

Text, reasoning and the arguments of calls are told as they come. What makes sense only whole (citations, images,
redacted reasoning, blocks of the provider's own tools) is put together as a whole reply has it and told when its block
ends, so the two can't drift. What frames the events is read in reply.py. Sources: Amazon Bedrock API reference,
"ContentBlock", "ContentBlockDelta", "StopReason", "TokenUsage".
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Media,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.finish_reasons import FAILED_STATUS, is_failure, openai_reason
from penstock.core.json_text import read_json, write_json
from penstock.dialects.bedrock.provider import formats
from penstock.dialects.bedrock.usage import read_usage
from penstock.dialects.dialect import WriteContext

_PADDING: Final = "p"
"""A member of every event, of random length, that hides how long the others are."""


class _Unfinished(msgspec.Struct):
    """A block that is told when it is whole: what it began with, and the texts and values that came since."""

    kind: str
    value: Mapping[str, Any]
    texts: list[str] = []
    values: list[Any] = []


class Answer:
    """What is known of the answer so far: its calls, and the blocks that aren't whole yet, by Converse's numbers."""

    __slots__ = ("_calls", "_owner", "_unfinished", "has_stopped")

    def __init__(self, context: WriteContext) -> None:
        self._owner = context.traits.owner
        self._calls: dict[int, int] = {}
        """Our number of a call by that of its block."""
        self._unfinished: dict[int, _Unfinished] = {}
        self.has_stopped = False

    @property
    def is_holding(self) -> bool:
        """Whether some block isn't whole yet."""
        return bool(self._unfinished)

    def whole(self, reply: Mapping[str, Any], content: list[Any], inputs: list[bytes]) -> list[Event]:
        """The events of a whole reply with these blocks. ``inputs`` are the arguments of each, as far as known."""
        events: list[Event] = []
        for index, block in enumerate(content):
            if isinstance(block, dict):
                events += self._block(block, index, inputs[index] if index < len(inputs) else b"")
        return [*events, *_extras(reply, {"output", "stopReason", "usage"}), *_tokens(reply), *_stop(reply)]

    def event(self, name: str, event: Mapping[str, Any]) -> list[Event]:
        """What one event of a stream says."""
        read = _EVENTS.get(name)
        return _unknown(name, event) if read is None else read(self, event)

    # Events of a stream.

    def _begin_block(self, event: Mapping[str, Any]) -> list[Event]:
        """The beginning of a block: text and reasoning have none, they are begun by their first piece."""
        index = _index(event)
        for kind, value in json_text.mapping(event, "start").items():
            if kind == "toolUse" and _is_callers(value):
                return [self._call(value, index)]
            if isinstance(value, dict):
                self._unfinished[index] = _Unfinished(kind, value)
        return []

    def _delta(self, event: Mapping[str, Any]) -> list[Event]:
        delta, index = event.get("delta"), _index(event)
        if not isinstance(delta, dict):
            return []
        text = delta.get("text")
        if isinstance(text, str) and len(delta) == 1:
            return [Text(text, 0, index)] if text else []
        return [found for kind, value in delta.items() for found in self._piece(kind, value, index)]

    def _piece(self, kind: str, value: Any, index: int) -> list[Event]:
        """A piece of one kind. What isn't understood is kept as it is."""
        if kind == "text" and isinstance(value, str):
            return [Text(value, 0, index)] if value else []
        if kind == "toolUse":
            return self._arguments(value, index)
        if kind == "reasoningContent" and isinstance(value, dict):
            return self._thought(value, index)
        if kind == "citation":
            self._open(index, "citationsContent").values.append(value)
        elif kind == "toolResult" and isinstance(value, list):
            self._open(index, kind).values.extend(value)
        elif kind == "image" and isinstance(value, dict):
            image, data = self._open(index, kind), json_text.text(json_text.mapping(value, "source"), "bytes")
            if data:
                image.texts.append(data)
            else:
                image.values.append(value)
        else:
            return [Foreign({kind: value}, block=index)]
        return []

    def _arguments(self, value: Any, index: int) -> list[Event]:
        text = json_text.text(value, "input") if isinstance(value, dict) else ""
        call = self._calls.get(index)
        if call is not None:
            return [ToolArgs(text, call)] if text else []
        if index not in self._unfinished:
            return [Fail("its stream holds arguments of a call that never began", broken=True)]
        self._unfinished[index].texts.append(text)
        return []

    def _thought(self, value: Mapping[str, Any], index: int) -> list[Event]:
        text, signature, redacted = (json_text.text(value, name) for name in ("text", "signature", "redactedContent"))
        if redacted:
            self._open(index, "reasoningContent").texts.append(redacted)
        return [Thinking(text, signature, "", self._owner, 0, index)] if text or signature else []

    def _open(self, index: int, kind: str) -> _Unfinished:
        """The unfinished block of that number and kind, new if need be."""
        found = self._unfinished.get(index)
        if found is None or found.kind != kind:
            found = self._unfinished[index] = _Unfinished(kind, {})
        return found

    def _end_block(self, event: Mapping[str, Any]) -> list[Event]:
        index = _index(event)
        unfinished = self._unfinished.pop(index, None)
        return [] if unfinished is None else self._block(_whole(unfinished), index)

    def _stop_message(self, event: Mapping[str, Any]) -> list[Event]:
        """The end of the answer, and of blocks of which no end was told."""
        rest = [event for index in sorted(self._unfinished) for event in self._end_block({"contentBlockIndex": index})]
        self.has_stopped = bool(json_text.text(event, "stopReason"))
        return [*rest, *_extras(event, {"stopReason"}), *_stop(event)]

    def _account(self, event: Mapping[str, Any]) -> list[Event]:
        """What is told after the answer: counts, times, what the guardrail found."""
        return [*_extras(event, {"usage"}), *_tokens(event)]

    def _begin(self, _event: Mapping[str, Any]) -> list[Event]:
        """The beginning of the message says only that an assistant speaks."""
        return []

    # Whole blocks.

    def _block(self, block: Mapping[str, Any], index: int, arguments: bytes = b"") -> list[Event]:
        """A whole block. What isn't understood is kept as it is. ``arguments`` are those of a call, if known."""
        events: list[Event] = []
        for kind, value in block.items():
            found: list[Event] | None = None
            if kind == "text" and isinstance(value, str):
                found = [Text(value, 0, index)] if value else []
            elif isinstance(value, dict):
                found = self._known(kind, value, index, arguments)
            events += [Foreign({kind: value}, block=index)] if found is None else found
        return events

    def _known(self, kind: str, value: Mapping[str, Any], index: int, arguments: bytes) -> list[Event] | None:
        if kind == "toolUse" and _is_callers(value):
            return [self._call(value, index), *self._input(value.get("input"), index, arguments)]
        if kind == "reasoningContent":
            return self._reasoning(value, index)
        if kind == "citationsContent":
            texts = [json_text.text(each, "text") for each in json_text.mappings(value.get("content"))]
            cited = [_citation(each, index) for each in json_text.mappings(value.get("citations"))]
            return [*(Text(text, 0, index) for text in texts if text), *cited]
        return _media(kind, value, index) if kind in formats.MEDIA else None

    def _call(self, value: Mapping[str, Any], index: int) -> Event:
        number = self._calls[index] = len(self._calls)
        return ToolStart(number, json_text.text(value, "name"), json_text.text(value, "toolUseId"))

    def _input(self, value: Any, index: int, arguments: bytes) -> list[Event]:
        if value is None:
            return []
        text = value if isinstance(value, str) else (arguments or write_json(value)).decode()
        return [ToolArgs(text, self._calls[index])]

    def _reasoning(self, value: Mapping[str, Any], index: int) -> list[Event] | None:
        redacted = json_text.text(value, "redactedContent")
        if redacted:
            return [Thinking("", "", self._data(redacted), self._owner, 0, index)]
        thought = value.get("reasoningText")
        if not isinstance(thought, dict):
            return None
        text, signature = json_text.text(thought, "text"), json_text.text(thought, "signature")
        return [Thinking(text, signature, "", self._owner, 0, index)] if text or signature else []

    def _data(self, redacted: str) -> str:
        """Claude's redacted thinking is text at Anthropic, and bytes here; it is told as Anthropic has it."""
        if self._owner != Owner.ANTHROPIC:
            return redacted
        try:
            return base64.b64decode(redacted, validate=True).decode()
        except ValueError:
            return redacted


_EVENTS: Final[Mapping[str, Callable[[Answer, Mapping[str, Any]], list[Event]]]] = {
    "messageStart": Answer._begin,
    "contentBlockStart": Answer._begin_block,
    "contentBlockDelta": Answer._delta,
    "contentBlockStop": Answer._end_block,
    "messageStop": Answer._stop_message,
    "metadata": Answer._account,
}


def _whole(block: _Unfinished) -> dict[str, Any]:
    """An unfinished block as a whole reply has it."""
    value, text = dict(block.value), "".join(block.texts)
    match block.kind:
        case "toolUse":
            value["input"] = _decoded(text)
        case "toolResult":
            value["content"] = _joined(block.values)
        case "citationsContent":
            value["citations"] = block.values
        case "reasoningContent":
            value["redactedContent"] = _one_base64(block.texts)
        case "image":
            for each in block.values:
                value.update(each)
            if block.texts:
                value["source"] = {"bytes": _one_base64(block.texts)}
        case _:  # nobody knows what its pieces are: each was told by itself
            pass
    return {block.kind: value}


def _decoded(text: str) -> Any:
    try:
        return read_json(text.encode("utf-8", "surrogatepass")) if text else {}
    except ValueError:
        return text


def _joined(content: list[Any]) -> list[Any]:
    """A tool's result, its text put together."""
    found: list[Any] = []
    for is_text, group in itertools.groupby(content, _is_text):
        pieces = list(group)
        found += [{"text": "".join(piece["text"] for piece in pieces)}] if is_text else pieces
    return found


def _is_text(piece: Any) -> bool:
    return isinstance(piece, dict) and piece.keys() == {"text"} and isinstance(piece["text"], str)


def _one_base64(pieces: list[str]) -> str:
    """Bytes that came in pieces, each in base64 of its own."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except ValueError:
        return "".join(pieces)


def _media(kind: str, value: Mapping[str, Any], index: int) -> list[Event] | None:
    source, form = json_text.mapping(value, "source"), json_text.text(value, "format")
    data, uri = json_text.text(source, "bytes"), json_text.text(json_text.mapping(source, "s3Location"), "uri")
    if not form or not (data or uri):
        return None
    return [Media(formats.mime_of(kind, form), data, uri, 0, index)]


def _citation(citation: Mapping[str, Any], index: int) -> Citation:
    """Where in its source something stands is no place in the answer: the whole block is meant."""
    web, source = json_text.mapping(json_text.mapping(citation, "location"), "web"), json_text.text(citation, "source")
    url = json_text.text(web, "url") or (source if source.startswith(("https://", "http://")) else "")
    return Citation(citation, url, json_text.text(citation, "title"), block=index)


def _unknown(name: str, event: Mapping[str, Any]) -> list[Event]:
    """An event that isn't known, if it says anything."""
    value = {member: each for member, each in event.items() if member != _PADDING}
    if not value:
        return []
    return [Foreign({name: value}, block=_index(event))] if "contentBlockIndex" in value else [Extra(name, value)]


def _extras(event: Mapping[str, Any], read: set[str]) -> list[Event]:
    return [Extra(name, value) for name, value in event.items() if name not in read and name != _PADDING]


def _stop(event: Mapping[str, Any]) -> list[Event]:
    """Why the message ended: by an error where the model wrote what Bedrock can't read.

    The stop sequence is told where the request asks for ``/stop_sequence`` of Claude's own reply (Bedrock API
    reference, "Converse", ``additionalModelResponseFieldPaths``)."""
    native = json_text.text(event, "stopReason")
    if not native:
        return []
    if is_failure(native):
        return [Fail(f"the model's output can't be read ({native})", native, native, FAILED_STATUS)]
    asked = json_text.mapping(event, "additionalModelResponseFields")
    sequence = json_text.text(asked, "/stop_sequence") or json_text.text(asked, "stop_sequence")
    return [Stop(openai_reason(native), native, sequence=sequence)]


def _tokens(event: Mapping[str, Any]) -> list[Event]:
    usage = event.get("usage")
    return [read_usage(usage)] if isinstance(usage, dict) else []


def _is_callers(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else ""
    return isinstance(value, dict) and (kind is None or kind in ("", "tool_use"))


def _index(event: Mapping[str, Any]) -> int:
    return json_text.integer(event, "contentBlockIndex") or 0
