"""Callers of Cohere's and Ollama's own wires: their requests read, events told to them whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from penstock.core.body import Body
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, collect
from penstock.core.failure import Failure
from penstock.dialects.caller import CallerDialect, Caption
from penstock.dialects.framing import sse
from penstock.dialects.registry import CALLERS

OLLAMA, GENERATE, COHERE = CALLERS["ollama"], CALLERS["ollama_generate"], CALLERS["cohere"]
HI: dict[str, Any] = {"role": "user", "content": "Hi"}


def caption(elapsed: Callable[[], int] = lambda: 7, **members: Any) -> Caption:
    return Caption("ab", 1, "m", "p", elapsed=elapsed, **members)


def asked(dialect: CallerDialect, **members: Any) -> ChatRequest:
    request = dialect.reading.request(Body.parse(json.dumps({"model": "m", **members}).encode()))
    assert isinstance(request, ChatRequest), request
    return request


def refused(dialect: CallerDialect, **members: Any) -> Failure:
    failure = dialect.reading.request(Body.parse(json.dumps({"model": "m", **members}).encode()))
    assert isinstance(failure, Failure), failure
    return failure


def plain(dialect: CallerDialect, *events: Event, **members: Any) -> dict[str, Any]:
    reply = dialect.writing.reply(collect(events), caption(**members))
    assert isinstance(reply, bytes), reply
    told: dict[str, Any] = json.loads(reply)
    return told


def stream(dialect: CallerDialect, *events: Event, **members: Any) -> bytes:
    """The stream, told event by event, which must be the same as told at once."""
    writer, other = dialect.writing.stream(caption(**members)), dialect.writing.stream(caption(**members))
    pieces = b"".join([writer.write([event]) for event in events]) + writer.finish()
    assert writer.failed is None, writer.failed
    assert pieces == other.write(events) + other.finish()
    return pieces


def streamed(dialect: CallerDialect, *events: Event, **members: Any) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in sse.events(stream(dialect, *events, **members))]


def folded(dialect: CallerDialect, *events: Event, **members: Any) -> dict[str, Any]:
    """The stream as one reply."""
    whole = dialect.replies.reshape.to_plain(stream(dialect, *events, **members))
    assert whole is not None
    told: dict[str, Any] = json.loads(whole)
    return told
