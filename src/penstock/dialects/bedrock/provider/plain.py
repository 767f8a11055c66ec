"""Converse's replies that are text alone, as most are, read by one typed decode. reply.py reads any.

Source: Amazon Bedrock API reference, "Converse".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.events import PlainReply, Start, Stop
from penstock.core.finish_reasons import is_failure, openai_reason
from penstock.core.json_text import UNREADABLE
from penstock.dialects.bedrock.usage import read_usage


class _Block(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: list[_Block]
    role: str = ""


class _Output(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    message: _Message


class _Reply(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    output: _Output
    stop_reason: str
    usage: dict[str, Any]
    metrics: Any = None


_REPLY: Final = msgspec.json.Decoder(_Reply)
_NO_START: Final = Start()


def read_plain(data: bytes) -> PlainReply | None:
    """A reply of one block of text; None for any other."""
    try:
        reply = _REPLY.decode(data)
    except UNREADABLE:
        return None
    content, reason = reply.output.message.content, reply.stop_reason
    if len(content) != 1 or not reason or is_failure(reason):
        return None
    return PlainReply(content[0].text, _NO_START, Stop(openai_reason(reason), reason), read_usage(reply.usage))
