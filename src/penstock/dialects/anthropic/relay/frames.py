"""Bedrock's frames around Anthropic's events, taken off: what is inside goes on as server-sent events, byte for byte.

Source: Amazon Bedrock API reference, "InvokeModelWithResponseStream".
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from penstock.core.events import Fail
from penstock.core.json_text import UNREADABLE, write_json
from penstock.dialects.anthropic.caller.errors import error_type
from penstock.dialects.anthropic.provider.reply import CHUNK
from penstock.dialects.framing.aws_eventstream import Message
from penstock.dialects.unframed import Unframed, on_one_line


class _Named(msgspec.Struct):
    type: str = ""


_NAMED: Final = msgspec.json.Decoder(_Named)


class InvokeFrames(Unframed):
    """A ``StreamTransform``. An exception of AWS's becomes the wire's error event, the last."""

    def event(self, frame: Message) -> bytes | None:
        try:
            wrapped = CHUNK.decode(frame.payload).bytes
            data = base64.b64decode(wrapped) if wrapped else frame.payload
            name = _NAMED.decode(data).type
        except (*UNREADABLE, ValueError):
            return None
        if not name:
            return None
        return b"event: %s\ndata: %s\n\n" % (name.encode("utf-8", "surrogatepass"), on_one_line(data))

    def error(self, fail: Fail) -> bytes:
        error = {"type": error_type(fail.status or 500), "message": fail.message}
        return b"event: error\ndata: %s\n\n" % write_json({"type": "error", "error": error})
