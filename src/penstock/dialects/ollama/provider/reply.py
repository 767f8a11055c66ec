"""Ollama's reply: one line of JSON, or a stream of them, of which the last says that all is done.

Both are read by the same steps, so the two can't drift. A tool call comes whole, its arguments an object. Source:
Ollama API documentation, "Generate a chat message" and "Errors that occur while streaming".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import (
    Event,
    Extra,
    Fail,
    Logprobs,
    Media,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.finish_reasons import FAILED_STATUS, STOP, broken_off, is_failure, openai_reason
from penstock.core.json_text import read_reply_json, write_json
from penstock.core.rfc3339 import unix_seconds
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.ndjson import LineSplitter
from penstock.dialects.ollama.images import media_type_of
from penstock.dialects.ollama.usage import COUNTS, read_usage

_READ: Final = frozenset({"model", "created_at", "message", "done", "done_reason", "logprobs", "error"})


def read_reply(data: bytes, context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reader = StreamReader(context)
    return [*reader.line(data), *reader.finish()]


class StreamReader:
    """Reads one stream. What follows its last line is passed over."""

    def __init__(self, _context: WriteContext) -> None:
        self._splitter = LineSplitter()
        self._has_begun = False
        self._has_ended = False
        self._blocks: dict[type[Event], int] = {}
        """The numbers of the content blocks, one a kind, as each first appears."""
        self._calls = 0

    def feed(self, data: bytes) -> list[Event]:
        if self._has_ended:
            return []
        try:
            lines = self._splitter.feed(data)
        except FrameError as error:
            return self._broken(f"The provider's stream can't be read: {error}.")
        return [event for line in lines for event in self.line(line)]

    def finish(self) -> list[Event]:
        found = [event for line in self._splitter.finish() for event in self.line(line)]
        if self._has_ended:
            return found
        return [*found, *self._broken("The provider's reply ended before its last line.")]

    def line(self, data: bytes) -> list[Event]:
        """The events of one line; none after the last."""
        if self._has_ended:
            return []
        line = read_reply_json(data)
        if not isinstance(line, dict):
            return self._broken("The provider's reply holds a line that is no JSON object.", data)
        if "error" in line and (line["error"] or "message" not in line):
            self._has_ended = True
            return [_told(line, data)]
        found = [] if self._has_begun else self._start(line)
        message = line.get("message")
        if isinstance(message, dict):
            found += self._message(message)
        if "logprobs" in line:
            found += _logprobs(line["logprobs"])
        if line.get("done") is True:
            self._has_ended = True
            found += self._end(line)
        return found

    def _broken(self, message: str, raw: bytes = b"") -> list[Event]:
        self._has_ended = True
        return [Fail(message, raw=raw, broken=True)]

    def _start(self, line: Mapping[str, Any]) -> list[Event]:
        self._has_begun = True
        return [Start(model=json_text.text(line, "model"), created=unix_seconds(json_text.text(line, "created_at")))]

    def _message(self, message: Mapping[str, Any]) -> list[Event]:
        found: list[Event] = []
        thinking, text = json_text.text(message, "thinking"), json_text.text(message, "content")
        if thinking:
            found.append(Thinking(thinking, block=self._block(Thinking)))
        if text:
            found.append(Text(text, block=self._block(Text)))
        if "images" in message:
            found += self._images(message["images"])
        if "tool_calls" in message:
            found += self._tool_calls(message["tool_calls"])
        return found

    def _block(self, kind: type[Event]) -> int:
        return self._blocks.setdefault(kind, len(self._blocks))

    def _images(self, images: Any) -> Iterable[Event]:
        for data in images if isinstance(images, list) else ():
            if isinstance(data, str):
                yield Media(media_type_of(data), data, block=self._block(Media))

    def _tool_calls(self, calls: Any) -> Iterable[Event]:
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                yield ToolStart(self._calls, json_text.text(function, "name"), json_text.text(call, "id"))
                yield from _arguments(function.get("arguments"), self._calls)
                self._calls += 1

    def _end(self, line: Mapping[str, Any]) -> Iterable[Event]:
        """Counts, times and whatever else the last line says, then why the answer ended: after a tool call in the same
        word as after text."""
        usage = read_usage(line)
        if usage is not None:
            yield usage
        for name, value in line.items():
            if name not in _READ and name not in COUNTS:
                yield Extra(name, value)
        native = json_text.text(line, "done_reason")
        if is_failure(native):
            yield Fail(broken_off("done_reason", native), native, "", FAILED_STATUS)
            return
        # ``done`` says that the answer is whole; older servers give no reason beside it.
        yield Stop(openai_reason(native or STOP, has_calls=self._calls > 0), native)


def _arguments(value: Any, index: int) -> list[Event]:
    if value is None:
        return []
    return [ToolArgs(value if isinstance(value, str) else write_json(value).decode(), index)]


def _logprobs(tokens: Any) -> list[Event]:
    """Ollama's token objects are OpenAI's, without the members that say nothing."""
    content = tuple(
        {"bytes": None, "top_logprobs": [], **token}
        for token in (tokens if isinstance(tokens, list) else ())
        if isinstance(token, dict)
    )
    return [Logprobs(content)] if content else []


def _told(line: Mapping[str, Any], raw: bytes) -> Fail:
    vendor_error = read_vendor_error(line)
    return Fail(
        vendor_error.message or "The provider failed to generate the answer.",
        vendor_error.type or "",
        vendor_error.code or "",
        raw=raw,
    )
