"""One message of Anthropic's, event by event or block by block, as the house's events.

Text and thinking are told as they come; what makes sense only whole (signatures, citations, blocks of Anthropic's own
tools) is told when its block ends. What frames the events is read in reply.py. Sources: Anthropic API
reference, "Create a Message"; Claude docs, "Streaming messages", "Stop reasons", "Errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.finish_reasons import FAILED_STATUS, broken_off, is_failure, openai_reason
from penstock.core.json_text import read_json, read_reply_json, write_json
from penstock.core.vendor_error import WITHOUT_MESSAGE
from penstock.dialects.anthropic.usage import merged, read_usage
from penstock.dialects.framing.frame import MAX_FRAME

ERROR_STATUS: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that an error would have had if the answer hadn't begun."""


_OF_CHOICE: Final = frozenset({"stop_sequence", "stop_details"})
_TOLD_OTHERWISE: Final = frozenset(
    {"type", "index", "id", "role", "model", "content", "stop_reason", "usage", "message", "delta"}
)
"""Members that become events of their own; all others are told as ``Extra``."""


class _Block(msgspec.Struct):
    """A content block that is open. ``size`` counts the bytes that are held for its end."""

    kind: str
    value: dict[str, Any]
    size: int
    call: int = -1
    """The number of a tool call, -1 for every other block."""
    input: str = ""
    """A call's arguments as its beginning gave them: they count when no piece follows."""
    pieces: list[str] = msgspec.field(default_factory=list)
    """Of a signature, or of the input of a tool that isn't the caller's."""
    citations: list[dict[str, Any]] = msgspec.field(default_factory=list)
    texts: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """The pieces of texts that go on, by the name of their member."""

    @property
    def is_foreign(self) -> bool:
        return self.kind not in {"text", "thinking", "redacted_thinking", "tool_use"}


class MessageReader:
    """Reads one message from its events, whatever framed them. ``has_ended``: nothing more is to be heard of it."""

    def __init__(self) -> None:
        self.has_ended = False
        self._has_reason = False
        self._open: dict[int, _Block] = {}
        self._calls = 0
        self._held = 0
        self._usage: dict[str, Any] = {}

    def event(self, data: bytes, name: str = "") -> list[Event]:
        """What one event says. ``name`` stands in for its ``type`` where that is missing."""
        value = read_reply_json(data)
        if not isinstance(value, dict):
            return self.broken("an event of its stream is no JSON object")
        match value.get("type", name):
            case "content_block_delta":
                return self._delta(value, len(data))
            case "content_block_start":
                return self._start(_index(value), json_text.mapping(value, "content_block"), len(data))
            case "content_block_stop":
                return self._stop(_index(value))
            case "message_start":
                return self.begin(json_text.mapping(value, "message"))
            case "message_delta":
                return self._message_delta(value)
            case "message_stop":
                return [*_members(value), *self.end()]
            case "error":
                return self.fail(data, value)
            case _:
                return self.fail(data, value) if is_error(value) else []

    # The message as a whole.

    def begin(self, message: Mapping[str, Any]) -> list[Event]:
        """The message's own members, as far as they are known at its beginning."""
        self._count(message)
        start = Start(json_text.text(message, "id"), json_text.text(message, "model"))
        return [start, *_members(message), *self._failed_by(message)]

    def _message_delta(self, value: Mapping[str, Any]) -> list[Event]:
        self._count(value)
        delta = json_text.mapping(value, "delta")
        self._has_reason = self._has_reason or bool(json_text.text(delta, "stop_reason"))
        return [*_members(delta), *_members(value), *self._failed_by(delta)]

    def _failed_by(self, holder: Mapping[str, Any]) -> list[Event]:
        """The failure of a message that ended by a word which says that no whole answer came about."""
        reason = json_text.text(holder, "stop_reason")
        if not is_failed(reason):
            return []
        return self.failed(Fail(broken_off("stop_reason", reason), reason, "", FAILED_STATUS))

    def end(self) -> list[Event]:
        """The message is complete."""
        self.has_ended = True
        events = [event for index in list(self._open) for event in self._stop(index)]
        usage, self._usage = self._usage, {}
        return [*events, *counted(usage)]

    def end_of_bytes(self) -> list[Event]:
        """The stream has no more events. The message is complete where it said why it ended, be it without its last
        event (relay/stream.py lets such a stream pass, too)."""
        return self.end() if self._has_reason else self.broken("its stream ended before its message did")

    def block(self, index: int, value: dict[str, Any], arguments: str = "") -> list[Event]:
        """A content block that is given whole; ``arguments`` is a call's input as it was written."""
        if value.get("type") == "text" and not value.get("citations"):
            text = json_text.text(value, "text")
            return [Text(text, 0, index)] if text else []
        events = self._start(index, value, 0)
        if arguments:
            self._open[index].input = arguments
        return [*events, *self._stop(index)]

    def fail(self, data: bytes, value: Mapping[str, Any]) -> list[Event]:
        """The provider says that the answer failed."""
        error = json_text.mapping(value, "error")
        kind = json_text.text(error, "type")
        message = json_text.text(error, "message") or json_text.text(value, "error") or WITHOUT_MESSAGE
        code = error.get("code")
        status = ERROR_STATUS.get(kind, code if isinstance(code, int) and 400 <= code < 600 else 0)
        return self.failed(Fail(message, kind, "", status, data))

    def broken(self, what: str) -> list[Event]:
        """The bytes show that the answer failed."""
        return self.failed(Fail(what, broken=True))

    def failed(self, fail: Fail) -> list[Event]:
        """The end for lack of more: what was counted so far, then why."""
        self.has_ended = True
        return [*self._tokens(), fail]

    # Its blocks.

    def _start(self, index: int, value: dict[str, Any], size: int) -> list[Event]:
        before = self._stop(index)
        block = self._open[index] = _Block(json_text.text(value, "type"), value, 0)
        match block.kind:
            case "text":
                text = json_text.text(value, "text")
                block.citations += json_text.mappings(value.get("citations"))
                events: list[Event] = [Text(text, 0, index)] if text else []
            case "thinking":
                text, signature = json_text.text(value, "thinking"), json_text.text(value, "signature")
                block.pieces += [signature] if signature else []
                events = [Thinking(text, "", "", Owner.ANTHROPIC, 0, index)] if text else []
            case "redacted_thinking":
                events = [Thinking("", "", json_text.text(value, "data"), Owner.ANTHROPIC, 0, index)]
            case "tool_use":
                block.call = self._calls
                self._calls += 1
                arguments = value.get("input")
                block.input = write_json(arguments).decode() if isinstance(arguments, dict) and arguments else ""
                events = [ToolStart(block.call, json_text.text(value, "name"), json_text.text(value, "id"))]
            case _:
                events = []
        return [*before, *events, *self._hold(block, size)]

    def _delta(self, value: Mapping[str, Any], size: int) -> list[Event]:
        delta, index = value.get("delta"), _index(value)
        if not isinstance(delta, dict):
            return []
        block = self._open.get(index)
        if block is not None and block.is_foreign:
            _grow(block, delta)
            return self._hold(block, size)
        match delta.get("type"):
            case "text_delta":
                text = delta.get("text")
                return [Text(text, 0, index)] if isinstance(text, str) and text else []
            case "thinking_delta":
                text = delta.get("thinking")
                return [Thinking(text, "", "", Owner.ANTHROPIC, 0, index)] if isinstance(text, str) and text else []
            case _ if block is None:
                return self.broken("it tells of a block that never began")
            case _:
                return self._add(block, index, delta, size)

    def _add(self, block: _Block, index: int, delta: dict[str, Any], size: int) -> list[Event]:
        """A piece of a block that isn't text; one of a kind that nobody knows is told as it is."""
        match delta.get("type"):
            case "input_json_delta" if block.call >= 0:
                block.input = ""
                text = json_text.text(delta, "partial_json")
                return [ToolArgs(text, block.call)] if text else []
            case "signature_delta":
                block.pieces.append(json_text.text(delta, "signature"))
            case "citations_delta":
                block.citations += json_text.mappings([delta.get("citation")])
            case kind:
                return [Foreign(delta, 0, index)] if isinstance(kind, str) else []
        return self._hold(block, size)

    def _hold(self, block: _Block, size: int) -> list[Event]:
        """Count what is kept until a block ends: a stream that never ends one can't fill the memory."""
        block.size += size
        self._held += size
        return self.broken(f"it holds open blocks of more than {MAX_FRAME >> 20} MiB") if self._held > MAX_FRAME else []

    def _stop(self, index: int) -> list[Event]:
        block = self._open.pop(index, None)
        if block is None:
            return []
        self._held -= block.size
        if block.is_foreign:
            return [Foreign(_whole(block), 0, index)] if block.value else []
        if block.call >= 0:
            return [ToolArgs(block.input, block.call)] if block.input else []
        signature = "".join(block.pieces)
        signed = [Thinking("", signature, "", Owner.ANTHROPIC, 0, index)] if signature else []
        return [*signed, *(_citation(raw, index) for raw in block.citations)]

    # Its counts.

    def _count(self, holder: Mapping[str, Any]) -> None:
        merged(self._usage, json_text.mapping(holder, "usage"))

    def _tokens(self) -> list[Event]:
        usage, self._usage = read_usage(self._usage), {}
        return [] if usage is None else [usage]


# Pieces.


def stop(reason: str) -> Stop:
    """Why the message ended."""
    return _STOPS.get(reason) or Stop(openai_reason(reason), reason)


_STOPS: Final = {
    reason: Stop(openai_reason(reason), reason)
    for reason in ("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal")
}


def is_failed(reason: str) -> bool:
    """Whether the reason for which a message ended says that no whole answer came about."""
    return reason not in _STOPS and is_failure(reason)


def counted(usage: dict[str, Any]) -> list[Event]:
    """What the usage of a whole message tells: the tier that served it, and the counts."""
    tier, counts = usage.get("service_tier"), read_usage(usage)
    events: list[Event] = [Extra("service_tier", tier)] if isinstance(tier, str) else []
    if counts is not None:
        events.append(counts)
    return events


def _members(holder: Mapping[str, Any]) -> list[Event]:
    """Why the message ended, and what OpenAI's dialect has no place for."""
    reason = json_text.text(holder, "stop_reason")
    events: list[Event] = [stop(reason)] if reason and not is_failed(reason) else []
    for name, value in holder.items():
        if value is not None and name not in _TOLD_OTHERWISE:
            events.append(Extra(name, value, 0 if name in _OF_CHOICE else None))
    return events


def _grow(block: _Block, delta: Mapping[str, Any]) -> None:
    """A piece of a block in Anthropic's own shape: text goes on where it stopped, everything else is set."""
    if delta.get("type") == "input_json_delta":
        block.pieces.append(json_text.text(delta, "partial_json"))
        return
    for name, piece in delta.items():
        if name != "type" and piece is not None:
            before = block.value.get(name)
            if isinstance(before, str) and isinstance(piece, str):
                block.texts.setdefault(name, [before]).append(piece)
            else:
                block.value[name] = piece
                block.texts.pop(name, None)


def _whole(block: _Block) -> dict[str, Any]:
    block.value |= {name: "".join(pieces) for name, pieces in block.texts.items()}
    text = "".join(block.pieces)
    if not text:
        return block.value
    try:
        return {**block.value, "input": read_json(text.encode("utf-8", "surrogatepass"))}
    except ValueError:  # cut off, when the answer reached its limit
        return {**block.value, "input": text}


def _citation(raw: dict[str, Any], index: int) -> Citation:
    title = json_text.text(raw, "title") or json_text.text(raw, "document_title")
    return Citation(raw, json_text.text(raw, "url"), title, block=index)


def _index(value: Mapping[str, Any]) -> int:
    index = value.get("index")
    return index if type(index) is int else 0


def is_error(value: Mapping[str, Any]) -> bool:
    """Whether a reply or an event tells an error: Anthropic's own, or that of a host or proxy of another wire."""
    return value.get("type") == "error" or (bool(value.get("error")) and isinstance(value["error"], dict | str))
