"""Replies of Responses, whole or streamed, as events (core/events.py).

A stream says each thing several times: in deltas, when a text or an item ends, and in the last event. The first telling
counts, and a host that leaves the others out loses nothing. Source: OpenAI API reference, "Streaming events", "The
response object".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import Event, Fail, Start, Stop
from penstock.core.finish_reasons import FAILED_STATUS, broken_off, is_failure
from penstock.core.json_text import read_reply_json
from penstock.core.vendor_error import WITHOUT_MESSAGE
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.responses.provider.output import Output
from penstock.dialects.responses.relay.judge import FAILED, STATUS_OF_CODE
from penstock.dialects.responses.usage import usage_of

_REASONS: Final[Mapping[str, str]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_UNFINISHED: Final = "its response isn't finished"


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    value = read_reply_json(data)
    if not isinstance(value, dict):
        return [Fail("its reply is no JSON object", raw=data, broken=True)]
    if not isinstance(value.get("output"), list):
        return [_failed(json_text.mapping(value, "error") or value, data)]
    reader = _Reader()
    return [*reader.start(value), *reader.end(value, data)]


class _Reader:
    """Reads one response. ``has_ended``: nothing more is to be heard of it."""

    def __init__(self) -> None:
        self.has_ended = False
        self._has_begun = False
        self._output = Output()

    def start(self, response: Mapping[str, Any]) -> Iterator[Event]:
        if not self._has_begun:
            self._has_begun = True
            created = response.get("created_at")
            seconds = int(created) if isinstance(created, int | float) and 0 <= created < _LATEST else 0
            yield Start(json_text.text(response, "id"), json_text.text(response, "model"), seconds)

    def event(self, data: bytes, name: str) -> Iterator[Event]:
        """What one event says. ``name`` stands in for its ``type`` where that is missing."""
        if self.has_ended or not data or data == sse.DONE:
            return
        value = read_reply_json(data)
        if not isinstance(value, dict):
            yield self.fail(Fail("an event of its stream is no JSON object", raw=data, broken=True))
            return
        kind = json_text.text(value, "type") or name
        response = json_text.mapping(value, "response")
        if kind in _BEGINNINGS:
            yield from self.start(response)
        elif kind in _ENDS:
            yield from self.start(response)
            yield from self.end({**response, "status": response.get("status") or kind.rpartition(".")[2]}, data)
        elif kind == "error" or isinstance(value.get("error"), dict):
            yield self.fail(_failed(json_text.mapping(value, "error") or value, data))
        else:
            read: Callable[[Mapping[str, Any]], Iterator[Event]] | None = self._output.readers.get(kind)
            if read is not None:
                yield from self.start({})
                yield from read(value)

    def end(self, response: Mapping[str, Any], raw: bytes) -> Iterator[Event]:
        """The end of the response, with all that was not told before."""
        status = json_text.text(response, "status")
        for number, item in enumerate(json_text.mappings(response.get("output"))):
            item_id = json_text.text(item, "id")
            if not item_id or item_id not in self._output.ended:
                yield from self._output.whole(number, item)
        usage = usage_of(response)
        if usage is not None:
            yield usage
        error, reason = response.get("error"), _incomplete_reason(response)
        if status in FAILED or (isinstance(error, dict) and error):
            yield self.fail(_failed(json_text.mapping(response, "error"), raw))
        elif isinstance(error, str) and error and not response.get("output"):
            yield self.fail(Fail(error, raw=raw))
        elif is_failure(reason):
            yield self.fail(Fail(broken_off("incomplete_details", reason), reason, "", FAILED_STATUS))
        elif status in {"queued", "in_progress"}:
            yield self.fail(Fail(_UNFINISHED, raw=raw, broken=True))
        else:
            self.has_ended = True
            if status or reason:
                yield self._stop(status, reason)

    def _stop(self, status: str, reason: str) -> Stop:
        """The end of a response of this status, incomplete for this reason, if any. An unknown status is a word that
        no caller takes for a good end."""
        if reason or status == "incomplete":
            return Stop(_REASONS.get(reason, reason or "length"), reason or "incomplete")
        if status != "completed":
            return Stop(status, status)
        return Stop("stop", "completed", detail="refusal" if self._output.is_refused else "")

    def fail(self, fail: Fail) -> Fail:
        self.has_ended = True
        return fail


def _incomplete_reason(response: Mapping[str, Any]) -> str:
    """Why a response is incomplete; empty for any other."""
    return json_text.text(json_text.mapping(response, "incomplete_details"), "reason")


_LATEST: Final = 1 << 40
_BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def _failed(error: Mapping[str, Any], raw: bytes) -> Fail:
    code = json_text.text(error, "code") or json_text.text(error, "type")
    message = json_text.text(error, "message") or WITHOUT_MESSAGE
    return Fail(message, json_text.text(error, "type"), code, STATUS_OF_CODE.get(code, 0), raw)


class ResponseStream:
    """Reads one streamed reply: a ``Reader`` of dialects/dialect.py."""

    def __init__(self, _context: WriteContext) -> None:
        self._reader = _Reader()
        self._splitter = EventSplitter()

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they came."""
        reader = self._reader
        if reader.has_ended:
            return []
        try:
            found = self._splitter.feed(data)
            return [each for name, event in found for each in reader.event(event, name.decode("utf-8", "replace"))]
        except FrameError as error:
            return [reader.fail(Fail(str(error), broken=True))]

    def finish(self) -> list[Event]:
        """The stream has ended in good order."""
        reader = self._reader
        if reader.has_ended:
            return []
        rest = [
            each
            for name, event in self._splitter.finish()
            for each in reader.event(event, name.decode("utf-8", "replace"))
        ]
        if not reader.has_ended:
            rest.append(reader.fail(Fail("The provider's reply ended before its answer did.", broken=True)))
        return rest
