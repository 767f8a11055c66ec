"""What Gemini's interactions tell of their use: plain replies, and the last event of a stream.

The counts have names of their own; thoughts are counted apart from the answer. Source:
https://ai.google.dev/gemini-api/docs/interactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.json_text import read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.caller import Verdict
from penstock.dialects.framing import sse
from penstock.dialects.gemini.relay import judge as responses
from penstock.dialects.gemini.relay.stream import GRAMMAR

_INNER: Final = "interaction"
"""The member in which events hold the interaction."""


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What a plain reply is, as of any other request; with its usage."""
    verdict = responses.judge(body, provider, is_chat)
    value = read_json_or_none(body)
    return msgspec.structs.replace(verdict, usage=_usage_in(value) if isinstance(value, dict) else None)


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """Whether a stream was finished, and its usage. ``tail`` may begin within an event."""
    finished, usage = False, None
    for name, data in sse.events(tail):
        finished = finished or name in {b"interaction.complete", b"interaction.completed", b"done"}
        value = read_json_or_none(data)
        if isinstance(value, dict):
            usage = _usage_in(value) or _usage_in(json_text.mapping(value, _INNER)) or usage
    return finished, usage


def _usage_in(value: Mapping[str, Any]) -> Usage | None:
    usage = json_text.mapping(value, "usage")
    names = ("input", "output", "thought", "tool_use", "cached")
    asked, completion, thought, tools, cached = (json_text.integer(usage, f"total_{name}_tokens") for name in names)
    if asked is None and completion is None:
        return None
    total = json_text.integer(usage, "total_tokens")
    return Usage(
        (asked or 0) + (tools or 0),
        (completion or 0) + (thought or 0),
        total,
        cached,
        reasoning=thought,
        tool_prompt=tools,
        native=usage,
    )


STREAM: Final = msgspec.structs.replace(GRAMMAR, ending=ending)
"""Streams of interactions, which pass as they are."""
