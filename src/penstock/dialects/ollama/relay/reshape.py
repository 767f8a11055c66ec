"""A stored answer in the other form: a stream as one reply, one reply as a stream.

Lines together are one reply by their texts; of what is told again the last word counts. Source: Ollama API
documentation, "Generate a chat message", "Streaming".
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.dialects.caller import Reshape
from penstock.dialects.framing import sse
from penstock.dialects.ollama.relay import judge

_TEXTS: Final = ("content", "response", "thinking")
_LISTS: Final = ("tool_calls", "images", "logprobs")


class _Joined:
    """An object that is put together piece by piece: texts and lists grow, other members are replaced."""

    def __init__(self) -> None:
        self._members: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, piece: dict[str, Any]) -> None:
        for name, value in piece.items():
            if name in _TEXTS and isinstance(value, str):
                self._members.setdefault(name, "")
                self._texts.setdefault(name, []).append(value)
            elif name in _LISTS and isinstance(value, list):
                self._members.setdefault(name, []).extend(value)
            else:
                self._members[name] = value

    def value(self) -> dict[str, Any]:
        return {**self._members, **{name: "".join(pieces) for name, pieces in self._texts.items()}}


def to_plain(stream: bytes) -> bytes | None:
    """The reply that a whole stream amounts to; None for one without end or with an error."""
    whole, message, is_done, has_message = _Joined(), _Joined(), False, False
    try:
        for _, data in sse.events(stream):
            line = read_json(data)
            if not isinstance(line, dict) or "error" in line:
                return None
            line_message = line.get("message")
            if isinstance(line_message, dict):
                message.add(line_message)
                has_message, line["message"] = True, None
            whole.add(line)
            is_done = is_done or line.get("done") is True
    except (ValueError, RecursionError):
        return None
    reply = whole.value()
    if has_message:
        reply["message"] = message.value()
    return write_json(reply) if is_done else None


def to_stream(reply: bytes, _include_usage: bool = True) -> bytes | None:
    """The stream that a reply would have been: a line with the answer, and the last line. Its usage is always told."""
    value = read_json_or_none(reply)
    if not isinstance(value, dict) or "error" in value or value.get("done") is not True or not judge.has_place(value):
        return None
    about = {name: value[name] for name in ("model", "created_at") if name in value}
    message = value.get("message")
    answer: dict[str, Any] = {name: value[name] for name in ("response", "thinking", *_LISTS) if name in value}
    empty: dict[str, Any] = {"response": ""}
    if isinstance(message, dict):
        answer |= {"message": message}
        empty = {"message": {"role": "assistant", "content": ""}}
    last = {name: each for name, each in value.items() if name not in about and name not in answer}
    first = _event({**about, **answer, "done": False}) if judge.says_something(value) else b""
    return first + _event({**about, **empty, **last})


def _event(line: dict[str, Any]) -> bytes:
    return b"data: " + write_json(line) + b"\n\n"


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Ollama's replies always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored answers in the other form."""
