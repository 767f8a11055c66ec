"""Streams in AWS's frames, which AWS's clients get: Converse's, and Claude's by InvokeModel.

Each server-sent event becomes a frame, at once. An event whose name ends in ``Exception`` is an exception, after which
nothing comes. What means nothing (a comment) has no frame. Sources: Amazon Bedrock API reference, "ConverseStream",
"InvokeModelWithResponseStream"; https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import base64
from typing import Final

from penstock.core import json_text
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.anthropic.provider.events import ERROR_STATUS
from penstock.dialects.bedrock.caller.errors import exception_name
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE, write_event, write_exception
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.stream_form import StreamForm

_EXCEPTION: Final = b"Exception"
_ERROR: Final = b"error"
_CHUNK: Final = "chunk"


class FrameEncoder:
    """A ``StreamEncoder``."""

    def __init__(self) -> None:
        self._splitter = EventSplitter()

    def feed(self, events: bytes) -> bytes:
        """Take events as they came; the frames of those that are whole now."""
        return b"".join([self._frame(name, data) for name, data in self._splitter.feed(events)])

    def finish(self, events: bytes) -> bytes:
        """Take the last events; their frames."""
        return self.feed(events) + b"".join([self._frame(name, data) for name, data in self._splitter.finish()])

    def _frame(self, name: bytes, data: bytes) -> bytes:
        kind = name.decode("utf-8", "replace")
        if not kind or not data:
            return b""
        return write_exception(kind, data) if name.endswith(_EXCEPTION) else self.frame(kind, data)

    def frame(self, kind: str, data: bytes) -> bytes:
        """The frame of an event that is no exception."""
        return write_event(kind, data)


class InvokeEncoder(FrameEncoder):
    """The same for Claude's events, which are in base64 within a JSON object. An error event is an exception."""

    def frame(self, kind: str, data: bytes) -> bytes:
        if kind.encode() != _ERROR:
            return write_event(_CHUNK, b'{"bytes":"%s"}' % base64.b64encode(data))
        value = read_json_or_none(data)
        vendor_error = read_vendor_error(value)
        error = json_text.mapping(value, "error") if isinstance(value, dict) else {}
        status = ERROR_STATUS.get(json_text.text(error, "type"), 500)
        return write_exception(exception_name(status), write_json({"message": vendor_error.message}))


CONVERSE_FORM: Final = StreamForm(STREAM_TYPE, FrameEncoder)
INVOKE_FORM: Final = StreamForm(STREAM_TYPE, InvokeEncoder)


def converse_form(_query: str) -> StreamForm:
    """The form of Converse's streams."""
    return CONVERSE_FORM


def invoke_form(_query: str) -> StreamForm:
    """The form of streams by InvokeModel."""
    return INVOKE_FORM
