"""Requests and replies of Gemini's callers, as a test writes and reads them."""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import ChatRequest
from penstock.core.events import Event, collect
from penstock.core.failure import Failure
from penstock.dialects.caller import Caption
from penstock.dialects.gemini.caller.reply import write_reply
from penstock.dialects.gemini.caller.request import read_request
from penstock.dialects.gemini.caller.stream import ResponseWriter
from penstock.dialects.gemini.relay.reshape import to_plain

CAPTION: Final = Caption("abc", 1700000000, "asked-model", "unit")
HI: Final = {"role": "user", "parts": [{"text": "Hi"}]}


def asked(*contents: Any, **members: Any) -> ChatRequest:
    """A request with these contents (one that says Hi without any), read."""
    found = read_request(Body.parse(json.dumps({"model": "m", "contents": contents or [HI], **members}).encode()))
    assert isinstance(found, ChatRequest), found
    return found


def refused(*contents: Any, **members: Any) -> Failure:
    found = read_request(Body.parse(json.dumps({"model": "m", "contents": contents or [HI], **members}).encode()))
    assert isinstance(found, Failure), found
    return found


def parameters(**config: Any) -> dict[str, Any]:
    """What a ``generationConfig`` comes to."""
    return dict(asked(generationConfig=config).parameters)


def plain(*events: Event, caption: Caption = CAPTION) -> dict[str, Any]:
    written = write_reply(collect(events), caption)
    assert isinstance(written, bytes), written
    found: dict[str, Any] = json.loads(written)
    return found


def streamed(*events: Event, caption: Caption = CAPTION) -> list[dict[str, Any]]:
    """The responses of a stream that ends well."""
    writer = ResponseWriter(caption)
    sent = writer.write(events) + writer.finish()
    assert writer.failed is None, writer.failed
    blocks = sent.split(b"\n\n")
    assert blocks.pop() == b""
    assert all(block.startswith(b"data: ") for block in blocks)
    return [json.loads(block[6:]) for block in blocks]


def folded(*events: Event, caption: Caption = CAPTION) -> dict[str, Any]:
    """A stream's responses as one."""
    writer = ResponseWriter(caption)
    whole = to_plain(writer.write(events) + writer.finish())
    assert whole is not None
    found: dict[str, Any] = json.loads(whole)
    return found


def parts(response: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response["candidates"][0]["content"].get("parts", [])
    return found


def model(*parts: Any) -> Any:
    return {"role": "model", "parts": list(parts)}


def call(name: str, args: Any = None, **members: Any) -> Any:
    return {"functionCall": {"name": name, "args": args or {}}, **members}


def answer(*contents: Any) -> tuple[Any, ...]:
    """The parts of the model's turn, which is the last of these contents."""
    return asked(HI, *contents).messages[-1].parts
