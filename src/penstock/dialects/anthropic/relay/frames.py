"""Bedrock's frames around Anthropic's events, taken off: what is inside goes on as server-sent events, byte for byte.

Source: Amazon Bedrock API reference, "InvokeModelWithResponseStream".
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.anthropic.caller.errors import error_type
from penstock.dialects.anthropic.provider.reply import CHUNK, frame_failure
from penstock.dialects.framing.aws_eventstream import EventStream, Message
from penstock.dialects.framing.frame import FrameError


class _Named(msgspec.Struct):
    type: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


class InvokeFrames:
    """A ``StreamTransform``: frames in, events out. An exception of AWS's becomes the wire's error event, the last."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self._frames = EventStream()
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came; the events that are whole now."""
        if self.is_over:
            return b""
        try:
            frames = self._frames.feed(data)
        except FrameError as error:
            return self._unreadable(str(error))
        return b"".join([self._event(frame) for frame in frames])

    def finish(self) -> bytes:
        """The provider's reply has ended in good order: whether the message had is for its reader to see."""
        if not self.is_over:
            try:
                self._frames.finish()
            except FrameError as error:
                return self._unreadable(str(error))
        return b""

    def _unreadable(self, what: str) -> bytes:
        self.is_over = True
        text = f"The provider's stream can't be read: {what}."
        self.failure = Failure(Kind.TRUNCATED, text, sent=True)
        return b""

    def _event(self, frame: Message) -> bytes:
        """What a frame becomes: nothing, once the stream has ended."""
        if self.is_over:
            return b""
        fail = frame_failure(frame)
        if fail is not None:
            return self._error(fail)
        try:
            wrapped = CHUNK.decode(frame.payload).bytes
            data = base64.b64decode(wrapped) if wrapped else frame.payload
            name = _NAMED.decode(data).type
        except (*UNREADABLE, ValueError):
            name = ""
        if not name:
            return self._unreadable("a frame of it holds no event")
        if b"\n" in data or b"\r" in data:  # white space between JSON's tokens, which would end a line of the event
            data = data.replace(b"\r", b"").replace(b"\n", b"")
        return b"event: %s\ndata: %s\n\n" % (name.encode("utf-8", "surrogatepass"), data)

    def _error(self, fail: Fail) -> bytes:
        self.is_over = True
        status = fail.status or 500
        error = {"type": error_type(status), "message": fail.message}
        return b"event: error\ndata: %s\n\n" % write_json({"type": "error", "error": error})
