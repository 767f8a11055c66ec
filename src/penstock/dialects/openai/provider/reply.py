"""Replies in OpenAI's shape behind an envelope, whole or in chunks, as the house's events.

A host that frames OpenAI's chunks in its own way unwraps them and hands each decoded one to an ``OpenAiReader``; where
they come as plain server-sent events, ``OpenAiStream`` is the whole reader. A whole message is read as one delta, so
the two can't drift. The way there is write.py. Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
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
from penstock.core.json_text import read_json, write_json
from penstock.core.usage import Usage
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter

_STOPS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("length", "max_tokens", "model_length", "time_limit", "error_limit"), "length"),
    **dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call"), "tool_calls"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "error_toxic"), "content_filter"),
}
"""Why an answer ended, in OpenAI's words, by hosts' own in small letters. Every other word means stop
(docs/quirks.md#q94, #q95)."""
_FAILED: Final = "error"

_PADDING: Final = frozenset({"obfuscation", "p", "pad"})
_TOP: Final = frozenset({"id", "object", "created", "model", "model_id", "choices", "usage", "error"}) | _PADDING
_IN_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})
_IN_DELTA: Final = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "annotations"}
    | {"images", "audio"}
)
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})


def read_reply(data: bytes, _context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reader = OpenAiReader()
    return [*reader.chunk(decoded(data), data), *reader.finish(is_whole=True)]


class _Choice(msgspec.Struct):
    """What is known of a choice so far: the number of its last content block and what that holds; our number of each
    tool call by the host's, and the calls' ids by ours."""

    block: int = -1
    kind: type[Event] | None = None
    calls: dict[int, int] = msgspec.field(default_factory=dict)
    ids: list[str] = msgspec.field(default_factory=list)
    is_finished: bool = False

    def block_of(self, kind: type[Event]) -> int:
        """The number of the block that a piece belongs to: another kind begins another block."""
        if kind is not self.kind:
            self.kind = kind
            self.block += 1
        return self.block


class OpenAiReader:
    """Reads one reply, chunk by chunk. What follows its end is passed over."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._usage: Mapping[str, Any] | None = None
        self._has_begun = False
        self.has_ended = False

    def chunk(self, chunk: Any, raw: bytes = b"", *, is_error: bool = False) -> list[Event]:
        """The events of one decoded chunk. ``raw`` are its bytes; ``is_error`` when its framing calls it one."""
        if self.has_ended:
            return []
        if not isinstance(chunk, dict):
            return self.broken("The provider's reply holds something that is no JSON object.", raw)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            self._usage = usage  # the last one counts: hosts that send it all along add up (docs/quirks.md#q102)
        failure = _told(chunk, raw, is_error=is_error)
        if failure is not None:
            return self.failed(failure)
        found = [] if self._has_begun else self._start(chunk)
        choices = chunk.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                found += self._choice(choice, position)
                if choice.get("finish_reason") == _FAILED:
                    return [*found, *self.failed(Fail("The provider failed to generate the answer.", _FAILED, raw=raw))]
        if not _TOP.issuperset(chunk):
            found += _extras(chunk, _TOP)
        return found

    def finish(self, *, is_done: bool = False, is_whole: bool = False) -> list[Event]:
        """The reply has ended: ``is_done`` when it said so itself, ``is_whole`` when it was no stream."""
        if self.has_ended:
            return []
        if not (is_done or (self._choices and (is_whole or all(each.is_finished for each in self._choices.values())))):
            return self.broken("The provider's reply ended before its answer did.")
        self.has_ended = True
        return self._counts()

    def broken(self, message: str, raw: bytes = b"") -> list[Event]:
        """The end of a reply whose bytes are at fault."""
        return self.failed(Fail(message, raw=raw, broken=True))

    def failed(self, fail: Fail) -> list[Event]:
        """The end of a reply that is an error."""
        self.has_ended = True
        return [*self._counts(), fail]

    def _counts(self) -> list[Event]:
        tokens = None if self._usage is None else _tokens(self._usage)
        return [] if tokens is None else [tokens]

    def _start(self, chunk: Mapping[str, Any]) -> list[Event]:
        """Who speaks, once anything is known of it (docs/quirks.md#q90)."""
        model = json_text.text(chunk, "model") or json_text.text(chunk, "model_id")
        start = Start(json_text.text(chunk, "id"), model, max(json_text.integer(chunk, "created") or 0, 0))
        self._has_begun = start != _UNKNOWN or bool(chunk.get("choices"))
        return [] if start == _UNKNOWN else [start]

    def _choice(self, choice: Mapping[str, Any], position: int) -> list[Event]:
        given = json_text.integer(choice, "index")
        number = position if given is None or given < 0 else given
        state = self._choices.get(number)
        if state is None:
            state = self._choices[number] = _Choice()
        delta = choice["delta"] if "delta" in choice else choice.get("message")
        found = list(_said(delta, number, state)) if isinstance(delta, dict) else []
        logprobs = choice.get("logprobs")
        if logprobs:
            found += _logprobs(logprobs, number)
        if not _IN_CHOICE.issuperset(choice):
            found += _extras(choice, _IN_CHOICE, number)
        native = json_text.text(choice, "finish_reason")
        if native and native != _FAILED:
            state.is_finished = True
            found.append(Stop(_STOPS.get(native.lower(), "stop"), native, number))
        return found


class OpenAiStream:
    """Reads a stream of server-sent events with chunks in them."""

    def __init__(self, _context: WriteContext) -> None:
        self._splitter = EventSplitter()
        self.reader = OpenAiReader()

    def feed(self, data: bytes) -> list[Event]:
        if self.reader.has_ended:
            return []
        try:
            return self._read(self._splitter.feed(data))
        except FrameError as error:
            return self.reader.broken(f"The provider's stream can't be read: {error}.")

    def finish(self) -> list[Event]:
        return [*self._read(self._splitter.finish()), *self.reader.finish()]

    def _read(self, events: Iterable[tuple[bytes, bytes]]) -> list[Event]:
        return [told for name, data in events for told in self.event(data, is_error=name == b"error")]

    def event(self, data: bytes, *, is_error: bool) -> list[Event]:
        """What one event says."""
        if data == b"[DONE]":
            return self.reader.finish(is_done=True)
        return self.reader.chunk(self.reshaped(decoded(data)), data, is_error=is_error) if data else []

    def reshaped(self, chunk: Any) -> Any:
        """A decoded event as OpenAI's chunk: for hosts whose chunks are shaped otherwise."""
        return chunk


_UNKNOWN: Final = Start()


def decoded(data: bytes) -> Any:
    """JSON; None for anything else."""
    try:
        return read_json(data)
    except ValueError:
        return None


# What a choice says.


def _said(delta: Mapping[str, Any], number: int, state: _Choice) -> Iterator[Event]:
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if thought and isinstance(thought, str):
        yield Thinking(thought, choice=number, block=state.block_of(Thinking))
    content = delta.get("content")
    if content and isinstance(content, str):
        yield Text(content, number, state.block_of(Text))
    elif content:
        for part in json_text.mappings(content):
            yield from _part(part, number, state)
    if not _PLAIN.issuperset(delta):
        yield from _said_besides(delta, number, state)


_PLAIN: Final = frozenset({"role", "content", "reasoning_content", "reasoning"})


def _said_besides(delta: Mapping[str, Any], number: int, state: _Choice) -> Iterator[Event]:
    """What few deltas hold."""
    refusal = json_text.text(delta, "refusal")
    if refusal:
        yield Refusal(refusal, number)
    for image in json_text.mappings(delta.get("images")):
        yield from _part(image, number, state)
    sound = delta.get("audio")
    if isinstance(sound, dict):
        yield from _sound(sound, number, state)
    for annotation in json_text.mappings(delta.get("annotations")):
        yield _citation(annotation, number, max(state.block, 0))
    for call in json_text.mappings(delta.get("tool_calls")):
        yield from _call(call, number, state)
    legacy = delta.get("function_call")
    if isinstance(legacy, dict) and any(legacy.values()):
        yield from _call({"index": 0, "function": legacy}, number, state)
    yield from _extras(delta, _IN_DELTA, number)


def _part(part: Mapping[str, Any], number: int, state: _Choice) -> Iterator[Event]:
    """A part of a content that is a list: text, thinking (Mistral's is a list of texts), an image, anything else."""
    kind, image = part.get("type"), part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if kind == "text":
        text = json_text.text(part, "text")
        if text:
            yield Text(text, number, state.block_of(Text))
    elif kind == "thinking":
        thinking = part.get("thinking")
        text = (
            thinking
            if isinstance(thinking, str)
            else "".join(json_text.text(each, "text") for each in json_text.mappings(thinking))
        )
        if text:
            yield Thinking(text, choice=number, block=state.block_of(Thinking))
    elif isinstance(url, str) and url:
        yield _image(url, number, state.block_of(Media))
    else:
        yield Foreign(part, number, state.block_of(Foreign))


def _image(url: str, number: int, block: int) -> Media:
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Media(head[len("data:") : -len(";base64")], data, choice=number, block=block)
    return Media("image/*", url=url, choice=number, block=block)


def _sound(sound: Mapping[str, Any], number: int, state: _Choice) -> Iterator[Event]:
    """OpenAI's answer in sound, whose format the request named: its pieces add up. The rest is kept as it is."""
    data = json_text.text(sound, "data")
    if data:
        yield Media("audio/*", data, choice=number, block=state.block_of(Media))
    rest = {name: value for name, value in sound.items() if value and name != "data"}
    if rest:
        yield Extra("audio", rest, number)


def _citation(annotation: Mapping[str, Any], number: int, block: int) -> Citation:
    source = annotation.get("url_citation")
    source = source if isinstance(source, dict) else {}
    start, end = json_text.integer(source, "start_index"), json_text.integer(source, "end_index")
    return Citation(
        annotation, json_text.text(source, "url"), json_text.text(source, "title"), start, end, number, block
    )


def _call(call: Mapping[str, Any], number: int, state: _Choice) -> Iterator[Event]:
    """A tool call, or a piece of one: what names its beginning is absent or empty later on
    (docs/quirks.md#q2, #q91)."""
    held = call.get("function") or call.get("custom")
    function = held if isinstance(held, dict) else {}
    call_id, name = json_text.text(call, "id"), json_text.text(function, "name")
    given = json_text.integer(call, "index")
    at = _known(given, call_id, name, state)
    if at is None:
        at = len(state.ids)
        state.ids.append(call_id)
        yield ToolStart(at, name, call_id, choice=number)
    if given is not None:
        state.calls[given] = at
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, dict):
        arguments = write_json(arguments).decode()
    if arguments and isinstance(arguments, str):
        yield ToolArgs(arguments, at, number)


def _known(given: int | None, call_id: str, name: str, state: _Choice) -> int | None:
    """Our number of the call that a piece continues; None when it begins one. Some hosts don't count their calls
    (docs/quirks.md#q97), or count wrongly: then an id that is new begins a call, or a name where there is no id."""
    if given is not None:
        at = state.calls.get(given)
        is_other = at is not None and name and call_id and state.ids[at] not in ("", call_id)
        return None if is_other else at
    if call_id:
        return state.ids.index(call_id) if call_id in state.ids else None
    return None if name or not state.ids else len(state.ids) - 1


def _logprobs(logprobs: Any, number: int) -> list[Event]:
    content = tuple(json_text.mappings(logprobs.get("content"))) if isinstance(logprobs, dict) else ()
    return [Logprobs(content, number)] if content else []


def _extras(value: Mapping[str, Any], known: frozenset[str], number: int | None = None) -> list[Event]:
    """The members that OpenAI doesn't know, save those that say nothing."""
    return [Extra(name, each, number) for name, each in value.items() if name not in known and each not in _NOTHING]


# What is told of the reply as a whole.


def _told(chunk: Mapping[str, Any], raw: bytes, *, is_error: bool) -> Fail | None:
    """An error in place of a chunk, or within one (docs/quirks.md#q82, #q89)."""
    error = chunk.get("error")
    if not (error or is_error) and ("choices" in chunk or "usage" in chunk):
        return None
    said = read_vendor_error(chunk)
    if not (error or is_error or said.message):
        return None
    message = said.message or "The provider failed to generate the answer."
    return Fail(message, said.type or "", said.code or "", _status(chunk, error), raw)


def _status(chunk: Mapping[str, Any], error: Any) -> int:
    """The HTTP status that an error would have had."""
    for holder in (error, chunk):
        for name in ("status_code", "status", "code"):
            status = json_text.integer(holder, name) if isinstance(holder, dict) else None
            if status is not None and _ERRORS[0] <= status < _ERRORS[1]:
                return status
    return 0


_ERRORS: Final = (400, 600)


def _tokens(usage: Mapping[str, Any]) -> Usage | None:
    """The counts, reasoning among the completion's also where the host counts it apart (docs/quirks.md#q78)."""
    prompt, completion, total = (
        json_text.integer(usage, f"{name}_tokens") for name in ("prompt", "completion", "total")
    )
    if prompt is None and completion is None and total is None:
        return None
    sent, made = (json_text.mapping(usage, f"{name}_tokens_details") for name in ("prompt", "completion"))
    cached, reasoning = json_text.integer(sent, "cached_tokens"), json_text.integer(made, "reasoning_tokens")
    if cached is None:
        cached = json_text.integer(usage, "prompt_cache_hit_tokens")
    if prompt is not None and completion is not None:
        if total is None:
            total = prompt + completion
        elif reasoning and total == prompt + completion + reasoning:
            completion += reasoning
    return Usage(
        prompt,
        completion,
        total,
        cached,
        json_text.integer(sent, "cache_write_tokens"),
        reasoning,
        json_text.integer(sent, "audio_tokens"),
        json_text.integer(made, "audio_tokens"),
        predicted_accepted=json_text.integer(made, "accepted_prediction_tokens"),
        predicted_rejected=json_text.integer(made, "rejected_prediction_tokens"),
        native=usage,
    )
