"""Events as Anthropic's stream, as they happen: one content block open at a time, numbered from 0 without a gap.

A provider may write several calls at once: what belongs to a later block waits, within bounds, until the open call is
whole. A signature comes last in its block, usage and stop reason last in the message. Source: Claude docs, "Streaming
messages".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import Owner
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
from penstock.dialects.anthropic.caller.json_scan import ObjectScan
from penstock.dialects.anthropic.caller.members import (
    BROKEN_ARGUMENTS,
    call_id,
    citation,
    is_cut,
    media_text,
    message_id,
    own_block,
    stop_reason,
)
from penstock.dialects.anthropic.usage import write_usage
from penstock.dialects.call_arguments import is_object
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
_MOST_WAITING: Final = 8 << 20
"""Characters that may wait for an open call to end."""
_REFUSAL: Final = -1
"""The number of the block in which a model declines: no provider's block has it."""

_Content = Text | Refusal | Thinking | Media | Citation | Foreign | ToolStart | ToolArgs


def event(kind: str, **members: Any) -> bytes:
    """One event of the stream."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), write_json({"type": kind, **members}))


class _Open(msgspec.Struct):
    """The content block that is open: its kind (``text``, ``thinking``, ``tool``), the provider's number of it."""

    kind: str
    number: int
    name: str = ""
    pieces: list[str] = msgspec.field(default_factory=list)
    """A call's arguments, or a thought's signature."""
    scan: ObjectScan = msgspec.field(default_factory=ObjectScan)
    owner: str = ""
    data: list[str] = msgspec.field(default_factory=list)
    """Pieces of a thought that only its maker can read."""
    hidden: list[str] = msgspec.field(default_factory=list)
    """The text of a thought that the caller doesn't want to see."""


class MessageWriter:
    """Writes one stream. ``failed`` is set by the event that ended it before its time, or by a call that can't be told.

    Only the first choice is written: the wire has one.
    """

    def __init__(self, caption: Caption) -> None:
        self.failed: Fail | None = None
        self._caption = caption
        self._sealer = Sealer(caption.model, Owner.ANTHROPIC)
        self._has_begun = False
        self._next = 0
        self._open: _Open | None = None
        self._text_head = b""
        """How a delta of the open text begins."""
        self._waiting: deque[_Content] = deque()
        self._arguments_of: dict[int, list[_Content]] = {}
        """The arguments that wait for the beginning of their call, by its index."""
        self._waits = 0
        self._has_calls = False
        self._is_refused = False
        self._reports: list[Usage] = []
        self._stop: Stop | None = None
        self._sequence: Any = None

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        written: list[bytes] = []
        for each in events:
            if self.failed is not None:
                break
            current = self._open
            if type(each) is Text and current is not None and current.kind == "text" and current.number == each.block:
                if each.choice == 0:
                    written.append(self._text_head + write_json(each.text) + b"}}\n\n")
                continue
            written += self._event(each)
        return b"".join(written)

    def finish(self) -> bytes:
        """The end of a stream that ended well; an error event where a call's arguments can't be told."""
        written = [*self._begin(Start())]
        while self._waiting and self.failed is None:
            written += [*self._close(), *self._drain()]
        written += self._close() if self.failed is None else ()
        if self.failed is not None:
            error = {"type": "api_error", "message": self.failed.message}
            return b"".join(written) + event("error", error=error)
        reason, sequence = stop_reason(
            self._stop, self._sequence, has_calls=self._has_calls, is_refused=self._is_refused
        )
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        written.append(event("message_delta", delta=delta, usage=write_usage(Usage.folded(self._reports))))
        return b"".join(written) + event("message_stop")

    # Event by event.

    def _event(self, each: Event) -> Iterable[bytes]:
        match each:
            case Start():
                return self._begin(each)
            case Usage():
                self._reports.append(each)
            case Fail():
                self.failed = each
            case Stop(choice=0):
                self._stop = each
            case Extra("stop_sequence", value, 0):
                self._sequence = value
            case Stop() | Extra() | Logprobs():
                pass
            case _ if each.choice == 0:
                return self._content(each)
        return ()

    def _begin(self, start: Start) -> Iterator[bytes]:
        if self._has_begun:
            return
        self._has_begun = True
        message: dict[str, Any] = {
            "id": message_id(self._caption.seed),
            "type": "message",
            "role": "assistant",
            "model": start.model or self._caption.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": write_usage(Usage.folded(self._reports)),
        }
        yield event("message_start", message=message)
        yield PING

    def _content(self, each: _Content) -> Iterator[bytes]:
        """A piece of the answer, now or later."""
        yield from self._begin(Start())
        if self._waiting or self._must_wait(each):
            yield from self._put_off(each)
        else:
            yield from self._said(each)

    def _must_wait(self, each: _Content) -> bool:
        """Whether a piece belongs to another block than the call that is open and not whole yet."""
        current = self._open
        if current is None or current.kind != "tool" or current.scan.is_whole:
            return False
        return not (isinstance(each, ToolArgs) and each.index == current.number)

    def _put_off(self, each: _Content) -> Iterator[bytes]:
        if self._must_wait(each) or not isinstance(each, ToolArgs):
            self._wait(each)
            if self._waits > _MOST_WAITING:
                self.failed = Fail("it holds a call open while it says more than can be kept", broken=True)
        else:
            yield from self._said(each)
        yield from self._drain()

    def _wait(self, each: _Content) -> None:
        """Keep a piece: arguments beside their call if that waits, anything else in its order."""
        self._waits += _size(each)
        if isinstance(each, ToolArgs) and each.index in self._arguments_of:
            self._arguments_of[each.index].append(each)
            return
        self._waiting.append(each)
        if isinstance(each, ToolStart):
            self._arguments_of.setdefault(each.index, [])

    def _drain(self) -> Iterator[bytes]:
        """What waited and needn't any more. With a call come its arguments from among all that waits."""
        while self._waiting and self.failed is None and not self._must_wait(self._waiting[0]):
            first = self._waiting.popleft()
            ready: list[_Content] = [first]
            if isinstance(first, ToolStart):
                ready += self._arguments_of.pop(first.index, ())
            for each in ready:
                self._waits -= _size(each)
                yield from self._said(each)

    def _said(self, each: _Content) -> Iterator[bytes]:
        match each:
            case Text(text, _, number):
                yield from self._text(text, number)
            case Refusal(text):
                self._is_refused = True
                yield from self._text(text, _REFUSAL)
            case Thinking():
                yield from self._thinking(each)
            case ToolStart():
                yield from self._tool(each)
            case ToolArgs():
                yield from self._arguments(each)
            case Media():
                yield from self._close()
                yield from self._text(media_text(each), each.block)
                yield from self._close()
            case Citation():
                yield from self._citation(each)
            case Foreign():
                yield from self._foreign(each)

    # Blocks.

    def _start(self, block: Mapping[str, Any], current: _Open | None) -> bytes:
        """The beginning of a block; ``current`` is None for one that is whole at once."""
        self._open = current
        started = event("content_block_start", index=self._next, content_block=block)
        self._next += 1
        return started

    def _delta(self, kind: str, **members: Any) -> bytes:
        return event("content_block_delta", index=self._next - 1, delta={"type": kind, **members})

    def _whole(self, block: Mapping[str, Any]) -> Iterator[bytes]:
        yield self._start(block, None)
        yield event("content_block_stop", index=self._next - 1)

    def _close(self) -> Iterator[bytes]:
        """End the block that is open. A call is whole by then, unless the limit of the answer cut it."""
        current, self._open = self._open, None
        if current is None:
            return
        if current.kind == "thinking":
            hidden = "".join(current.hidden)
            signature = self._sealer.thought(current.owner, "".join(current.pieces), "".join(current.data), hidden)
            if signature:
                yield self._delta("signature_delta", signature=signature)
        elif current.scan.has_begun and not current.scan.is_whole and not is_cut(self._stop):
            self.failed = Fail(BROKEN_ARGUMENTS.format(name=current.name), "api_error")
            return
        yield event("content_block_stop", index=self._next - 1)

    def _text(self, text: str, number: int) -> Iterator[bytes]:
        current = self._open
        if current is None or current.kind != "text" or current.number != number:
            yield from self._close()
            yield self._start({"type": "text", "text": ""}, _Open("text", number))
            self._text_head = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
                b'"delta":{"type":"text_delta","text":' % (self._next - 1)
            )
        if text:
            yield self._text_head + write_json(text) + b"}}\n\n"

    def _thinking(self, each: Thinking) -> Iterator[bytes]:
        if each.data and each.owner == Owner.ANTHROPIC:
            yield from self._close()
            yield from self._whole({"type": "redacted_thinking", "data": each.data})
            if not (each.text or each.signature):
                return
        current = self._open
        if current is None or current.kind != "thinking" or current.number != each.block:
            yield from self._close()
            current = _Open("thinking", each.block)
            yield self._start({"type": "thinking", "thinking": "", "signature": ""}, current)
        if each.text and self._caption.hides_thinking and each.owner != Owner.ANTHROPIC:
            current.hidden.append(each.text)
        elif each.text:
            yield self._delta("thinking_delta", thinking=each.text)
        current.owner = each.owner or current.owner
        current.pieces += [each.signature] if each.signature else []
        if each.data and each.owner != Owner.ANTHROPIC:
            current.data.append(each.data)

    def _tool(self, each: ToolStart) -> Iterator[bytes]:
        yield from self._close()
        if self.failed is not None:
            return
        self._has_calls = True
        if each.signature and each.owner != Owner.ANTHROPIC:
            sealed = self._sealer.call(each.owner, each.signature)
            if sealed:
                yield self._start({"type": "thinking", "thinking": "", "signature": ""}, None)
                yield self._delta("signature_delta", signature=sealed)
                yield event("content_block_stop", index=self._next - 1)
        named = {"id": each.id or call_id(self._caption.seed, each.index), "name": each.name}
        yield self._start({"type": "tool_use", **named, "input": {}}, _Open("tool", each.index, each.name))

    def _arguments(self, each: ToolArgs) -> Iterator[bytes]:
        current = self._open
        is_its = current is not None and current.kind == "tool" and current.number == each.index
        if current is None or not is_its:
            if each.json.strip():
                self.failed = Fail("it goes on with a call that had ended", broken=True)
            return
        was_whole = current.scan.is_whole
        current.scan.feed(each.json)
        current.pieces.append(each.json)
        is_news = current.scan.is_whole and not was_whole
        if current.scan.is_other or (is_news and not is_object("".join(current.pieces))):
            self.failed = Fail(BROKEN_ARGUMENTS.format(name=current.name), "api_error")
            return
        yield self._delta("input_json_delta", partial_json=each.json)

    def _citation(self, each: Citation) -> Iterator[bytes]:
        told = citation(each, self._sealer)
        if told is None:
            return
        if self._open is None or self._open.kind != "text":
            yield from self._text("", each.block)
        yield self._delta("citations_delta", citation=told)

    def _foreign(self, each: Foreign) -> Iterator[bytes]:
        own = own_block(each)
        if own is None:
            return
        yield from self._close()
        made = own.get("input")
        if not isinstance(made, dict) or not made:
            yield from self._whole(own)
            return
        yield self._start({**own, "input": {}}, None)
        yield self._delta("input_json_delta", partial_json=write_json(made).decode())
        yield event("content_block_stop", index=self._next - 1)


def _size(each: _Content) -> int:
    """How much of the memory a waiting piece takes, or so."""
    match each:
        case Text(text) | Refusal(text):
            return len(text) + 64
        case Thinking(text, signature, data):
            return len(text) + len(signature) + len(data) + 64
        case ToolArgs(json):
            return len(json) + 64
        case Media(_, data, url):
            return len(data) + len(url) + 64
        case _:
            return 1024
