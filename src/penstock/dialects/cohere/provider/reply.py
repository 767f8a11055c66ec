"""Cohere's reply, whole or as server-sent events, as the house's events.

A whole reply is read by the same steps as a stream, so the two can't drift. Content blocks and the tool plan (prose
before tool calls) are numbered as they first appear. Source: Cohere API reference, "Chat with Streaming".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.finish_reasons import broken_off, is_failure, openai_reason
from penstock.core.json_text import read_reply_json
from penstock.core.vendor_error import WITHOUT_MESSAGE, read_vendor_error
from penstock.dialects.cohere.usage import is_number, number, read_usage
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter

_PLAN: Final = -1
"""Where the tool plan stands among the content blocks, which Cohere counts from 0."""
_BLOCK_TYPES: Final = frozenset({"", "text", "thinking"})
_BLOCK_MEMBERS: Final = _BLOCK_TYPES | {"type"}


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reply = read_reply_json(data)
    if not isinstance(reply, dict):
        return [Fail("The provider's reply is no JSON object.", raw=data, broken=True)]
    message = reply.get("message")
    if isinstance(message, str) or _is_others(reply):
        return [_told(reply, data)]
    if not isinstance(message, dict):
        return [Fail("The provider's reply holds no message.", raw=data, broken=True)]
    return [*_start(reply), *_Answer().whole(message), *_logprobs(reply.get("logprobs")), *_end(reply, data)]


class StreamReader:
    """Reads one stream. What follows its last event (``[DONE]``) is passed over."""

    def __init__(self, _context: WriteContext) -> None:
        self._splitter = EventSplitter()
        self._answer = _Answer()
        self._has_ended = False

    def feed(self, data: bytes) -> list[Event]:
        if self._has_ended:
            return []
        try:
            return self._read(self._splitter.feed(data))
        except FrameError as error:
            return self._broken(f"The provider's stream can't be read: {error}.")

    def finish(self) -> list[Event]:
        found = [] if self._has_ended else self._read(self._splitter.finish())
        if self._has_ended:
            return found
        return [*found, *self._broken("The provider's stream ended before its answer did.")]

    def _read(self, events: Iterable[tuple[bytes, bytes]]) -> list[Event]:
        found: list[Event] = []
        for name, data in events:
            if not data or data == sse.DONE:
                continue
            found += self._event(name, data)
            if self._has_ended:
                break
        return found

    def _event(self, name: bytes, data: bytes) -> list[Event]:
        """One event. Its type stands in its data as well; one that isn't known is kept as it is."""
        event = read_reply_json(data)
        if not isinstance(event, dict):
            return self._broken("The provider's stream holds an event that is no JSON object.", data)
        kind = json_text.text(event, "type") or name.decode("latin-1")
        read = _EVENTS.get(kind)
        if read is not None:
            found = read(self._answer, event)
        elif kind == "message-start":
            found = _start(event)
        elif kind == "message-end":
            found = [*_end({**event, **json_text.mapping(event, "delta")}, data)]
            self._has_ended = True
        elif isinstance(event.get("message"), str) or _is_others(event):
            found = [_told(event, data)]
        else:
            found = [Extra(kind, event)] if kind else []
        if found and isinstance(found[-1], Fail):
            self._has_ended = True
        return found

    def _broken(self, message: str, raw: bytes = b"") -> list[Event]:
        self._has_ended = True
        return [Fail(message, raw=raw, broken=True)]


class _Answer:
    """What is known of the answer so far: the numbers of its blocks, and where each began in its text."""

    __slots__ = ("_blocks", "_calls", "_length", "_starts")

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}
        """Our number of a block by Cohere's."""
        self._starts: dict[int, int] = {}
        """The characters of text before a text block, by Cohere's number."""
        self._length = 0
        self._calls: dict[int, int] = {}
        """Our number of a tool call by Cohere's."""

    def whole(self, message: Mapping[str, Any]) -> Iterable[Event]:
        """A message that isn't streamed."""
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for index, block in enumerate(_objects(content)):
            yield from self._content(block, index)
        yield from self._text(json_text.text(message, "tool_plan"), _PLAN)
        for index, call in enumerate(_objects(message.get("tool_calls"))):
            yield from self._call(call, index)
        yield from self._citations(message)

    # Events of a stream.

    def content(self, event: Mapping[str, Any]) -> list[Event]:
        block = json_text.mapping(_message(event), "content")
        found = self._content(block, number(event, "index") or 0)
        logprobs = event.get("logprobs")
        return [*found, *_logprobs(logprobs)] if logprobs else found

    def plan(self, event: Mapping[str, Any]) -> list[Event]:
        return self._text(json_text.text(_message(event), "tool_plan"), _PLAN)

    def call(self, event: Mapping[str, Any]) -> list[Event]:
        index = number(event, "index")
        calls = _objects(_message(event).get("tool_calls"))
        return self._call(calls[0] if calls else {}, len(self._calls) if index is None else index)

    def arguments(self, event: Mapping[str, Any]) -> list[Event]:
        index = number(event, "index")
        call = self._calls.get(index) if index is not None else len(self._calls) - 1
        if call is None or call < 0:
            return [Fail("The provider's stream holds arguments of a tool call that never began.", broken=True)]
        calls = _objects(_message(event).get("tool_calls"))
        return _arguments(calls[0] if calls else {}, call)

    def citation(self, event: Mapping[str, Any]) -> list[Event]:
        return self._citations(_message(event))

    def ending(self, _event: Mapping[str, Any]) -> list[Event]:
        """The end of a part says nothing that its beginning and the next part don't."""
        return []

    # Pieces of both.

    def _content(self, block: Mapping[str, Any], index: int) -> list[Event]:
        """A content block, or a piece of one, which has no type."""
        text = block.get("text")
        if text and isinstance(text, str):
            return self._text(text, index)
        thinking = json_text.text(block, "thinking")
        if thinking:
            return [Thinking(thinking, block=self._block(index))]
        if block.keys() <= _BLOCK_MEMBERS and json_text.text(block, "type") in _BLOCK_TYPES:
            return []
        return [Foreign(block, block=self._block(index))]

    def _text(self, text: str, index: int) -> list[Event]:
        if not text:
            return []
        self._starts.setdefault(index, self._length)
        self._length += len(text)
        return [Text(text, block=self._block(index))]

    def _block(self, index: int) -> int:
        return self._blocks.setdefault(index, len(self._blocks))

    def _call(self, call: Mapping[str, Any], index: int) -> list[Event]:
        number = self._calls[index] = len(self._calls)
        start = ToolStart(
            number, json_text.text(json_text.mapping(call, "function"), "name"), json_text.text(call, "id")
        )
        return [start, *_arguments(call, number)]

    def _citations(self, message: Mapping[str, Any]) -> list[Event]:
        return [
            self._citation(each, source)
            for citation in _objects(message.get("citations"))
            for each, source in _by_source(citation)
        ]

    def _citation(self, citation: Mapping[str, Any], source: Mapping[str, Any]) -> Citation:
        """``source`` is what the citation is of. Offsets count characters of one block's text; a citation of thinking
        has none in the choice's text."""
        kind, index = citation.get("type"), number(citation, "content_index")
        if kind == "PLAN":
            index = _PLAN
        elif index is None:  # models that don't think: there is one text block
            index = next((index for index in self._starts if index != _PLAN), 0)
        base = None if kind == "THINKING_CONTENT" else self._starts.get(index)
        start, end = number(citation, "start"), number(citation, "end")
        return Citation(
            citation,
            json_text.text(source, "url"),
            json_text.text(source, "title"),
            None if base is None or start is None else base + start,
            None if base is None or end is None else base + end,
            block=self._blocks.get(index, 0),
        )


_EVENTS: Final[Mapping[str, Callable[[_Answer, Mapping[str, Any]], list[Event]]]] = {
    "content-start": _Answer.content,
    "content-delta": _Answer.content,
    "content-end": _Answer.ending,
    "tool-plan-delta": _Answer.plan,
    "tool-call-start": _Answer.call,
    "tool-call-delta": _Answer.arguments,
    "tool-call-end": _Answer.ending,
    "citation-start": _Answer.citation,
    "citation-end": _Answer.ending,
}


def _start(event: Mapping[str, Any]) -> list[Event]:
    found = json_text.text(event, "id")
    return [Start(found)] if found else []


def _arguments(call: Mapping[str, Any], number: int) -> list[Event]:
    text = json_text.text(json_text.mapping(call, "function"), "arguments")
    return [ToolArgs(text, number)] if text else []


def _by_source(citation: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The citation, and the source that has an address: a document or a tool's output, both in the caller's own words.
    One of several addresses is a citation of each, the first with all sources that have none: other wires cite one
    source at a time."""
    others, addressed = [], dict[str, tuple[Mapping[str, Any], dict[str, Any]]]()
    for source in _objects(citation.get("sources")):
        held = json_text.mapping(source, "document") or json_text.mapping(source, "tool_output")
        url = json_text.text(held, "url")
        if url and url not in addressed:
            addressed[url] = (source, held)
        else:
            others.append(source)
    if len(addressed) <= 1:
        return [(citation, next((held for _, held in addressed.values()), {}))]
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for source, held in addressed.values():
        found.append(({**citation, "sources": [source, *([] if found else others)]}, held))
    return found


def _logprobs(items: Any) -> list[Event]:
    """An item is a piece of text, maybe of several tokens: their log probabilities add up to that of the piece."""
    content: list[Mapping[str, Any]] = []
    for item in _objects(items):
        each = item.get("logprobs")
        numbers = [value for value in each if is_number(value)] if isinstance(each, list) else []
        if numbers:
            content.append(
                {"token": json_text.text(item, "text"), "logprob": sum(numbers), "bytes": None, "top_logprobs": []}
            )
    return [Logprobs(tuple(content))] if content else []


def _end(event: Mapping[str, Any], raw: bytes) -> Iterable[Event]:
    """Usage, then why the answer ended."""
    usage = json_text.mapping(event, "usage")
    if usage:
        yield read_usage(usage)
    native, error = json_text.text(event, "finish_reason"), json_text.text(event, "error")
    if error or is_failure(native):
        yield Fail(error or broken_off("finish_reason", native), type=native, raw=raw)
    elif native:
        yield Stop(openai_reason(native), native)


def _told(error: Mapping[str, Any], raw: bytes) -> Fail:
    """An error in Cohere's shape, which has no ``error`` member: ``{id, message, error_type}``."""
    if _is_others(error):
        other = read_vendor_error(error)
        return Fail(other.message or WITHOUT_MESSAGE, other.type or "", other.code or "", raw=raw)
    return Fail(json_text.text(error, "message"), type=json_text.text(error, "error_type"), raw=raw)


def _is_others(value: Mapping[str, Any]) -> bool:
    """Whether an object is an error of a host or proxy that has another wire's."""
    error = value.get("error")
    return "message" not in value and bool(error) and isinstance(error, dict | str)


def _message(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return json_text.mapping(json_text.mapping(event, "delta"), "message")


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; in streams one stands without a list around it."""
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
