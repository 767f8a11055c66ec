"""Converse's reply, whole or as an AWS event stream.

What events and blocks mean is read in events.py. Sources: Amazon Bedrock API reference, "Converse",
"ConverseStream".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.core.events import Event, Fail
from penstock.core.json_text import UNREADABLE, read_reply_json
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.aws_exceptions import frame_failure
from penstock.dialects.bedrock.provider.events import Answer
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing.aws_eventstream import EventStream, Message
from penstock.dialects.framing.frame import MAX_FRAME, FrameError


def read_reply(data: bytes, context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reply = read_reply_json(data)
    if not isinstance(reply, dict):
        return [Fail("its reply is no JSON object", raw=data, broken=True)]
    content: Any = reply
    for name in ("output", "message", "content"):
        content = content.get(name) if isinstance(content, dict) else None
    if isinstance(content, list):
        return Answer(context).whole(reply, content, _inputs(data))
    vendor_error = read_vendor_error(reply)
    return [
        Fail(
            vendor_error.message or "its reply is no message",
            vendor_error.type or "",
            raw=data,
            broken=not vendor_error.message,
        )
    ]


class _ToolUse(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"")


class _Block(msgspec.Struct):
    toolUse: _ToolUse | None = None  # noqa: N815 (Bedrock's name)


class _Message(msgspec.Struct):
    content: list[_Block]


class _Output(msgspec.Struct):
    message: _Message


class _Reply(msgspec.Struct):
    output: _Output


_REPLY: Final = msgspec.json.Decoder(_Reply)


def _inputs(data: bytes) -> list[bytes]:
    """The arguments of each block's call as the model wrote them; none where the reply is odd."""
    try:
        content = _REPLY.decode(data).output.message.content
    except UNREADABLE:
        return []
    return [b"" if block.toolUse is None else bytes(block.toolUse.input) for block in content]


class StreamReader:
    """Reads one stream. The answer ends with ``messageStop``, which says why; its counts may come after it."""

    def __init__(self, context: WriteContext) -> None:
        self._frames = EventStream()
        self._answer = Answer(context)
        self._held = 0
        """Bytes of events that were held back."""
        self._has_ended = False

    def feed(self, data: bytes) -> list[Event]:
        if self._has_ended:
            return []
        try:
            return self._read(self._frames.feed(data))
        except FrameError as error:
            return self._broken(f"its stream can't be read: {error}")

    def finish(self) -> list[Event]:
        if self._has_ended or self._answer.has_stopped:
            return []
        try:
            self._frames.finish()
        except FrameError as error:
            return self._broken(f"its stream can't be read: {error}")
        return self._broken("its stream ended before its answer did")

    def _read(self, messages: Iterable[Message]) -> list[Event]:
        found: list[Event] = []
        for message in messages:
            found += self._message(message)
            if self._has_ended:
                break
        return found

    def _message(self, message: Message) -> list[Event]:
        """The events of one frame. Anything but an event is an error, and the last that is heard."""
        fail = frame_failure(message)
        if fail is not None:
            self._has_ended = True
            return [fail]
        event = read_reply_json(message.payload or b"{}")
        if not isinstance(event, dict):
            return self._broken("its stream holds an event that is no JSON object", message.payload)
        name = message.headers.get(":event-type", "")
        found = self._answer.event(name, event)
        if self._answer.is_holding:
            self._held += len(message.payload)
            if self._held > MAX_FRAME:
                return self._broken(f"its stream holds a block of more than {MAX_FRAME >> 20} MiB")
        if (name == "metadata" and self._answer.has_stopped) or (found and isinstance(found[-1], Fail)):
            self._has_ended = True
        return found

    def _broken(self, message: str, raw: bytes = b"") -> list[Event]:
        self._has_ended = True
        return [Fail(message, raw=raw, broken=True)]
