"""Requests of Anthropic's callers: blocks and messages as a test writes them, read, and written by a provider's dialect."""

from __future__ import annotations

import json
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import (
    ChatRequest,
    Message,
)
from penstock.core.failure import Failure
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.registry import DIALECTS
from penstock.traits.resolve import resolve

HELLO: Final = [{"role": "user", "content": "hello"}]
MARK: Final = {"type": "ephemeral"}


def read(**members: Any) -> ChatRequest:
    body = {"model": "claude", "max_tokens": 10, "messages": HELLO, **members}
    request = read_request(Body.parse(json.dumps(body).encode()))
    assert isinstance(request, ChatRequest), request
    return request


def wrong(**members: Any) -> str | None:
    body = {"model": "claude", "max_tokens": 10, "messages": HELLO, **members}
    failure = read_request(Body.parse(json.dumps(body).encode()))
    assert isinstance(failure, Failure)
    assert failure.status == 400
    return failure.param


def messages(*given: Any) -> tuple[Message, ...]:
    return read(messages=list(given)).messages


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def write(dialect: str, model: str, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    payload = DIALECTS[dialect].write(read(**members), WriteContext(model, "unit", resolve(model, "unit")))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload.dropped
