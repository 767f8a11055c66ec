"""Requests as Converse takes them: pieces of expected bodies, and families of models."""

from __future__ import annotations

import json
from typing import Any

from matrix import (
    WEATHER,
)
from penstock.core.chat import ChatRequest, Owner
from penstock.core.traits import Traits
from penstock.dialects.bedrock import DIALECT
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller import request as openai_request

CLAUDE = Traits(
    family="claude-4.5",
    owner=Owner.ANTHROPIC,
    output_limit=64_000,
    refuses_thinking=frozenset({"temperature", "top_k"}),
    one_of_sampling=True,
    thinking="budget",
    budgets={"low": 1024, "medium": 8192, "high": 16_384},
    min_budget=1024,
    cache_points=True,
)


LEVELS = {"low": "low", "medium": "medium", "high": "high", "max": "high"}
NOVA = Traits(
    family="nova-2", owner=Owner.AMAZON, thinking="level", efforts=LEVELS, json_schema=False, cache_points=True
)


KIMI = Traits(family="kimi-k2")


# Pieces of requests. HI and the like are turns, the lower-case ones make blocks and members.


def said(role: str, *blocks: Any) -> dict[str, Any]:
    return {"role": role, "content": [{"text": block} if isinstance(block, str) else block for block in blocks]}


def asked(*blocks: Any) -> dict[str, Any]:
    return said("user", *blocks)


def answered(*blocks: Any) -> dict[str, Any]:
    return said("assistant", *blocks)


def told(*turns: Any, **members: Any) -> dict[str, Any]:
    return {"messages": list(turns) or [asked("Hello")], **members}


def used(name: str, call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}}


def gave(call_id: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": said("", *content)["content"], **more}}


def spec(name: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"toolSpec": {"name": name, **more, "inputSchema": {"json": schema}}}


def with_tools(*tools: Any, **choice: Any) -> dict[str, Any]:
    return {"toolConfig": {"tools": list(tools), **({"toolChoice": choice} if choice else {})}}


def sampled(**members: Any) -> dict[str, Any]:
    return told(inferenceConfig=members)


def with_fields(**members: Any) -> dict[str, Any]:
    return {"additionalModelRequestFields": members}


WEATHER_SPEC = spec("get_weather", WEATHER["function"]["parameters"], description="The weather in a city")


TOOLS = with_tools(WEATHER_SPEC)
POINT = {"cachePoint": {"type": "default"}}
HI, ASK_WEATHER, SUNNY = (
    asked("Hello"),
    answered(used("get_weather", "call_1", city="Paris")),
    asked(gave("call_1", "Sunny")),
)


def enabled(budget: int) -> dict[str, Any]:
    return with_fields(thinking={"type": "enabled", "budget_tokens": budget})


def read(body: dict[str, Any]) -> ChatRequest:
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    return request


def written(
    body: dict[str, Any], traits: Traits = CLAUDE, model: str = "a-model", **options: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for Converse, and what was dropped."""
    payload = DIALECT.write(read(body), WriteContext(model, "bedrock", traits, options))
    assert isinstance(payload, Payload), payload
    assert payload.headers == ()
    return json.loads(payload.body), payload.dropped
