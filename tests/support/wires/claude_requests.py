"""Requests as Anthropic takes them: pieces of expected bodies, and families of models."""

from __future__ import annotations

import json
from typing import Any, Final

from matrix import (
    PDF,
    PIXEL,
    WEATHER,
)
from penstock.core.chat import ChatRequest
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read


def request(body: dict[str, Any]) -> ChatRequest:
    found = read(json.dumps(body).encode())
    assert isinstance(found, ChatRequest), found
    return found


def write(
    body: dict[str, Any], traits: Traits = ANY_MODEL, variant: str = "", **options: str
) -> tuple[dict[str, Any], Payload]:
    payload = DIALECT.write(request(body), WriteContext("claude", "anthropic", traits, options, variant))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload


def say(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def use(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def answer(call_id: str, **content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, **content}


def picture(mime: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": mime, "data": PIXEL}}


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


def sent(*turns: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 4096, "messages": list(turns) or [ASKED], **members}


ASKED: Final = turn("user", say("Hello"))
HI: Final = turn("assistant", say("Hi"))
BRIEF: Final = say("Be brief.")
FORECAST: Final = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": WEATHER["function"]["parameters"],
}
NOTHING: Final = {"type": "object", "properties": {}}
CLOCK: Final = {"name": "get_time", "input_schema": NOTHING}


SUNNY: Final = answer("call_1", content="Sunny")
PDF_SOURCE: Final = {"type": "base64", "media_type": "application/pdf", "data": PDF}


BUDGET: Final = Traits(thinking="budget", output_limit=64_000, min_budget=1024)
ADAPTIVE: Final = Traits(
    thinking="adaptive",
    output_limit=64_000,
    efforts={"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max"},
)
UNASKED: Final = Traits(thinking="adaptive", output_limit=64_000, efforts={"low": "low"}, thinks_unasked=True)
