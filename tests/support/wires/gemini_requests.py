"""Chat requests as Gemini is told them: the pieces of expected bodies, and families of models."""

import json
from typing import Any

from matrix import (
    PIXEL,
    WEATHER,
)
from penstock.core.chat import ChatRequest, Owner
from penstock.core.failure import Failure
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.gemini import DIALECT
from penstock.dialects.openai.caller import request as openai_request

GOAL = WriteContext("gemini-x", "google")
VERTEX = WriteContext("gemini-x", "vertex-ai", variant="vertex")
BUDGET = Traits(family="budget", owner=Owner.GOOGLE, thinking="budget", budgets={"low": 100, "high": 900})


LEVEL = Traits(
    family="level",
    thinking="level",
    efforts={"minimal": "minimal", "low": "low", "high": "high"},
    can_stop_thinking=False,
)


GEMMA = Traits(family="gemma", system_role=False, tools=False, json_schema=False, vision=False, documents=False)


SAYS_HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
DECLARED = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": WEATHER["function"]["parameters"],
}
CLOCK_DECLARED = {"name": "get_time"}
CALLED = {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}}
TIME_CALLED = {"functionCall": {"name": "get_time", "args": {}, "id": "call_2"}}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}


ORDERED = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "score": {"type": "number", "nullable": True}},
    "required": ["answer", "score"],
    "propertyOrdering": ["answer", "score"],
}
BY_SCHEMA = {"responseMimeType": "application/json", "responseSchema": ORDERED}


def told(*turns: dict[str, Any], system: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """A whole body; one that says Hello unless turns are given."""
    instruction = {"systemInstruction": {"parts": [{"text": each} for each in system]}} if system else {}
    return {**instruction, "contents": list(turns) or [SAYS_HELLO], **members}


def says(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def said(*parts: Any) -> dict[str, Any]:
    return {**says(*parts), "role": "model"}


def answers(name: str, response: Any, call_id: str = "call_1", **members: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, "id": call_id, **members}}


def offers(*functions: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": list(functions or [DECLARED])}]}


def chooses(mode: str, *names: str) -> dict[str, Any]:
    return {
        "toolConfig": {"functionCallingConfig": {"mode": mode, **({"allowedFunctionNames": [*names]} if names else {})}}
    }


def makes(**config: Any) -> dict[str, Any]:
    return told(generationConfig=config)


SUNNY = says(answers("get_weather", {"output": "Sunny"}))


def written(body: dict[str, Any], context: WriteContext = GOAL) -> Payload | Failure:
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    return DIALECT.write(request, context)


def payload(body: dict[str, Any], context: WriteContext = GOAL) -> tuple[dict[str, Any], tuple[str, ...]]:
    found = written(body, context)
    assert isinstance(found, Payload), found
    return json.loads(found.body), found.dropped


def of(traits: Traits, body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    return payload(body, WriteContext("gemini-x", "google", traits))


def detail(text: str, signature: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "signature": signature, "format": "google-gemini-v1"}
