"""Events as Cohere's stream, as they happen.

One content block is open at a time, and one call: of several that come in turn, a later one waits until the one before
it is whole. Sources are told at the end. What is said before a call can't be known to be its plan, so that it stays
text. Source: Cohere API reference, "Chat with Streaming".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.cohere.caller.members import call_id, citations_of, finish_reason, logprobs_of
from penstock.dialects.cohere.usage import write_usage
from penstock.dialects.json_scan import ObjectScan

KEEP_ALIVE: Final = b": keep-alive\n\n"
_MOST_WAITING: Final = 8 << 20
"""Characters that may wait for a call to be whole."""
_WEIGHT: Final = 64
"""What a piece that waits weighs beside its text."""


class _Call(msgspec.Struct):
    start: ToolStart
    pieces: list[str] = msgspec.field(default_factory=list)
    scan: ObjectScan = msgspec.field(default_factory=ObjectScan)
    is_ended: bool = False


class StreamWriter:
    """Writes one stream. ``failed`` is set by the event that ended it before its time, or by calls that come in turn
    and are never whole."""

    def __init__(self, caption: Caption) -> None:
        self.failed: Fail | None = None
        self._caption = caption
        self._start = Start()
        self._has_begun = False
        self._block: tuple[str, int] | None = None
        """The kind and number of the open content block, and …"""
        self._index = -1
        """… its index."""
        self._delta = b""
        """How a piece of its text begins."""
        self._texts: list[tuple[int, str]] = []
        self._citations: list[Citation] = []
        self._calls: dict[int, _Call] = {}
        self._waiting: deque[_Call] = deque()
        """Calls that are not told to their end; the first is open."""
        self._waits = 0
        self._stop: Stop | None = None
        self._reports: list[Usage] = []

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        written: list[bytes] = []
        for each in events:
            if self.failed is not None:
                break
            written += self._event(each)
        return b"".join(written)

    def finish(self) -> bytes:
        """The end of a stream that ended well."""
        parts = [*self._begin(), *self._close_block()]
        while self._waiting:
            parts += self._end_call()
        for number, citation in enumerate(citations_of(self._citations, self._texts)):
            parts += (_named("citation-start", {"citations": citation}, number), _event("citation-end", index=number))
        usage = write_usage(Usage.folded(self._reports))
        reason = finish_reason(self._stop, has_calls=bool(self._calls))
        ended = {"finish_reason": reason, **({"usage": usage} if usage else {})}
        return b"".join([*parts, _event("message-end", delta=ended)])

    def _event(self, each: Event) -> Iterator[bytes]:
        match each:
            case Start():
                self._start = each
            case Usage():
                self._reports.append(each)
            case Fail():
                self.failed = each
            case Extra() | Media() | Foreign():
                pass
            case _ if each.choice:
                pass
            case Stop():
                self._stop = each
            case Citation():
                self._citations.append(each)
            case Logprobs(content):
                yield from self._likely(content)
            case _:
                yield from self._begin()
                yield from self._content(each)

    def _begin(self) -> Iterator[bytes]:
        if not self._has_begun:
            self._has_begun = True
            empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
            yield _event("message-start", id=self._start.id or self._caption.seed, delta={"message": empty})

    def _content(self, each: Text | Refusal | Thinking | ToolStart | ToolArgs) -> Iterator[bytes]:
        match each:
            case Text(text, block=block):
                yield from self._say("text", block, text)
            case Refusal(text):
                yield from self._say("text", -1, text)
            case Thinking(text=text, block=block):
                yield from self._say("thinking", block, text)
            case ToolStart(index):
                yield from self._close_block()
                call = self._calls[index] = _Call(each)
                self._waiting.append(call)
                if len(self._waiting) == 1:
                    yield from self._told(call)
                yield from self._next_call()
            case ToolArgs(json, index):
                yield from self._arguments(json, self._calls.get(index))

    # Content blocks.

    def _say(self, kind: str, number: int, text: str) -> Iterator[bytes]:
        if not text:
            return
        if self._block != (kind, number):
            yield from self._close_block()
            self._block, self._index = (kind, number), self._index + 1
            yield _named("content-start", {"content": {"type": kind, kind: ""}}, self._index)
            head = f'event: content-delta\ndata: {{"type":"content-delta","index":{self._index},'
            self._delta = f'{head}"delta":{{"message":{{"content":{{"{kind}":'.encode()
        if kind == "text":
            self._texts.append((self._index, text))
        yield self._delta + write_json(text) + b"}}}}\n\n"

    def _close_block(self) -> Iterator[bytes]:
        if self._block is not None:
            self._block = None
            yield _event("content-end", index=self._index)

    def _likely(self, tokens: tuple[Mapping[str, Any], ...]) -> Iterator[bytes]:
        """Log probabilities, with a piece of the open block that says nothing; none can be told outside a block."""
        if self._block is not None and self._block[0] == "text":
            for logprobs in logprobs_of(tokens):
                delta = {"message": {"content": {"text": ""}}}
                yield _event("content-delta", index=self._index, delta=delta, logprobs=logprobs)

    # Calls.

    def _arguments(self, json: str, call: _Call | None) -> Iterator[bytes]:
        if call is None or not json:
            return
        if call.is_ended:
            if json.strip():
                self.failed = Fail("it goes on with a call that had ended", broken=True)
            return
        call.scan.feed(json)
        if self._waiting and self._waiting[0] is call:
            yield self._piece(call, json)
            yield from self._next_call()
            return
        call.pieces.append(json)
        self._waits += len(json) + _WEIGHT
        if self._waits > _MOST_WAITING:
            self.failed = Fail("it holds a call open while it says more than can be kept", broken=True)

    def _next_call(self) -> Iterator[bytes]:
        """End calls that are whole while others wait behind them."""
        while len(self._waiting) > 1 and self._waiting[0].scan.is_whole:
            yield from self._end_call()

    def _told(self, call: _Call) -> Iterator[bytes]:
        index = call.start.index
        function = {"name": call.start.name, "arguments": ""}
        made = {"id": call.start.id or call_id(self._caption.seed, index), "type": "function", "function": function}
        yield _named("tool-call-start", {"tool_calls": made}, index)
        pieces, call.pieces = call.pieces, []
        self._waits -= sum(len(piece) + _WEIGHT for piece in pieces)
        if pieces:
            yield self._piece(call, "".join(pieces))

    def _end_call(self) -> Iterator[bytes]:
        """End the open call, and begin the one behind it."""
        ended = self._waiting.popleft()
        ended.is_ended = True
        if not ended.scan.has_begun:
            yield self._piece(ended, "{}")
        yield _event("tool-call-end", index=ended.start.index)
        if self._waiting:
            yield from self._told(self._waiting[0])

    @staticmethod
    def _piece(call: _Call, json: str) -> bytes:
        return _named("tool-call-delta", {"tool_calls": {"function": {"arguments": json}}}, call.start.index)


def _named(kind: str, message: Mapping[str, Any], index: int) -> bytes:
    return _event(kind, index=index, delta={"message": message})


def _event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), write_json({"type": kind, **members}))
