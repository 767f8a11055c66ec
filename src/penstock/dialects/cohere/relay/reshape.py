"""A stored answer in the other form: a stream as one reply, one reply as a stream.

Source: Cohere API reference, "Chat", "Chat with Streaming".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.core import json_text
from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.dialects.caller import Reshape
from penstock.dialects.cohere.relay.judge import SAYING
from penstock.dialects.framing import sse

_TEXTS: Final = ("text", "thinking")


class _Message:
    """A message that is put together event by event. Pieces are joined at the end."""

    def __init__(self) -> None:
        self._content: dict[int, tuple[dict[str, Any], dict[str, list[str]]]] = {}
        self._plan: list[str] = []
        self._calls: dict[int, tuple[dict[str, Any], list[str]]] = {}
        self._citations: list[Any] = []

    def add(self, delta: dict[str, Any], index: int) -> None:
        content = delta.get("content")
        if isinstance(content, dict):
            block, pieces = self._content.setdefault(index, ({}, {}))
            for name, value in content.items():
                if name in _TEXTS and isinstance(value, str):
                    pieces.setdefault(name, []).append(value)
                else:
                    block[name] = value
        plan = delta.get("tool_plan")
        if isinstance(plan, str) and plan:
            self._plan.append(plan)
        call = delta.get("tool_calls")
        if isinstance(call, dict):
            self._add_call(call, index)
        if isinstance(delta.get("citations"), dict):
            self._citations.append(delta["citations"])

    def _add_call(self, call: dict[str, Any], index: int) -> None:
        known, arguments = self._calls.setdefault(index, ({"function": {}}, []))
        function = json_text.mapping(call, "function")
        arguments.append(json_text.text(function, "arguments"))
        known["function"] |= {name: value for name, value in function.items() if name != "arguments"}
        known |= {name: value for name, value in call.items() if name != "function"}

    def value(self) -> dict[str, Any]:
        content = [
            {**block, **{name: "".join(texts) for name, texts in pieces.items()}}
            for block, pieces in self._content.values()
        ]
        calls = [
            {**call, "function": {**call["function"], "arguments": "".join(arguments)}}
            for call, arguments in self._calls.values()
        ]
        message: dict[str, Any] = {"role": "assistant"}
        message |= {"content": content} if content or not calls else {}
        message |= {"tool_plan": "".join(self._plan)} if self._plan else {}
        message |= {"tool_calls": calls} if calls else {}
        return message | ({"citations": self._citations} if self._citations else {})


def to_plain(stream: bytes) -> bytes | None:
    """The reply that a whole stream amounts to; None for one without end or with an error."""
    message, identity, end = _Message(), "", None
    try:
        for name, data in sse.events(stream):
            event = read_json(data) if data != sse.DONE else None
            if not isinstance(event, dict):
                continue
            kind = json_text.text(event, "type") or name.decode("latin-1")
            delta = json_text.mapping(event, "delta")
            if kind == "message-end":
                end = delta
            elif kind == "message-start":
                identity = json_text.text(event, "id")
            elif not kind or isinstance(event.get("message"), str):
                return None
            else:
                index = event.get("index")
                message.add(json_text.mapping(delta, "message"), index if isinstance(index, int) else 0)
    except (ValueError, RecursionError):
        return None
    if end is None or end.get("error"):
        return None
    return write_json({"id": identity, "message": message.value(), **end})


def to_stream(reply: bytes, _include_usage: bool = True) -> bytes | None:
    """The stream that a reply would have been; None for anything else. Its usage is always told."""
    value = read_json_or_none(reply)
    message = value.get("message") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(message, dict):
        return None
    if not (value.get("finish_reason") or any(map(message.get, SAYING))):
        return None
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    start = _event("message-start", id=value.get("id", ""), delta={"message": empty})
    end = {name: each for name, each in value.items() if name not in ("id", "message", "logprobs")}
    return b"".join([start, *_parts(message), _event("message-end", delta=end)])


def _parts(message: dict[str, Any]) -> Iterator[bytes]:
    plan, content = json_text.text(message, "tool_plan"), message.get("content")
    if plan:
        yield _event("tool-plan-delta", delta={"message": {"tool_plan": plan}})
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else json_text.mappings(content)
    for index, block in enumerate(blocks):
        texts = {name: block[name] for name in _TEXTS if isinstance(block.get(name), str)}
        yield _said("content-start", index, content={**block, **dict.fromkeys(texts, "")})
        if texts:
            yield _said("content-delta", index, content=texts)
        yield _event("content-end", index=index)
    for index, call in enumerate(json_text.mappings(message.get("tool_calls"))):
        function = json_text.mapping(call, "function")
        arguments = json_text.text(function, "arguments")
        yield _said("tool-call-start", index, tool_calls={**call, "function": {**function, "arguments": ""}})
        if arguments:
            yield _said("tool-call-delta", index, tool_calls={"function": {"arguments": arguments}})
        yield _event("tool-call-end", index=index)
    for index, citation in enumerate(json_text.mappings(message.get("citations"))):
        yield _said("citation-start", index, citations=citation)
        yield _event("citation-end", index=index)


def _said(kind: str, index: int, **message: Any) -> bytes:
    return _event(kind, index=index, delta={"message": message})


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), write_json({"type": kind, **members}))


def _with_usage(reply: bytes, _include_usage: bool) -> bytes:
    """Cohere's replies always tell their usage."""
    return reply


RESHAPE: Final = Reshape(to_plain, to_stream, _with_usage, to_plain)
"""Stored answers in the other form."""
