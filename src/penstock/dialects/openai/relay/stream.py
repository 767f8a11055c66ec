"""Chat completion streams, as far as the gateway looks into what it relays: has the answer begun, is this an event at
all, was it an error, did the stream end as one does.

Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json
from penstock.core.usage import Usage
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.body import read_reply
from penstock.dialects.provider_errors import ClassifiedError, read_error_event

DONE: Final = b"[DONE]"


_NO_ERROR: Final = msgspec.Raw(b"null")


class _Glance(msgspec.Struct):
    """Enough of a chunk to know that it is JSON and whether it is an error."""

    error: msgspec.Raw = _NO_ERROR


_GLANCE: Final = msgspec.json.Decoder(_Glance)


class Scan:
    """Looks at the whole events of one stream as they pass.

    ``content`` counts the events that say something: a role alone, comments and empty chunks don't. ``error`` is set by
    the first event that is an error. ``skipped`` counts events that are no JSON, which are taken out: one of them would
    end a client's reading of all the good ones after it.
    """

    __slots__ = ("content", "error", "skipped")

    def __init__(self) -> None:
        self.content = 0
        self.error: ClassifiedError | None = None
        self.skipped = 0

    def weigh(self, events: bytes) -> bytes:
        """Look closely at events that were not passed on yet; give back those that may be."""
        events = self.passing(events)
        self.content += sum(_says_something(name, data) for name, data in sse.events(events))
        return events

    def passing(self, events: bytes) -> bytes:
        """Give back the events that may pass on: the same bytes unless one of them can't be read."""
        if self._are_plain(events) or self._can_all_be_read(events):
            return events
        return self._without_garbage(events)

    def _are_plain(self, events: bytes) -> bool:
        """Whether all are one line of data each, which can be read: what nearly every vendor sends, told apart fast."""
        if events[-2:] != b"\n\n":
            return False
        for line in events[:-2].split(b"\n\n"):
            if line[:6] != b"data: " or b"\n" in line or not self._can_be_read(b"", line[6:]):
                return False
        return True

    def _can_all_be_read(self, events: bytes) -> bool:
        return all(self._can_be_read(name, data) for name, data in sse.events(events))

    def _can_be_read(self, name: bytes, data: bytes) -> bool:
        if not data or data == DONE:
            return True
        try:
            error = _GLANCE.decode(data).error
            failed = name == b"error" or (error is not _NO_ERROR and bytes(error) != b"null")
        except UNREADABLE:
            chunk = _decode(data)
            if chunk is None:
                return False
            failed = isinstance(chunk, dict) and bool(chunk.get("error"))
        if failed and self.error is None:
            self.error = read_error_event(data)
        return True

    def _without_garbage(self, events: bytes) -> bytes:
        kept = []
        for block in sse.blocks(events):
            if self._can_all_be_read(block):
                kept.append(block)
            else:
                self.skipped += 1
        return b"".join(kept)


def _says_something(name: bytes, data: bytes) -> bool:
    chunk = None if name == b"error" or data == DONE else _decode(data)
    if not isinstance(chunk, dict) or chunk.get("error"):
        return False
    choices = chunk.get("choices")
    return isinstance(choices, list) and any(isinstance(choice, dict) and _has_content(choice) for choice in choices)


def _has_content(choice: dict[str, Any]) -> bool:
    """Whether a choice of a chunk has text, tool calls or anything else but a role, or is finished."""
    if choice.get("finish_reason") or choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(value for key, value in delta.items() if key != "role")


def ending(tail: bytes) -> tuple[bool, Usage | None]:
    """What the final bytes of a stream say: whether it was finished (``[DONE]`` or a finish reason), and its usage."""
    finished, usage = _ending(tail[-_RECENT:])
    if finished and (usage is not None or b'"usage"' not in tail):
        return finished, usage
    return _ending(tail)


_RECENT: Final = 2048
"""Bytes that nearly always hold all that an ending says."""


def _ending(tail: bytes) -> tuple[bool, Usage | None]:
    finished, usage = False, None
    for _, data in reversed(list(sse.events(tail))):
        if data == DONE:
            finished = True
        elif usage is None and b'"usage"' in data:
            found = read_reply(data)
            usage = found if isinstance(found, Usage) else None
        if not finished and b'"finish_reason"' in data:
            finished = _finishes(data)
    return finished, usage


def _finishes(data: bytes) -> bool:
    chunk = _decode(data)
    choices = chunk.get("choices") if isinstance(chunk, dict) else None
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


def _decode(data: bytes) -> Any:
    try:
        return read_json(data)
    except ValueError:
        return None
