"""OCI's replies, whole or as server-sent events, put as OpenAI's chunks and read as such (openai/provider/).

GENERIC and COHEREV2 say a message, or a piece of one; COHERE says its text, and says it all again at the end. Streams
end with a finish reason, usage after it, and not always ``[DONE]``. Source: OCI Generative AI Inference API,
"ChatResult", "GenericChatResponse", "CohereChatResponse", "CohereChatResponseV2".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import Event
from penstock.core.json_text import read_reply_json
from penstock.core.rfc3339 import unix_seconds
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.provider.reply import OpenAiReader, OpenAiStream

_MEMBERS: Final = frozenset(
    {"apiFormat", "id", "index", "message", "finishReason", "logprobs", "usage", "choices", "timeCreated", "pad"}
    | {"text", "toolCalls", "chatHistory", "prompt", "errorMessage", "code"}
)
_FAILED: Final = "ERROR"
_NAMES: Final = {"reasoningContent": "reasoning_content", "refusal": "refusal", "citations": "citations"}
"""Members of a message by OpenAI's names; citations are Cohere's own."""
_PARTS: Final = {"TEXT": ("text", "text"), "THINKING": ("thinking", "thinking"), "IMAGE": ("image_url", "imageUrl")}
_COUNTS: Final = {
    "prompt_tokens": ("promptTokens", "inputTokens"),
    "completion_tokens": ("completionTokens", "outputTokens"),
    "total_tokens": ("totalTokens",),
}


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reader, result = OpenAiReader(is_whole=True), read_reply_json(data)
    if not isinstance(result, dict):
        return reader.chunk(result, data)
    response = result.get("chatResponse")
    if not isinstance(response, dict):
        return [*reader.chunk(result, data), *reader.finish()]
    about = {"model": result.get("modelId"), "modelVersion": result.get("modelVersion")}
    chunk = _Shape().chunk(response)
    return [*reader.chunk({**chunk, **about}, data), *reader.finish()]


class StreamReader(OpenAiStream):
    """Reads one stream."""

    def __init__(self, context: WriteContext) -> None:
        super().__init__(context)
        self._shape = _Shape()

    def event(self, data: bytes, *, is_error: bool) -> list[Event]:
        """An event is one line; some are told apart by no empty line."""
        lines = (line.strip() for line in data.split(b"\n"))
        return [event for line in lines for event in super(StreamReader, self).event(line, is_error=is_error)]

    def reshaped(self, chunk: Any) -> Any:
        return self._shape.chunk(chunk) if isinstance(chunk, dict) else chunk


class _Shape:
    """Puts the pieces of one reply as OpenAI's chunks. It knows whether text and calls were said: what COHERE's last
    event repeats."""

    def __init__(self) -> None:
        self._has_text = False
        self._has_calls = False

    def chunk(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """A piece of a stream, or a whole response."""
        if event.get("finishReason") == _FAILED or isinstance(event.get("message"), str):
            error = {"message": event.get("errorMessage") or event.get("message"), "type": event.get("finishReason")}
            return {"error": {**error, "code": event.get("code")}, "usage": _usage(event)}
        rest = {name: value for name, value in event.items() if name not in _MEMBERS}
        return {
            **rest,
            "id": event.get("id"),
            "created": unix_seconds(event.get("timeCreated")),
            "choices": self._choices(event),
            "usage": _usage(event),
        }

    def _choices(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        choices = event.get("choices")
        if isinstance(choices, list):
            return [_choice(choice, choice.get("message")) for choice in choices if isinstance(choice, dict)]
        if "text" in event or "toolCalls" in event:
            return [_choice(event, self._message(event))]
        if "message" in event or "finishReason" in event:
            return [_choice(event, event.get("message"))]
        return []

    def _message(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What a COHERE event says that wasn't said before."""
        is_last = bool(event.get("finishReason"))
        text, calls = event.get("text"), event.get("toolCalls")
        is_new = not (is_last and self._has_text)
        are_new = not (is_last and self._has_calls)
        self._has_text = self._has_text or bool(text)
        self._has_calls = self._has_calls or bool(calls)
        members = {"content": [{"type": "TEXT", "text": text}]} if is_new else {}
        return {**members, "toolCalls": calls} if are_new else members


def _choice(choice: Mapping[str, Any], message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "index": choice.get("index"),
        "delta": _delta(message) if isinstance(message, dict) else {},
        "finish_reason": choice.get("finishReason"),
    }
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict):
        found["logprobs"] = {"content": _logprobs(logprobs)}
    if "groundingMetadata" in choice:
        found["groundingMetadata"] = choice["groundingMetadata"]
    return found


def _delta(message: Mapping[str, Any]) -> dict[str, Any]:
    content = [_part(part) for part in json_text.mappings(message.get("content"))]
    if message.get("toolPlan"):
        content.append({"type": "text", "text": message["toolPlan"]})
    found: dict[str, Any] = {"content": content}
    for theirs, name in _NAMES.items():
        if theirs in message:
            found[name] = message[theirs]
    if "toolCalls" in message:
        found["tool_calls"] = [_call(call) for call in json_text.mappings(message["toolCalls"])]
    if "annotations" in message:
        found["annotations"] = [_annotation(each) for each in json_text.mappings(message["annotations"])]
    return found


def _part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = part.get("type")
    known = _PARTS.get(kind) if isinstance(kind, str) else None
    return part if known is None else {"type": known[0], known[0]: part.get(known[1])}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """GENERIC's calls are flat, COHEREV2's have a function, COHERE's have parameters and no id."""
    held = call.get("function")
    function = held if isinstance(held, dict) else call
    arguments = function.get("arguments", function.get("parameters"))
    return {"id": call.get("id"), "function": {"name": function.get("name"), "arguments": arguments}}


def _annotation(annotation: Mapping[str, Any]) -> dict[str, Any]:
    source = annotation.get("urlCitation")
    found = source if isinstance(source, dict) else {}
    place = {"start_index": found.get("startIndex"), "end_index": found.get("endIndex")}
    return {"type": "url_citation", "url_citation": {"url": found.get("url"), "title": found.get("title"), **place}}


def _logprobs(logprobs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists of tokens, of their log probabilities and of the likeliest at each place, as a list of tokens."""
    tokens, numbers, tops = (logprobs.get(name) for name in ("tokens", "tokenLogprobs", "topLogprobs"))
    if not (isinstance(tokens, list) and isinstance(numbers, list)):
        return []
    likeliest = tops if isinstance(tops, list) else []
    return [
        {
            "token": token,
            "logprob": number,
            "bytes": None,
            "top_logprobs": _top(likeliest[place]) if place < len(likeliest) else [],
        }
        for place, (token, number) in enumerate(zip(tokens, numbers, strict=False))
    ]


def _top(likeliest: Any) -> list[dict[str, Any]]:
    found = []
    for token, number in likeliest.items() if isinstance(likeliest, dict) else ():
        try:
            found.append({"token": token, "logprob": float(number), "bytes": None})
        except (TypeError, ValueError, OverflowError):
            continue
    return found


def _usage(event: Mapping[str, Any]) -> dict[str, Any] | None:
    usage = event.get("usage")
    if not isinstance(usage, dict):
        return None
    found: dict[str, Any] = {
        name: next((usage[each] for each in theirs if each in usage), None) for name, theirs in _COUNTS.items()
    }
    for name, theirs, count, their_count in (
        ("prompt_tokens_details", "promptTokensDetails", "cached_tokens", "cachedTokens"),
        ("completion_tokens_details", "completionTokensDetails", "reasoning_tokens", "reasoningTokens"),
    ):
        details = usage.get(theirs)
        if isinstance(details, dict):
            found[name] = {count: details.get(their_count)}
    return found
