"""Replies as Anthropic's callers get them: whole, streamed, and the stream folded into a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from hypothesis import strategies as st

from penstock.core.chat import Owner
from penstock.core.events import (
    Event,
    Stop,
    collect,
)
from penstock.dialects.anthropic.caller.reply import write_reply
from penstock.dialects.anthropic.caller.stream import MessageWriter
from penstock.dialects.anthropic.relay.reshape import to_plain
from penstock.dialects.caller import Caption
from penstock.dialects.framing import sse

CAPTION: Final = Caption("abc", 1700000000, "asked-model", "unit")
CLAUDE: Final = Owner.ANTHROPIC
WORDS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
ENDS: Final = st.sampled_from(
    [
        Stop("stop", "end_turn"),
        Stop("length", "max_tokens"),
        Stop("content_filter", "refusal"),
        Stop("tool_calls", "tool_use"),
    ]
)


def plain(*events: Event) -> dict[str, Any]:
    written = write_reply(collect(events), CAPTION)
    assert isinstance(written, bytes), written
    found: dict[str, Any] = json.loads(written)
    return found


def streamed(*events: Event) -> list[dict[str, Any]]:
    writer = MessageWriter(CAPTION)
    sent = writer.write(events) + writer.finish()
    assert writer.failed is None, writer.failed
    assert b"[DONE]" not in sent
    return parsed(sent)


def parsed(sent: bytes) -> list[dict[str, Any]]:
    found = []
    for name, data in sse.events(sent):
        value = json.loads(data)
        assert value["type"] == name.decode()
        found.append(value)
    return found


def folded(*events: Event) -> dict[str, Any]:
    writer = MessageWriter(CAPTION)
    whole = to_plain(writer.write(events) + writer.finish())
    assert whole is not None
    found: dict[str, Any] = json.loads(whole)
    return found


def kinds(events: Iterable[dict[str, Any]]) -> list[str]:
    """Each event in short: its type, its index, what it is about."""
    found = []
    for event in events:
        about = event.get("content_block") or event.get("delta") or {}
        found.append(
            " ".join(str(part) for part in (event["type"], event.get("index"), about.get("type")) if part is not None)
        )
    return found
