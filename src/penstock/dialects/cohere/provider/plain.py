"""Cohere's replies that are text alone, as most are, read by one typed decode. reply.py reads any.

Source: Cohere API reference, "Chat".
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from penstock.core.events import PlainReply, Start, Stop
from penstock.core.finish_reasons import is_failure, openai_reason
from penstock.core.json_text import UNREADABLE
from penstock.dialects.cohere.usage import read_usage


class _Block(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["text"]
    text: str


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: list[_Block]
    role: str = ""


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    message: _Message
    finish_reason: str
    usage: dict[str, Any]


_REPLY: Final = msgspec.json.Decoder(_Reply)


def read_plain(data: bytes) -> PlainReply | None:
    """A reply of one block of text; None for any other."""
    try:
        reply = _REPLY.decode(data)
    except UNREADABLE:
        return None
    content, reason = reply.message.content, reply.finish_reason
    if len(content) != 1 or not reason or is_failure(reason):
        return None
    usage = read_usage(reply.usage) if reply.usage else None
    return PlainReply(content[0].text, Start(reply.id), Stop(openai_reason(reason), reason), usage)
