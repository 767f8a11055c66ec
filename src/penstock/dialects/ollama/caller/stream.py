"""Events as Ollama's stream, as they happen: each event of it is a line with what is new.

Calls are told at once, with all of their arguments. The last line says that all is done, why, and what it cost: without
it a client knows that the answer is cut. Inside the gateway a line is the data of a server-sent event
(dialects/ollama/lines.py). Source: Ollama API documentation, "Streaming".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

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
from penstock.dialects.caller import Caption
from penstock.dialects.ollama.caller.members import Members, ReplyForm, created_at, ending, logprobs_of, piece_of
from penstock.dialects.whole_calls import Piece, WholeCall, WholeCalls

KEEP_ALIVE: Final = b":\n\n"
"""A comment, which is no line of the stream: an empty line would end the reading of Ollama's clients."""
_EVENT: Final = b"data: "
_END: Final = b"\n\n"
_Content = Text | Refusal | Thinking | Media | Citation | Foreign | ToolStart | ToolArgs


class LineWriter:
    """Writes one stream. ``failed`` is set by the event that ended it before its time, or by a call that can't be
    told."""

    def __init__(self, form: ReplyForm, caption: Caption) -> None:
        self.failed: Fail | None = None
        self._form = form
        self._caption = caption
        self._start = Start()
        self._head = b""
        self._calls = WholeCalls()
        self._stop: Stop | None = None
        self._reports: list[Usage] = []
        self._began: int | None = None

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
        last = b"".join(self._pieces(self._calls.finish(is_cut=is_cut(self._stop))))
        self.failed = self.failed or self._calls.failed
        if self.failed is not None:
            return b""
        now = self._caption.elapsed()
        began = now if self._began is None else self._began
        members = ending(self._stop, Usage.folded(self._reports), began, now)
        return last + self._line({**self._form.said({"content": ""}), **members})

    def _event(self, each: Event) -> Iterator[bytes]:
        match each:
            case Start():
                self._start, self._head = each, b""
            case Usage():
                self._reports.append(each)
            case Fail():
                self.failed = each
            case Extra():
                pass
            case _ if each.choice:
                pass
            case Stop():
                self._stop = each
            case Logprobs():
                logprobs = logprobs_of([each])
                if logprobs:
                    yield self._line({**self._form.said({"content": ""}), "done": False, **logprobs})
            case _:
                yield from self._content(each)

    def _content(self, each: _Content) -> Iterator[bytes]:
        if self._began is None:
            self._began = self._caption.elapsed()
        yield from self._pieces(self._calls.take(each))
        self.failed = self.failed or self._calls.failed

    def _pieces(self, pieces: Iterable[Piece | WholeCall]) -> Iterator[bytes]:
        for piece in pieces:
            members = {} if self._caption.hides_thinking and isinstance(piece, Thinking) else piece_of(piece)
            if members and (self._form.tells_calls or "tool_calls" not in members):
                yield self._line({**self._form.said({"content": "", **members}), "done": False})

    def _line(self, members: Members) -> bytes:
        if not self._head:
            named: dict[str, Any] = {
                "model": self._start.model or self._caption.model,
                "created_at": created_at(self._start.created or self._caption.created),
            }
            self._head = _EVENT + write_json(named)[:-1] + b","
        return self._head + write_json(members)[1:] + _END
