"""Events as Gemini's stream, as they happen: each event of it is a whole response with what is new.

Function calls are told at once, with all of their arguments. The last response says why each candidate ended, and what
all of it cost: clients ask again for a stream without a reason. Nothing else marks the end. Source: Gemini API
reference, "models.streamGenerateContent".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from penstock.dialects.gemini.caller.members import (
    Part,
    PartWriter,
    Sources,
    about,
    content_of,
    finish_reason,
    response_id,
    tokens_of,
)
from penstock.dialects.gemini.usage import write_usage
from penstock.dialects.whole_calls import WholeCalls

KEEP_ALIVE: Final = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0}]}\n\n'
"""An event that says nothing. A comment would end the reading of Google's Python client."""

_Content = Text | Refusal | Thinking | Media | Citation | Foreign | ToolStart | ToolArgs


class _Candidate:
    """One candidate, while it is being told."""

    __slots__ = ("_calls", "index", "logprobs", "sources", "stop", "writer")

    def __init__(self, index: int, caption: Caption) -> None:
        self.index = index
        self.writer = PartWriter(caption)
        self.sources = Sources()
        self.logprobs: list[Logprobs] = []
        self.stop: Stop | None = None
        self._calls = WholeCalls()

    @property
    def failed(self) -> Fail | None:
        return self._calls.failed

    @property
    def says_text_at_once(self) -> bool:
        """Whether a piece of text is a response by itself, which is written without a further look."""
        return self._calls.is_idle and self.writer.is_plain

    def take(self, event: _Content) -> Iterator[Part]:
        """The parts that may be told now."""
        if isinstance(event, Text | Citation):
            self.sources.add(event)
        for piece in self._calls.take(event):
            yield from self.writer.write(piece)

    def end(self) -> Iterator[Part]:
        """The last parts."""
        for piece in self._calls.finish(is_cut=is_cut(self.stop)):
            yield from self.writer.write(piece)
        yield from self.writer.end()

    def response(self, parts: list[Part]) -> dict[str, Any]:
        return {"content": {"role": "model", "parts": parts}, "index": self.index}

    def ended(self, parts: list[Part]) -> dict[str, Any]:
        """What the last response says of it."""
        reason = finish_reason(self.stop)
        members = about(reason, self.sources, tokens_of(self.logprobs))
        return {"content": content_of(parts, reason), **members, "index": self.index}


class ResponseWriter:
    """Writes one stream. ``failed`` is set by the event that ended it before its time, or by a call that can't be
    told."""

    def __init__(self, caption: Caption) -> None:
        self.failed: Fail | None = None
        self._caption = caption
        self._start = Start()
        self._head = b""
        """How a response with a piece of the first candidate's text begins, and …"""
        self._tail = b""
        self._candidates: dict[int, _Candidate] = {}
        self._reports: list[Usage] = []

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes of some events, possibly none yet."""
        written: list[bytes] = []
        for each in events:
            if self.failed is not None:
                break
            if type(each) is Text and each.choice == 0 and each.text:
                first = self._candidates.get(0)
                if first is not None and first.says_text_at_once:
                    first.sources.add(each)
                    written.append(self._head + write_json(each.text) + self._tail)
                    continue
            written += self._event(each)
        return b"".join(written)

    def finish(self) -> bytes:
        """The end of a stream that ended well."""
        if not self._candidates:
            self._candidate(0)
        ended: list[dict[str, Any]] = []
        for candidate in self._candidates.values():
            ended.append(candidate.ended(list(candidate.end())))
            self.failed = self.failed or candidate.failed
        if self.failed is not None:
            return b""
        usage = write_usage(Usage.folded(self._reports))
        return _event({"candidates": ended, **({"usageMetadata": usage} if usage else {}), **self._names()})

    def _event(self, each: Event) -> Iterator[bytes]:
        match each:
            case Start():
                self._start = each
            case Usage():
                self._reports.append(each)
            case Fail():
                self.failed = each
            case Stop(choice=choice):
                self._candidate(choice).stop = each
            case Logprobs(choice=choice):
                self._candidate(choice).logprobs.append(each)
            case Extra():
                pass
            case _:
                yield from self._content(each)

    def _content(self, each: _Content) -> Iterator[bytes]:
        candidate = self._candidate(each.choice)
        parts = list(candidate.take(each))
        self.failed = self.failed or candidate.failed
        if parts and self.failed is None:
            yield _event({"candidates": [candidate.response(parts)], **self._names()})

    def _candidate(self, index: int) -> _Candidate:
        found = self._candidates.get(index)
        if found is None:
            found = self._candidates[index] = _Candidate(index, self._caption)
            if index == 0:
                self._head = b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":'
                self._tail = b'}]},"index":0}],' + write_json(self._names())[1:] + b"\n\n"
        return found

    def _names(self) -> dict[str, Any]:
        return {
            "modelVersion": self._start.model or self._caption.model,
            "responseId": response_id(self._caption, self._start.id),
        }


def _event(response: Mapping[str, Any]) -> bytes:
    return b"data: " + write_json(response) + b"\n\n"
