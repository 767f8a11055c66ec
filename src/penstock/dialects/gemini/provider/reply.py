"""Gemini's reply as the house's events: a response that is whole, or a stream of responses, each a piece.

The stream has no end mark: it is complete when the last that every candidate said is why it ended. Counts are running
totals on every piece, so that the last account holds, once all has been said. What a candidate says is read in
candidate.py. Source: Gemini API reference, "GenerateContentResponse", "UsageMetadata".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.events import Event, Extra, Fail, Start
from penstock.core.finish_reasons import FAILED_STATUS
from penstock.core.json_text import UNREADABLE, read_json_or_none, with_null_numbers
from penstock.core.rfc3339 import unix_seconds
from penstock.core.usage import Usage
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.gemini.provider.candidate import Candidate
from penstock.dialects.gemini.usage import COUNTED, read_usage

_TOLD_OTHERWISE: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime", "error"})


class StreamReader:
    """Reads one stream."""

    def __init__(self, _context: WriteContext) -> None:
        self._splitter = EventSplitter()
        self._reply = _Reply()

    def feed(self, data: bytes) -> list[Event]:
        if self._reply.has_ended:
            return []
        try:
            return self._read(self._splitter.feed(data))
        except FrameError as error:
            return self._reply.broken(f"its stream can't be read: {error}")

    def finish(self) -> list[Event]:
        found = [] if self._reply.has_ended else self._read(self._splitter.finish())
        return [*found, *self._reply.end()]

    def _read(self, events: Iterable[tuple[bytes, bytes]]) -> list[Event]:
        found: list[Event] = []
        for _, data in events:
            if not data or data == sse.DONE:
                continue
            found += self._reply.read(data)
            if self._reply.has_ended:
                break
        return found


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a reply that came whole: one response, or a list of a stream's."""
    reply = _Reply()
    found = reply.read(data)
    return [*found, *reply.end(is_whole=True)]


class _Reply:
    """One reply, from its pieces. ``has_ended``: nothing more is to be heard of it."""

    def __init__(self) -> None:
        self.has_ended = False
        self._has_begun = False
        self._candidates: dict[int, Candidate] = {}
        self._usage: dict[str, Any] = {}
        self._extras: dict[str, Any] = {}

    def read(self, data: bytes) -> list[Event]:
        """What one piece says, or a list of them."""
        value = read_json_or_none(data)
        if value is None:
            data = with_null_numbers(data)
            value = read_json_or_none(data)
        if type(value) is dict:
            return self._response(value, data, data)
        if not isinstance(value, list):
            return self.broken("a piece of its reply is no JSON object")
        found: list[Event] = []
        written = _responses(data, len(value))
        for response, own in zip(value, written, strict=True):
            if not isinstance(response, dict):
                return [*found, *self.broken("a piece of its reply is no JSON object")]
            found += self._response(response, own, own or data)
            if self.has_ended:
                break
        return found

    def _response(self, value: Mapping[str, Any], written: bytes, raw: bytes) -> list[Event]:
        """One response. ``written`` are its bytes, as far as they can be told."""
        usage = value.get("usageMetadata")
        if isinstance(usage, dict):
            self._count(usage)
        error = value.get("error")
        if isinstance(error, str) and error:
            error = {"message": error}
        if isinstance(error, dict):
            return self._fail(error, raw)
        found: list[Event] = [] if self._has_begun else self._begin(value)
        candidates = value.get("candidates")
        if isinstance(candidates, list):
            arguments = _arguments(written) if b'"functionCall"' in written else []
            for position, candidate in enumerate(candidates):
                if isinstance(candidate, dict):
                    own = arguments[position] if position < len(arguments) else []
                    found += self._candidate(candidate, position).read(candidate, own)
        for name in value.keys() - _TOLD_OTHERWISE:
            if value[name] not in (None, {}, [], ""):
                self._extras[name] = value[name]
        return found

    def _begin(self, value: Mapping[str, Any]) -> list[Event]:
        """What the first piece says of the whole reply."""
        self._has_begun = True
        start = Start(
            json_text.text(value, "responseId"),
            json_text.text(value, "modelVersion"),
            unix_seconds(json_text.text(value, "createTime")),
        )
        return [] if start == Start() else [start]

    def _candidate(self, value: Mapping[str, Any], position: int) -> Candidate:
        """The candidate of that index, new if need be. An index of 0 may be left out."""
        index = value.get("index")
        index = index if type(index) is int and index >= 0 else position
        found = self._candidates.get(index)
        if found is None:
            found = self._candidates[index] = Candidate(index)
        return found

    # Its end.

    def end(self, *, is_whole: bool = False) -> Iterable[Event]:
        """The bytes have ended. ``is_whole``: they show that nothing is missing."""
        if self.has_ended:
            return
        feedback = self._extras.get("promptFeedback")
        blocked = json_text.text(feedback, "blockReason") if isinstance(feedback, dict) else ""
        if blocked and not self._candidates:
            self._candidates[0] = Candidate(0, blocked)
        if all(candidate.is_silent for candidate in self._candidates.values()):
            yield from self.broken("its reply holds no answer")
            return
        if not is_whole and not all(candidate.has_ended for candidate in self._candidates.values()):
            yield from self.broken("its stream ended before its answer did")
            return
        for candidate in self._candidates.values():
            if candidate.failed_by:
                yield from self._failed(_gave_up(candidate))
                return
        self.has_ended = True
        for candidate in self._candidates.values():
            yield from candidate.end()
        for name in sorted(self._extras):
            yield Extra(name, self._extras[name])
        yield from self._tokens()

    def broken(self, what: str) -> list[Event]:
        """The bytes show that the answer failed."""
        return self._failed(Fail(what, broken=True))

    def _fail(self, error: Mapping[str, Any], raw: bytes) -> list[Event]:
        """Google says that the answer failed."""
        message = json_text.text(error, "message") or "the provider tells of an error without a message"
        code = error.get("code")
        status = code if type(code) is int and 400 <= code < 600 else 0
        return self._failed(Fail(message, json_text.text(error, "status"), str(code) if status else "", status, raw))

    def _failed(self, fail: Fail) -> list[Event]:
        """The end for lack of more: what was counted so far, then why."""
        self.has_ended = True
        return [*self._tokens(), fail]

    # Its counts.

    def _count(self, usage: dict[str, Any]) -> None:
        """Keep the last account. One without counts adds what else it says (Vertex's kind of traffic)."""
        if COUNTED.isdisjoint(usage):
            self._usage.update(usage)
        else:
            self._usage = usage

    def _tokens(self) -> Iterable[Usage]:
        """The counts, of which Google leaves out zeros. Its total is the sum of its parts."""
        usage, self._usage = self._usage, {}
        if not usage:
            return
        yield read_usage(usage)


def _gave_up(candidate: Candidate) -> Fail:
    """A candidate that ended without an answer, because the model wrote a call of a tool that can't be read."""
    message = candidate.explanation or f"the model gave up ({candidate.failed_by})"
    return Fail(message, candidate.failed_by, candidate.failed_by, FAILED_STATUS)


# The bytes of function calls' arguments, whose numbers pass as the model wrote them.


class _Call(msgspec.Struct, frozen=True):
    args: msgspec.Raw = msgspec.Raw(b"")


class _Part(msgspec.Struct, frozen=True):
    functionCall: _Call | None = None  # noqa: N815


class _Content(msgspec.Struct, frozen=True):
    parts: tuple[_Part, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    content: _Content = _Content()


class _Response(msgspec.Struct, frozen=True):
    candidates: tuple[_Candidate, ...] = ()


_RESPONSE: Final = msgspec.json.Decoder(_Response)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _arguments(data: bytes) -> list[list[str]]:
    """The arguments of every candidate's calls, in order; empty where they can't be told."""
    try:
        return [
            [_compact(part.functionCall.args) for part in candidate.content.parts if part.functionCall is not None]
            for candidate in _RESPONSE.decode(data).candidates
        ]
    except UNREADABLE:
        return []


def _compact(args: msgspec.Raw) -> str:
    """JSON without the white space that Google puts into it."""
    data = bytes(args)
    return msgspec.json.format(data, indent=-1).decode() if data else ""


def _responses(data: bytes, count: int) -> list[bytes]:
    """The bytes of every response in a list; empty ones where they can't be told."""
    try:
        return [bytes(raw) for raw in _LIST.decode(data)]
    except UNREADABLE:
        return [b""] * count
