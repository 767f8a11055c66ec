"""Converse's frames, taken off: what is inside goes on as server-sent events of the frame's name, byte for byte.

Source: Amazon Bedrock API reference, "ConverseStream".
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.events import Fail
from penstock.core.json_text import write_json
from penstock.dialects.aws_exceptions import EXCEPTION_STATUS
from penstock.dialects.bedrock.caller.errors import exception_name
from penstock.dialects.framing.aws_eventstream import Message
from penstock.dialects.unframed import Unframed, on_one_line

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")


class ConverseFrames(Unframed):
    """A ``StreamTransform``. An exception becomes an event of its name, the last."""

    def event(self, frame: Message) -> bytes | None:
        name = frame.headers.get(":event-type", "")
        if _NAME.fullmatch(name) is None:
            return None
        return b"event: %s\ndata: %s\n\n" % (name.encode(), on_one_line(frame.payload or b"{}"))

    def error(self, fail: Fail) -> bytes:
        name = fail.type if fail.type in EXCEPTION_STATUS else exception_name(fail.status or 500)
        return b"event: %s\ndata: %s\n\n" % (name.encode(), write_json({"message": fail.message}))
