"""Events as a stream of content blocks, one open at a time, numbered from 0 without a gap: what Anthropic's stream and
Converse's share.

A provider may write several calls at once: what belongs to a later block waits, within bounds, until the open call is
whole. A signature comes last in its block. How a block's beginning, its pieces and its end are written is the wire's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    is_cut,
)
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.call_arguments import BROKEN_ARGUMENTS, is_object
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer
from penstock.dialects.json_scan import ObjectScan
from penstock.dialects.waiting_pieces import MOST_WAITING, Content, size_of

_REFUSAL: Final = -1
"""The number of the block in which a model declines: no provider's block has it."""


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


class BlockStream(ABC):
    """Writes one stream. ``failed`` is set by the event that ended it before its time, or by a call that can't be told.

    Only the first choice is written: such wires have one. Claude's signatures are native to them, all others come in
    envelopes. ``number`` is the number of the block that was begun last.
    """

    def __init__(self, caption: Caption) -> None:
        self.failed: Fail | None = None
        self.caption = caption
        self.sealer = Sealer(caption.model, Owner.ANTHROPIC)
        self.number = -1
        self.has_calls = False
        self.is_refused = False
        self.reports: list[Usage] = []
        self.stop: Stop | None = None
        self.sequence: Any = None
        self._has_begun = False
        self._open: _Open | None = None
        self._around_text = (b"", b"")
        """What stands before and after the text in a piece of the open text block."""
        self._waiting: deque[Content] = deque()
        self._arguments_of: dict[int, list[Content]] = {}
        """The arguments that wait for the beginning of their call, by its index."""
        self._waiting_size = 0

    # How the wire writes it.

    @abstractmethod
    def first_event(self, start: Start) -> bytes:
        """The beginning of the stream."""

    @abstractmethod
    def last_events(self) -> bytes:
        """The end of a stream that ended well, after its last block."""

    @abstractmethod
    def text_start(self) -> bytes:
        """The beginning of a block of text."""

    @abstractmethod
    def around_text(self) -> tuple[bytes, bytes]:
        """What stands before and after the JSON of a text in a piece of the block that is open."""

    @abstractmethod
    def thought_start(self) -> bytes:
        """The beginning of a block of thought."""

    @abstractmethod
    def thought(self, text: str) -> bytes:
        """A piece of a thought's text."""

    @abstractmethod
    def signature(self, value: str) -> bytes:
        """What must come back unread with a thought."""

    @abstractmethod
    def redacted(self, data: str) -> bytes:
        """Beginning and end of a thought that only Claude can read, the block with ``number``."""

    @abstractmethod
    def call_start(self, call_id: str, name: str) -> bytes:
        """The beginning of a call."""

    @abstractmethod
    def arguments(self, piece: str) -> bytes:
        """A piece of a call's arguments."""

    @abstractmethod
    def block_stop(self) -> bytes:
        """The end of the block that is open."""

    @abstractmethod
    def source(self, citation: Citation) -> Mapping[str, Any] | None:
        """A source of the text as the wire tells it; None where it can't be told."""

    @abstractmethod
    def source_piece(self, source: Mapping[str, Any]) -> bytes:
        """A piece of the open text that tells a source."""

    @abstractmethod
    def media(self, media: Media) -> Iterable[bytes]:
        """A whole block for an image, a sound or a file; ``text`` writes one."""

    @abstractmethod
    def own_block(self, foreign: Foreign) -> Mapping[str, Any] | None:
        """A block of the wire's own maker; None for others'."""

    @abstractmethod
    def whole_block(self, block: Mapping[str, Any]) -> bytes:
        """Beginning and end of such a block, the one with ``number``."""

    # What the rest of the house calls.

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        written: list[bytes] = []
        for each in events:
            if self.failed is not None:
                break
            current = self._open
            if type(each) is Text and current is not None and current.kind == "text" and current.number == each.block:
                if each.choice == 0:
                    before, after = self._around_text
                    written.append(before + write_json(each.text) + after)
                continue
            written += self._event(each)
        return b"".join(written)

    def repeat(self, texts: Sequence[bytes]) -> bytes | None:
        """As ``write``, for more text of the block that is open, each piece as JSON without its marks; None, and
        nothing done, where no text is open."""
        if self._open is None or self._open.kind != "text":
            return None
        before, after = self._around_text
        return before + b'"' + (b'"' + after + before + b'"').join(texts) + b'"' + after

    def finish(self) -> bytes:
        """The end of a stream that ended well; ``failed`` is set where a call's arguments can't be told."""
        written = [*self._begin(Start())]
        while self._waiting and self.failed is None:
            written += [*self.close(), *self._drain()]
        written += self.close() if self.failed is None else ()
        return b"".join(written) + (self.last_events() if self.failed is None else b"")

    # Event by event.

    def _event(self, each: Event) -> Iterable[bytes]:
        match each:
            case Start():
                return self._begin(each)
            case Usage():
                self.reports.append(each)
            case Fail():
                self.failed = each
            case Stop(choice=0):
                self.stop = each
            case Extra("stop_sequence", value, 0):
                self.sequence = value
            case Stop() | Extra() | Logprobs():
                pass
            case _ if each.choice == 0:
                return self._content(each)
        return ()

    def _begin(self, start: Start) -> Iterator[bytes]:
        if not self._has_begun:
            self._has_begun = True
            yield self.first_event(start)

    def _content(self, each: Content) -> Iterator[bytes]:
        """A piece of the answer, now or later."""
        yield from self._begin(Start())
        if self._waiting or self._must_wait(each):
            yield from self._put_off(each)
        else:
            yield from self._write_now(each)

    def _must_wait(self, each: Content) -> bool:
        """Whether a piece belongs to another block than the call that is open and not whole yet."""
        current = self._open
        if current is None or current.kind != "tool" or current.scan.is_whole:
            return False
        return not (isinstance(each, ToolArgs) and each.index == current.number)

    def _put_off(self, each: Content) -> Iterator[bytes]:
        if self._must_wait(each) or not isinstance(each, ToolArgs):
            self._wait(each)
            if self._waiting_size > MOST_WAITING:
                self.failed = Fail("it holds a call open while it says more than can be kept", broken=True)
        else:
            yield from self._write_now(each)
        yield from self._drain()

    def _wait(self, each: Content) -> None:
        """Keep a piece: arguments beside their call if that waits, anything else in its order."""
        self._waiting_size += size_of(each)
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
            ready: list[Content] = [first]
            if isinstance(first, ToolStart):
                ready += self._arguments_of.pop(first.index, ())
            for each in ready:
                self._waiting_size -= size_of(each)
                yield from self._write_now(each)

    def _write_now(self, each: Content) -> Iterator[bytes]:
        match each:
            case Text(text, _, number):
                yield from self.text(text, number)
            case Refusal(text):
                self.is_refused = True
                yield from self.text(text, _REFUSAL)
            case Thinking():
                yield from self._thinking(each)
            case ToolStart():
                yield from self._tool(each)
            case ToolArgs():
                yield from self._arguments(each)
            case Media():
                yield from self.close()
                yield from self.media(each)
                yield from self.close()
            case Citation():
                yield from self._citation(each)
            case Foreign():
                yield from self._foreign(each)

    # Blocks.

    def close(self) -> Iterator[bytes]:
        """End the block that is open. A call is whole by then, unless the limit of the answer cut it."""
        current, self._open = self._open, None
        if current is None:
            return
        if current.kind == "thinking":
            hidden = "".join(current.hidden)
            signature = self.sealer.thought(current.owner, "".join(current.pieces), "".join(current.data), hidden)
            if signature:
                yield self.signature(signature)
        elif current.scan.has_begun and not current.scan.is_whole and not is_cut(self.stop):
            self.failed = Fail(BROKEN_ARGUMENTS.format(name=current.name), "api_error")
            return
        yield self.block_stop()

    def text(self, text: str, number: int) -> Iterator[bytes]:
        """Text, in the open block if that has this number."""
        current = self._open
        if current is None or current.kind != "text" or current.number != number:
            yield from self.close()
            self.number += 1
            self._open = _Open("text", number)
            yield self.text_start()
            self._around_text = self.around_text()
        if text:
            before, after = self._around_text
            yield before + write_json(text) + after

    def _thinking(self, each: Thinking) -> Iterator[bytes]:
        if each.data and each.owner == Owner.ANTHROPIC:
            yield from self.close()
            self.number += 1
            yield self.redacted(each.data)
            if not (each.text or each.signature):
                return
        current = self._open
        if current is None or current.kind != "thinking" or current.number != each.block:
            yield from self.close()
            current = self._open = _Open("thinking", each.block)
            self.number += 1
            yield self.thought_start()
        if each.text and self.caption.hides_thinking and each.owner != Owner.ANTHROPIC:
            current.hidden.append(each.text)
        elif each.text:
            yield self.thought(each.text)
        current.owner = each.owner or current.owner
        current.pieces += [each.signature] if each.signature else []
        if each.data and each.owner != Owner.ANTHROPIC:
            current.data.append(each.data)

    def _tool(self, each: ToolStart) -> Iterator[bytes]:
        yield from self.close()
        if self.failed is not None:
            return
        self.has_calls = True
        if each.signature and each.owner != Owner.ANTHROPIC:
            sealed = self.sealer.call(each.owner, each.signature)
            if sealed:
                self.number += 1
                yield self.thought_start() + self.signature(sealed) + self.block_stop()
        self.number += 1
        self._open = _Open("tool", each.index, each.name)
        yield self.call_start(each.id or self.call_id(each.index), each.name)

    @abstractmethod
    def call_id(self, index: int) -> str:
        """An id for a call whose provider has none."""

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
        became_whole = current.scan.is_whole and not was_whole
        if current.scan.is_other or (became_whole and not is_object("".join(current.pieces))):
            self.failed = Fail(BROKEN_ARGUMENTS.format(name=current.name), "api_error")
            return
        yield self.arguments(each.json)

    def _citation(self, each: Citation) -> Iterator[bytes]:
        source = self.source(each)
        if source is None:
            return
        if self._open is None or self._open.kind != "text":
            yield from self.text("", each.block)
        yield self.source_piece(source)

    def _foreign(self, each: Foreign) -> Iterator[bytes]:
        own = self.own_block(each)
        if own is not None:
            yield from self.close()
            self.number += 1
            yield self.whole_block(own)
