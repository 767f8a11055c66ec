"""Anthropic's replies as a test writes them, and as events."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from penstock.core.events import (
    Event,
)
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.dialect import WriteContext

API: Final = WriteContext("claude", "anthropic")


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


def feed(data: bytes, cuts: Iterable[int] = (), context: WriteContext = API) -> list[Event]:
    """All events of a stream that is cut at some places."""
    reader, events, last = DIALECT.reader(context), [], 0
    for cut in (*cuts, len(data)):
        events += reader.feed(data[last:cut])
        last = cut
    return events + reader.finish()


def stream(*events: dict[str, Any]) -> list[Event]:
    return feed(sse(*events))


def begin(**usage: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}


def block(index: int, kind: str, *deltas: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    """A content block from its beginning to its end."""
    return [
        {"type": "content_block_start", "index": index, "content_block": {"type": kind, **members}},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def said(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def args(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def end(reason: str = "end_turn", usage: dict[str, Any] | None = None, **beside: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": beside.pop("stop_sequence", None)}
    return [{"type": "message_delta", "delta": delta, "usage": usage or {}, **beside}, {"type": "message_stop"}]


def told(events: list[Event], *kinds: type) -> list[Event]:
    return [event for event in events if isinstance(event, kinds)]
