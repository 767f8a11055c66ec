"""Anthropic's reply, whole or streamed, and however its stream is framed.

A whole message is read as a stream that says every block at once, so the two can't drift; what events mean is read in
events.py. Sources: Anthropic API reference, "Create a Message"; Amazon Bedrock API reference,
"InvokeModelWithResponseStream".
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from penstock.core.events import Event, PlainReply, Start, Text
from penstock.core.json_text import UNREADABLE, read_reply_json
from penstock.dialects.anthropic.provider.events import MessageReader, counted, is_error, is_failed, stop
from penstock.dialects.anthropic.usage import merged, read_usage
from penstock.dialects.aws_exceptions import frame_failure
from penstock.dialects.dialect import Reader, WriteContext
from penstock.dialects.framing.aws_eventstream import EventStream, Message
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter


def reader(context: WriteContext) -> Reader:
    """A reader for a stream as the goal's host frames it."""
    return InvokeReader() if context.variant == "bedrock" else StreamReader()


class StreamReader:
    """Reads a message that is streamed as server-sent events."""

    def __init__(self) -> None:
        self._events = EventSplitter()
        self._message = MessageReader()

    def feed(self, data: bytes) -> list[Event]:
        if self._message.has_ended:
            return []
        try:
            return self._read(self._events.feed(data))
        except FrameError as error:
            return self._message.broken(f"its stream can't be read: {error}")

    def finish(self) -> list[Event]:
        if self._message.has_ended:
            return []
        events = self._read(self._events.finish())
        if not self._message.has_ended:
            events += self._message.end_of_bytes()
        return events

    def _read(self, found: Iterable[tuple[bytes, bytes]]) -> list[Event]:
        message = self._message
        events: list[Event] = []
        for name, data in found:
            if not data:
                continue
            events += message.event(data, name.decode("latin-1"))
            if message.has_ended:
                break
        return events


class InvokeReader:
    """Reads a message that Bedrock streams: each event in base64, within a JSON object, within a frame of AWS's."""

    def __init__(self) -> None:
        self._frames = EventStream()
        self._message = MessageReader()

    def feed(self, data: bytes) -> list[Event]:
        if self._message.has_ended:
            return []
        try:
            return self._read(self._frames.feed(data))
        except FrameError as error:
            return self._message.broken(f"its stream can't be read: {error}")

    def finish(self) -> list[Event]:
        if self._message.has_ended:
            return []
        try:
            self._frames.finish()
        except FrameError as error:
            return self._message.broken(f"its stream can't be read: {error}")
        return self._message.end_of_bytes()

    def _read(self, frames: Iterable[Message]) -> list[Event]:
        events: list[Event] = []
        for frame in frames:
            events += self._frame(frame)
            if self._message.has_ended:
                break
        return events

    def _frame(self, frame: Message) -> list[Event]:
        fail = frame_failure(frame)
        if fail is not None:
            return self._message.failed(fail)
        try:
            wrapped = CHUNK.decode(frame.payload).bytes
            # AWS wraps every event; stand-ins for AWS are known that send it bare.
            return self._message.event(base64.b64decode(wrapped) if wrapped else frame.payload)
        except (*UNREADABLE, ValueError):
            return self._message.broken("a frame of its stream holds no event")


class _Chunk(msgspec.Struct):
    bytes: str = ""


CHUNK: Final = msgspec.json.Decoder(_Chunk)


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a message that came whole."""
    plain = _plain(data)
    if plain is not None:
        return plain
    message = MessageReader()
    value = read_reply_json(data)
    if not isinstance(value, dict):
        return message.broken("its reply is no JSON object")
    if is_error(value):
        return message.fail(data, value)
    content = value.get("content")
    if not isinstance(content, list):
        return message.broken("its reply is no message")
    arguments = _inputs(data, len(content)) if b'"input"' in data else [""] * len(content)
    events = message.begin(value)
    if message.has_ended:
        return events
    for index, block in enumerate(content):
        if isinstance(block, dict):
            events += message.block(index, block, arguments[index])
    return [*events, *message.end()]


class _TextBlock(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["text"]
    text: str
    citations: None = None


class _PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message that is text and nothing else, as most are."""

    type: Literal["message"]
    id: str
    model: str
    content: list[_TextBlock]
    stop_reason: str
    usage: dict[str, Any]
    role: Literal["assistant"] = "assistant"
    stop_sequence: None = None
    stop_details: None = None
    container: None = None
    context_management: None = None


_PLAIN: Final = msgspec.json.Decoder(_PlainMessage)


def _plain(data: bytes) -> list[Event] | None:
    """The events of a message that is text alone, told by one typed decode; None for any other."""
    try:
        message = _PLAIN.decode(data)
    except UNREADABLE:
        return None
    if is_failed(message.stop_reason):
        return None
    events: list[Event] = [Start(message.id, message.model)]
    if message.stop_reason:
        events.append(stop(message.stop_reason))
    events += [Text(block.text, 0, index) for index, block in enumerate(message.content) if block.text]
    usage: dict[str, Any] = {}
    merged(usage, message.usage)
    return [*events, *counted(usage)]


def read_plain(data: bytes) -> PlainReply | None:
    """A message that is one block of text alone; None for any other."""
    try:
        message = _PLAIN.decode(data)
    except UNREADABLE:
        return None
    usage = message.usage
    if len(message.content) != 1 or is_failed(message.stop_reason):
        return None
    if None in usage.values():
        usage = {name: value for name, value in usage.items() if value is not None}
    reason = message.stop_reason
    return PlainReply(
        message.content[0].text,
        Start(message.id, message.model),
        stop(reason) if reason else None,
        read_usage(usage),
    )


class _WithInput(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"")


class _WithInputs(msgspec.Struct):
    content: list[_WithInput]


_INPUTS: Final = msgspec.json.Decoder(_WithInputs)


def _inputs(data: bytes, count: int) -> list[str]:
    """The input of each content block as the model wrote it; empty where it has none, or an empty one."""
    try:
        inputs = [bytes(block.input).decode() for block in _INPUTS.decode(data).content]
    except UNREADABLE:
        return [""] * count
    return [text if text.startswith("{") and text[1:-1].strip() else "" for text in inputs]
