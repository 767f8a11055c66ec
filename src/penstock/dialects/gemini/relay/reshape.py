"""A stored answer in the other form: a stream as one response, one response as a stream.

A stream is responses of the same shape, so that a whole response is a stream of one. Together they are one by their
candidates: neighbouring text is joined, anything else stays a part of its own, and of what is told again the last word
counts. Source: Gemini API reference, "models.streamGenerateContent".
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.dialects.caller import Reshape
from penstock.dialects.framing import sse
from penstock.dialects.gemini.caller.members import NO_REASON, ONE_LINE
from penstock.dialects.gemini.relay import judge

_PLAIN: Final = ({"text"}, {"text", "thought"})
"""The members of parts that may be joined."""


class _Candidate:
    """One candidate, put together piece by piece."""

    def __init__(self) -> None:
        self.members: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._texts: list[str] = []
        """The pieces of the last part, where it is text that goes on."""

    def add(self, piece: dict[str, Any]) -> None:
        content = piece.pop("content", None)
        self.members |= piece
        if isinstance(content, dict):
            for part in judge.parts({"content": content}):
                self._add(part)
            self._content |= {name: value for name, value in content.items() if name != "parts"}

    def _add(self, part: dict[str, Any]) -> None:
        last = self._parts[-1] if self._texts else None
        is_plain = set(part) in _PLAIN and isinstance(part["text"], str)
        if last is not None and is_plain and last.get("thought") == part.get("thought"):
            self._texts.append(part["text"])
            return
        if is_plain and not part["text"] and self._parts:
            return
        self._close()
        self._parts.append(part)
        if is_plain:
            self._texts.append(part["text"])

    def _close(self) -> None:
        if self._texts:
            self._parts[-1] = {**self._parts[-1], "text": "".join(self._texts)}
            self._texts = []

    def value(self) -> dict[str, Any]:
        self._close()
        content = {**({"parts": self._parts} if self._parts else {}), **self._content}
        return {**({"content": content} if content else {}), **self.members}


def to_plain(stream: bytes) -> bytes | None:
    """The response that a whole stream amounts to; None for one without end or with an error."""
    found: dict[int, _Candidate] = {}
    members: dict[str, Any] = {}
    try:
        for _, data in sse.events(stream):
            value = read_json(data)
            if not isinstance(value, dict) or "error" in value:
                return None
            for position, candidate in enumerate(judge.candidates(value)):
                index = candidate.get("index", position)
                found.setdefault(index if isinstance(index, int) else position, _Candidate()).add(candidate)
            members |= {name: each for name, each in value.items() if name != "candidates"}
    except (ValueError, RecursionError):
        return None
    response = {"candidates": [candidate.value() for candidate in found.values()]} if found else {}
    whole = {**response, **members}
    is_over = found and all(candidate.members.get("finishReason") for candidate in found.values())
    return write_json(whole) if is_over or judge.is_blocked(whole) else None


def to_stream(reply: bytes, _include_usage: bool = True) -> bytes | None:
    """The stream that a response would have been; None for anything else. Its usage is always told."""
    value = read_json_or_none(reply)
    if not isinstance(value, dict) or "error" in value or not judge.says_something(value):
        return None
    whole = reply.translate(ONE_LINE).strip()
    candidates = judge.candidates(value)
    if not all(each.get("finishReason") for each in candidates):
        # In a stream a candidate without a reason was cut (docs/fidelity.md#answers-without-a-reason).
        ended = [each if each.get("finishReason") else {**each, "finishReason": NO_REASON} for each in candidates]
        whole = write_json({**value, "candidates": ended})
    return b"data: " + whole + b"\n\n"


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Gemini's replies always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored answers in the other form."""
