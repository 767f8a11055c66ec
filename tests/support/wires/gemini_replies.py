"""Gemini's replies as a test writes them, and as events."""

import json
from collections.abc import Iterable
from typing import Any

from penstock.core.events import (
    Event,
    Start,
    Stop,
)
from penstock.core.usage import Usage
from penstock.dialects.dialect import WriteContext
from penstock.dialects.gemini import DIALECT

GOAL = WriteContext("gemini-2.5-flash", "google")
START = Start("r1", "gemini-2.5-flash")
STOP = Stop("stop", "STOP")
COUNTED = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
TOKENS = Usage(5, 2, 7, native=COUNTED)


def response(*parts: Any, finish: str | None = None, usage: Any = None, **members: Any) -> dict[str, Any]:
    """One response with one candidate."""
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **members}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        **({"usageMetadata": usage} if usage else {}),
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"text": text, **members}


def call(name: str, args: Any = None, **members: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args})}, **members}


def whole(value: Any) -> list[Event]:
    return DIALECT.read_reply(value if isinstance(value, bytes) else json.dumps(value).encode(), GOAL)


def framed(values: Iterable[Any]) -> bytes:
    """A stream as Google sends it: CRLF, and no end mark."""
    return b"".join(b"data: " + json.dumps(value).encode() + b"\r\n\r\n" for value in values)


def read(*pieces: bytes) -> list[Event]:
    reader = DIALECT.reader(GOAL)
    found = [event for piece in pieces for event in reader.feed(piece)]
    return [*found, *reader.finish()]


def streamed(*values: Any) -> list[Event]:
    return read(framed(values))


def answered(*events: Event) -> list[Event]:
    """The events of an answer that ends well and counts nothing."""
    return [START, *events, STOP]


def segment(start: int, end: int, text: str = "", **members: Any) -> dict[str, Any]:
    found = {"startIndex": start, "endIndex": end, "text": text, **members}
    return {name: value for name, value in found.items() if value not in (0, "")}


WEB = {"web": {"uri": "https://example.com/a", "title": "A"}}
CONTEXT = {"retrievedContext": {"uri": "gs://b/doc", "title": "Doc"}}
BARE = {"web": {"domain": "example.com"}}


def grounded(*supports: dict[str, Any]) -> dict[str, Any]:
    return {"groundingChunks": [WEB, CONTEXT, BARE], "groundingSupports": list(supports)}
