"""Requests of callers of Converse, and what is told them: for the tests of that side."""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, collect
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.reply import write_reply
from penstock.dialects.bedrock.caller.request import read_request
from penstock.dialects.bedrock.caller.stream import ConverseWriter
from penstock.dialects.caller import Caption
from penstock.dialects.framing import sse

CAPTION: Final = Caption("5eed", 1700000000, "a-model", "unit", elapsed=lambda: 250_000_000)
HI: Final = {"role": "user", "content": [{"text": "Hi"}]}
Json = dict[str, Any]


def read(**members: Any) -> ChatRequest | Failure:
    """A request with these members, read; its messages are a greeting where none are given."""
    return read_request(Body.parse(json.dumps({"messages": [HI], **members}).encode()))


def asked(*messages: Json, **members: Any) -> ChatRequest:
    request = read(messages=list(messages) or [HI], **members)
    assert isinstance(request, ChatRequest), request
    return request


def refused(**members: Any) -> Failure:
    failure = read(**members)
    assert isinstance(failure, Failure), failure
    return failure


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def plain(*events: Event, caption: Caption = CAPTION) -> Json:
    written = write_reply(collect(events), caption)
    assert isinstance(written, bytes), written
    found: Json = json.loads(written)
    return found


def blocks(reply: Json) -> list[Json]:
    found: list[Json] = reply["output"]["message"]["content"]
    return found


def streamed(*events: Event, caption: Caption = CAPTION) -> bytes:
    writer = ConverseWriter(caption)
    sent = b"".join(writer.write([each]) for each in events) + writer.finish()
    assert writer.failed is None, writer.failed
    return sent


def parsed(stream: bytes) -> list[tuple[str, Json]]:
    """The events of a stream: their names and what they hold."""
    return [(name.decode(), json.loads(data)) for name, data in sse.events(stream)]
