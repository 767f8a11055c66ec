"""The wires of chats as the mock and its callers speak them: for each wire a request, its answer, and long streams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from bench import payload, route
from bench.route import Headers

EVENTS: Final = 10_000
"""Events of the long streams."""
_TEXT: Final = "Bear away slowly, then take in the second reef at the mast. " * 16
_QUESTION: Final = "How do I reef the mainsail when the wind freshens, and which line do I ease first? " * 40


@dataclass(frozen=True)
class Wire:
    """A wire of chats: its provider, its path at the gateway, the end of the provider's path, a request, an answer."""

    provider: str
    path: str
    end: str
    request: dict[str, Any]
    answer: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, *, stream: bool = False) -> bytes:
        """The request, compact as the official clients write it."""
        request = {**self.request, "stream": True} if stream else self.request
        return json.dumps(request, separators=(",", ":")).encode()

    def addressing(self, base_url: str) -> Headers:
        """The headers that lead to a host of this wire."""
        return {**route.by_headers(base_url), "x-portkey-provider": self.provider, **dict(self.headers)}


_MESSAGES: Final = [{"role": "user", "content": _QUESTION}]
_COUNTS: Final = {"input_tokens": 950, "output_tokens": 240}
_OUTPUT: Final = {
    "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
    "content": [{"type": "output_text", "text": _TEXT, "annotations": [], "logprobs": []}],
}  # fmt: skip
RESPONSE: Final = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [_OUTPUT],
    "usage": {**_COUNTS, "total_tokens": 1190},
}  # fmt: skip
WIRES: Final = {
    "chat": Wire(
        "openai", "/v1/chat/completions", "/chat/completions", {"model": "m", "messages": _MESSAGES},
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
         "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 950, "completion_tokens": 240, "total_tokens": 1190}},
    ),
    "responses": Wire("openai", "/v1/responses", "/responses", {"model": "m", "input": _QUESTION}, RESPONSE),
    "messages": Wire(
        "anthropic", "/v1/messages", "/messages", {"model": "m", "max_tokens": 400, "messages": _MESSAGES},
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
         "stop_sequence": None, "content": [{"type": "text", "text": _TEXT}], "usage": _COUNTS},
        (("anthropic-version", "2023-06-01"),),
    ),
    "gemini": Wire(
        "google", "/v1beta/models/m:generateContent", ":generateContent",
        {"contents": [{"role": "user", "parts": [{"text": _QUESTION}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": _TEXT}]}, "finishReason": "STOP", "index": 0}],
         "usageMetadata": {"promptTokenCount": 950, "candidatesTokenCount": 240, "totalTokenCount": 1190}},
    ),
    "converse": Wire(
        "bedrock", "/model/m/converse", "/converse",
        {"messages": [{"role": "user", "content": [{"text": _QUESTION}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": _TEXT}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 950, "outputTokens": 240, "totalTokens": 1190}, "metrics": {"latencyMs": 7}},
        (("x-portkey-aws-auth-type", "apiKey"),),
    ),
    "cohere": Wire(
        "cohere", "/v2/chat", "/v2/chat", {"model": "m", "messages": _MESSAGES},
        {"id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": _TEXT}]},
         "finish_reason": "COMPLETE", "usage": {"tokens": _COUNTS}},
    ),
    "ollama": Wire(
        "ollama", "/api/chat", "/api/chat", {"model": "m", "messages": _MESSAGES, "stream": False},
        {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": _TEXT},
         "done": True, "done_reason": "stop", "prompt_eval_count": 950, "eval_count": 240},
        (("x-portkey-ollama-api", "native"),),
    ),
}  # fmt: skip


def _chunks() -> list[bytes]:
    """A stream of chat."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": payload.MODEL}

    def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

    usage = b"data: " + json.dumps({**head, "choices": [], "usage": WIRES["chat"].answer["usage"]}).encode() + b"\n\n"
    return [chunk({"content": "tide "}, None)] * (EVENTS - 3) + [chunk({}, "stop"), usage, b"data: [DONE]\n\n"]


def _response_events() -> list[bytes]:
    """A stream of Responses, its events numbered."""
    begun = {**RESPONSE, "status": "in_progress", "output": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    delta = {**place, "delta": "tide ", "logprobs": []}
    middle: list[dict[str, Any]] = [{"type": "response.output_text.delta", **delta}] * (EVENTS - 3)
    events = [
        {"type": "response.created", "response": begun},
        *middle,
        {"type": "response.output_text.done", **place, "text": _TEXT, "logprobs": []},
        {"type": "response.completed", "response": RESPONSE},
    ]
    return [
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps({**event, "sequence_number": number}).encode())
        for number, event in enumerate(events)
    ]


STREAMS: Final = {"chat": _chunks(), "responses": _response_events()}
