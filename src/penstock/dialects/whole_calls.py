"""Calls of tools for wires that tell each call at once, with all of its arguments: Gemini's and Ollama's.

Arguments come in pieces, and those of several calls in turn. A call is held back until its arguments are one whole JSON
object; what comes after it waits with it, so that the order stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from penstock.core.events import Citation, Fail, Foreign, Media, Refusal, Text, Thinking, ToolArgs, ToolStart
from penstock.dialects.call_arguments import BROKEN_ARGUMENTS, is_object
from penstock.dialects.json_scan import ObjectScan
from penstock.dialects.waiting_pieces import MOST_WAITING, size_of

Piece = Text | Refusal | Thinking | Media | Citation | Foreign


class WholeCall(msgspec.Struct, frozen=True):
    """A call with its arguments: the text of a JSON object, or nothing. ``index`` counts the calls of its choice."""

    index: int
    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    owner: str = ""


class _Held(msgspec.Struct):
    start: ToolStart
    pieces: list[str] = msgspec.field(default_factory=list)
    scan: ObjectScan = msgspec.field(default_factory=ObjectScan)
    is_taken: bool = False
    size: int = 0
    """What it takes of the memory for what waits."""

    def take(self) -> WholeCall:
        self.is_taken = True
        start = self.start
        return WholeCall(start.index, start.id, start.name, "".join(self.pieces), start.signature, start.owner)


class WholeCalls:
    """Puts the pieces of one choice in order. ``failed`` is set by a call that can't be told."""

    __slots__ = ("_calls", "_waiting", "_waiting_size", "failed", "has_calls")

    def __init__(self) -> None:
        self.failed: Fail | None = None
        self.has_calls = False
        self._calls: dict[int, _Held] = {}
        self._waiting: deque[Piece | _Held] = deque()
        self._waiting_size = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def take(self, event: Piece | ToolStart | ToolArgs) -> list[Piece | WholeCall]:
        """Take the next piece; what may be told now, possibly nothing."""
        match event:
            case ToolStart(index):
                self.has_calls = True
                held = self._calls[index] = _Held(event, size=size_of(event))
                self._waiting.append(held)
            case ToolArgs(index=index):
                self._add(event, self._calls.get(index))
            case _ if not self._waiting:
                return [event]
            case _:
                self._waiting.append(event)
        self._waiting_size += size_of(event)
        if self._waiting_size > MOST_WAITING:
            self.failed = Fail("it holds a call open while it says more than can be kept", broken=True)
        return list(self._ready())

    def finish(self, *, is_cut: bool) -> list[Piece | WholeCall]:
        """All that still waits. ``is_cut``: the limit of the answer ended it, perhaps in the middle of a call, which is
        then left out."""
        found: list[Piece | WholeCall] = []
        while self._waiting and self.failed is None:
            first = self._waiting.popleft()
            if not isinstance(first, _Held):
                found.append(first)
            elif is_object("".join(first.pieces)):
                found.append(first.take())
            elif not is_cut:
                self._break(first)
        return found

    def _add(self, piece: ToolArgs, held: _Held | None) -> None:
        if held is None or held.is_taken:
            if piece.json.strip():
                self.failed = Fail("it goes on with a call that had ended", broken=True)
            return
        held.size += size_of(piece)
        held.scan.feed(piece.json)
        held.pieces.append(piece.json)
        if held.scan.is_other:
            self._break(held)

    def _break(self, held: _Held) -> None:
        self.failed = Fail(BROKEN_ARGUMENTS.format(name=held.start.name), "api_error")

    def _ready(self) -> Iterator[Piece | WholeCall]:
        while self._waiting and self.failed is None:
            first = self._waiting[0]
            if not isinstance(first, _Held):
                self._waiting_size -= size_of(first)
                yield first
            elif not first.scan.is_whole:
                return
            elif not is_object("".join(first.pieces)):
                self._break(first)
                return
            else:
                self._waiting_size -= first.size
                yield first.take()
            self._waiting.popleft()
