"""What all shapes of Oracle's dialect are tested with."""

import json
from typing import Any

from matrix import PIXEL, WEATHER
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.oracle import DIALECT

OPTIONS = {"oracle_compartment_id": "ocid1.compartment"}
LLAMA, COMMAND_A, COMMAND_R = "meta.llama-3.3-70b-instruct", "cohere.command-a-03-2025", "cohere.command-r-08-2024"
GOAL = WriteContext(LLAMA, options=OPTIONS)


def write(row: dict[str, Any], context: WriteContext) -> Payload | Failure:
    request = openai_request.read(json.dumps(row).encode())
    assert isinstance(request, ChatRequest)
    return DIALECT.write(request, context)


def chat(row: dict[str, Any], model: str, traits: Traits = ANY_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    payload = write(row, WriteContext(model, traits=traits, options=OPTIONS))
    assert isinstance(payload, Payload)
    return json.loads(payload.body)["chatRequest"], payload.dropped


def said(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    content = [{"type": "TEXT", "text": part} if isinstance(part, str) else part for part in parts]
    return {"role": role, **({"content": content} if parts else {}), **more}


def answer(call_id: str, *parts: Any) -> dict[str, Any]:
    return said("TOOL", *parts, toolCallId=call_id)


NOTHING = {"type": "object", "properties": {}}
WEATHER_TOOL = {"type": "FUNCTION", **WEATHER["function"]}
CLOCK_TOOL = {"type": "FUNCTION", "name": "get_time", "parameters": NOTHING}
HELLO = said("USER", "Hello")
HI = said("ASSISTANT", "Hi")
PARIS = ("call_1", "get_weather", '{"city":"Paris"}')


PNG, WEBP = f"data:image/png;base64,{PIXEL}", f"data:image/webp;base64,{PIXEL}"


SECOND = ("messages[0].content[1]",)
MARKED = ("messages[0].content[0].cache_control",)
