"""Converse's replies as a test writes them, and as events."""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from typing import Any

from penstock.core.chat import Owner
from penstock.core.events import (
    Event,
)
from penstock.core.traits import Traits
from penstock.core.usage import Usage
from penstock.dialects.bedrock import DIALECT
from penstock.dialects.dialect import WriteContext

CLAUDE = WriteContext("anthropic.claude", traits=Traits(family="claude", owner=Owner.ANTHROPIC))


USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
TOKENS = Usage(10, 5, 15, native=USAGE)


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame; header names without their colon, dashes as underscores."""
    block = b"".join(
        struct.pack(">B", len(name) + 1) + f":{name.replace('_', '-')}".encode() + b"\x07"
        + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    lengths = struct.pack(">II", len(block) + len(payload) + 16, len(block))
    unsigned = lengths + struct.pack(">I", zlib.crc32(lengths)) + block + payload
    return unsigned + struct.pack(">I", zlib.crc32(unsigned))


def event(kind: str, **members: Any) -> bytes:
    """An event as it is framed. docs/quirks.md#q58: with padding, which says nothing."""
    payload = json.dumps({**members, "p": "abcdefghijk"}).encode()
    return frame(payload, event_type=kind, content_type="application/json", message_type="event")


def start(index: int, **kind: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=kind)


def delta(index: int, **kind: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=kind)


def stop(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def end(reason: str = "end_turn", **members: Any) -> bytes:
    """The end of a message, and what comes after it. docs/quirks.md#q57: the counts."""
    return event("messageStop", stopReason=reason) + event("metadata", usage=USAGE, metrics={"latencyMs": 7}, **members)


BEGIN = event("messageStart", role="assistant")


def streamed(data: bytes, context: WriteContext = CLAUDE, cuts: list[int] | None = None) -> list[Event]:
    reader = DIALECT.reader(context)
    bounds = [0, *(cuts or []), len(data)]
    found = [event for a, b in itertools.pairwise(bounds) for event in reader.feed(data[a:b])]
    return [*found, *reader.finish()]


def whole(*content: Any, context: WriteContext = CLAUDE, reason: str = "end_turn", **members: Any) -> list[Event]:
    output = {"message": {"role": "assistant", "content": list(content)}}
    body = {"metrics": {"latencyMs": 7}, "output": output, "stopReason": reason, "usage": USAGE, **members}
    return DIALECT.read_reply(json.dumps(body).encode(), context)
