"""Events written as OpenAI's chunks and as its completion."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from penstock.core.events import (
    Event,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
    collect,
)
from penstock.dialects.caller import Caption
from penstock.dialects.openai.caller.completion import completion

CAPTION = Caption("1", 1700000000, "asked-model", "unit")
LOOSE = msgspec.structs.replace(CAPTION, strict=False)


def plain(events: list[Event], caption: Caption = CAPTION) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(completion(collect(events), caption))
    return found


def message(events: list[Event], caption: Caption = CAPTION) -> dict[str, Any]:
    found: dict[str, Any] = plain(events, caption)["choices"][0]["message"]
    return found


CALLS: list[Event] = [
    Text("Look:"),
    ToolStart(0, "weather", "call_a"),
    ToolArgs("", 0),
    ToolArgs('{"city"', 0),
    ToolArgs(':"Rome"}', 0),
    ToolStart(1, "time"),
    Stop("stop", "STOP"),
]


THOUGHTS: list[Event] = [
    Thinking("Hm", owner="anthropic"),
    Thinking("m.", owner="anthropic"),
    Thinking(signature="sig", owner="anthropic"),
    Thinking(data="enc", owner="anthropic", block=1),
    Thinking("More.", owner="anthropic", block=2),
    Text("Hi", block=3),
]
DETAILS = [
    {"type": "reasoning.text", "text": "Hmm.", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "enc", "format": "anthropic-claude-v1", "index": 1},
]
