"""Ollama's replies that are text alone, as most are, read by one typed decode. reply.py reads any.

Source: Ollama API documentation, "Generate a chat message".
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from penstock.core.events import PlainReply, Start, Stop
from penstock.core.finish_reasons import STOP, is_failure, openai_reason
from penstock.core.json_text import UNREADABLE
from penstock.core.rfc3339 import unix_seconds
from penstock.core.usage import Usage


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    content: str


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    created_at: str
    message: _Message
    done: Literal[True]
    done_reason: str
    prompt_eval_count: int
    eval_count: int
    total_duration: Any = None
    load_duration: Any = None
    prompt_eval_duration: Any = None
    eval_duration: Any = None


_REPLY: Final = msgspec.json.Decoder(_Reply)


def read_plain(data: bytes) -> PlainReply | None:
    """A reply of text alone, whole and counted; None for any other."""
    try:
        reply = _REPLY.decode(data)
    except UNREADABLE:
        return None
    reason, prompt, completion = reply.done_reason, reply.prompt_eval_count, reply.eval_count
    if not reason or (reason != STOP and is_failure(reason)):
        return None
    native = {"prompt_eval_count": prompt, "eval_count": completion}
    return PlainReply(
        reply.message.content,
        Start(model=reply.model, created=unix_seconds(reply.created_at)),
        Stop(openai_reason(reason), reason),
        Usage(prompt, completion, prompt + completion, native=native),
    )
