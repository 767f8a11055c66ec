"""Requests of OpenAI's wire as hosts get them: written in a dialect (lane 2), or fitted to a host (lane 1)."""

import json
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read
from penstock.dialects.openai.relay.request import fit_request
from penstock.dialects.registry import DIALECTS
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve

CLAUDE: Final = ("anthropic", "claude-sonnet-4-5", "anthropic")
GEMINI: Final = ("gemini", "gemini-2.5-flash", "google")
CONVERSE: Final = ("bedrock_converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock")
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HI: Final = [{"role": "user", "content": "hi"}]
FUNCTION: Final = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}},
}


def lane2(target: tuple[str, str, str], messages: list[Any], **parameters: Any) -> tuple[dict[str, Any], Payload]:
    """What a host with a wire of its own is sent."""
    dialect, model, provider = target
    request = read(json.dumps({"model": model, "messages": messages, **parameters}).encode())
    assert not isinstance(request, Failure), request
    payload = DIALECTS[dialect].write(request, WriteContext(model, provider, resolve(model, provider)))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload


def lane1(provider: str, model: str, messages: list[Any], **parameters: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a host of OpenAI's wire is sent, and what was left out."""
    row = PROVIDERS[provider]
    context = WriteContext(model, provider, resolve(model, provider), quirks=row.quirks)
    body = Body.parse(json.dumps({"model": model, "messages": messages, **parameters}).encode())
    fitted = fit_request(body, context)
    assert not isinstance(fitted, Failure), fitted
    return json.loads(fitted.body.encode()), fitted.dropped
