"""Pieces of Ollama's reply that a whole one and its lines share: the message or the response, calls, the last line.

Ollama has no place for what must come back unread, nor for sources: both are left out (docs/dialects.md). Source:
Ollama API documentation, "Generate a chat message", "Generate a response".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from penstock.core.events import Logprobs, Media, Refusal, Stop, Text, Thinking
from penstock.core.finish_reasons import UNKNOWN
from penstock.core.usage import Usage
from penstock.dialects.media_text import media_text
from penstock.dialects.ollama.usage import write_usage
from penstock.dialects.untold import Places
from penstock.dialects.whole_calls import Piece, WholeCall

Members = dict[str, Any]
_LATEST: Final = 253402300799
"""The last second that a time of four digits for its year can tell."""


class ReplyForm(msgspec.Struct, frozen=True):
    """How one path tells an answer: ``said`` puts what is new of it into a line. ``tells_calls``: it has a place for
    calls of tools."""

    said: Callable[[Members], Members]
    tells_calls: bool = True


def _message(message: Members) -> Members:
    return {"message": {"role": "assistant", "content": "", **message}}


def _response(message: Members) -> Members:
    others = {name: value for name, value in message.items() if name not in ("content", "tool_calls")}
    return {"response": message.get("content", ""), **others}


PLACES: Final = Places(logprobs=True)
"""No sources, and blocks of nobody."""
CHAT: Final = ReplyForm(_message)
GENERATE: Final = ReplyForm(_response, tells_calls=False)


def created_at(seconds: int) -> str:
    """A time as Ollama writes it: RFC 3339, in UTC."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def piece_of(piece: Piece | WholeCall) -> Members:
    """What a piece of an answer adds to a message; empty for one that can't be told."""
    match piece:
        case Text(text) | Refusal(text) if text:
            return {"content": text}
        case Thinking(text=text) if text:
            return {"thinking": text}
        case Media():
            # Ollama's Python client can't read a reply with ``images`` in base64, which it takes for objects.
            return {"content": media_text(piece)}
        case WholeCall():
            return {"tool_calls": [_call(piece)]}
        case _:
            return {}


def _call(call: WholeCall) -> Members:
    text = call.arguments.strip()
    arguments = msgspec.Raw(text.encode("utf-8", "surrogatepass").translate(ONE_LINE)) if text else {}
    known = {"id": call.id} if call.id else {}
    return {**known, "function": {"index": call.index, "name": call.name, "arguments": arguments}}


ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks of indented JSON, made spaces: they stand between values only, and would end a line of the stream."""


def logprobs_of(events: list[Logprobs]) -> Members:
    """The tokens of some events, as a member of a line."""
    tokens = [_token(token) for event in events for token in event.content]
    return {"logprobs": tokens} if tokens else {}


def _token(token: Mapping[str, Any]) -> Members:
    kept = {name: token[name] for name in ("token", "logprob", "bytes") if token.get(name) is not None}
    alternatives = token.get("top_logprobs")
    tops = [_token(each) for each in alternatives if isinstance(each, dict)] if isinstance(alternatives, list) else []
    return {**kept, **({"top_logprobs": tops} if tops else {})}


_ENDS_WELL: Final = frozenset({"stop", "tool_calls", "content_filter"})
"""Reasons for which Ollama has one word. Any other passes as it is: a cut answer never looks finished."""


def ending(stop: Stop | None, usage: Usage | None, began: int, now: int) -> Members:
    """What the last line says beside the message: why the answer ended, what it cost, how long it took. ``began`` and
    ``now`` are nanoseconds since the request was sent: until the first piece of the answer, and until its end."""
    reason = UNKNOWN if stop is None else stop.reason
    if stop is not None and reason in _ENDS_WELL:
        reason = "length" if stop.detail == "context" else "stop"
    times = {
        "total_duration": now,
        "load_duration": 0,
        "prompt_eval_duration": began,
        "eval_duration": max(now - began, 0),
    }
    return {"done": True, "done_reason": reason, **times, **write_usage(usage)}
