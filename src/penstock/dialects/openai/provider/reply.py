"""Reads replies in OpenAI's shape, whole or in chunks, as events (core/events.py).

The dialect of a host with its own framing unwraps the chunks and passes each decoded chunk to an ``OpenAiReader``; for
plain server-sent events ``OpenAiStream`` is the whole reader. A whole message is read as one delta (delta.py), so both
paths give the same events. Requests: request.py. Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.core import json_text
from penstock.core.events import Event, Fail, Start, Stop
from penstock.core.finish_reasons import FAILED_STATUS, STOP, is_failure, openai_reason
from penstock.core.json_text import read_reply_json
from penstock.core.usage import Usage, with_reasoning
from penstock.core.vendor_error import failed_choice, hidden_error, read_vendor_error
from penstock.dialects.dialect import WriteContext
from penstock.dialects.framing import sse
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.sse import EventSplitter
from penstock.dialects.openai.provider.delta import ChoiceState, extras, logprobs, named, said, source_of_reply

_PADDING: Final = frozenset({"obfuscation", "p", "pad"})
_TOP: Final = frozenset({"id", "object", "created", "model", "model_id", "choices", "usage", "error"}) | _PADDING
_IN_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})


def read_reply(data: bytes, context: WriteContext) -> list[Event]:
    """The events of a whole reply."""
    reader = OpenAiReader(is_whole=True, has_unsaid_end=context.quirks.leaves_reason_out)
    return [*reader.chunk(read_reply_json(data), data), *reader.finish()]


class OpenAiReader:
    """Reads one reply, chunk by chunk. Chunks after the end are ignored. ``is_whole``: the reply is no stream.
    ``has_unsaid_end``: the host gives no reasons, and its word that all is said is that of a good end
    (docs/quirks.md#q96). ``functions`` are the names that the request offers (delta.py).

    Of a choice with both a ``delta`` and a ``message`` the one counts that belongs to the form: Perplexity sends both,
    the other of them empty or the whole so far (docs/quirks.md#q93).
    """

    def __init__(
        self, *, is_whole: bool = False, has_unsaid_end: bool = False, functions: tuple[str, ...] = ()
    ) -> None:
        self._is_whole = is_whole
        self._has_unsaid_end = has_unsaid_end
        self._functions = functions
        self._said_in = ("message", "delta") if is_whole else ("delta", "message")
        self._sources: Sequence[Any] = ()
        self._choices: dict[int, ChoiceState] = {}
        self._usage: Mapping[str, Any] | None = None
        self._has_begun = False
        self.has_ended = False

    def chunk(self, chunk: Any, raw: bytes = b"", *, is_error: bool = False) -> list[Event]:
        """The events of one decoded chunk. ``raw`` are its bytes; ``is_error``: the framing marks the chunk as an
        error."""
        if self.has_ended:
            return []
        if not isinstance(chunk, dict):
            return self.broken("The provider's reply holds something that is no JSON object.", raw)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            # The last usage counts: hosts that repeat usage send running totals (docs/quirks.md#q102).
            self._usage = usage
        failure = _failure_of_chunk(chunk, raw, is_error=is_error)
        if failure is not None:
            return self.failed(failure)
        events = [] if self._has_begun else self._start(chunk)
        choices = chunk.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                events += self._choice(choice, position)
                error = failed_choice(choice)
                if error is not None:
                    return [*events, *self.failed(_failure_of_choice(error, raw))]
        if not _TOP.issuperset(chunk):
            events += extras(chunk, _TOP)
            found = chunk.get("search_results") or chunk.get("citations")
            self._sources = found if isinstance(found, list) else self._sources
        return events

    def finish(self, *, is_done: bool = False) -> list[Event]:
        """The events at the reply's end. ``is_done``: the reply announced its end (``[DONE]``)."""
        if self.has_ended:
            return []
        has_all = self._is_whole or all(each.is_finished for each in self._choices.values())
        if not (is_done or (self._choices and has_all)):
            return self.broken("The provider's reply ended before its answer did.")
        self.has_ended = True
        calls = [event for number, state in self._choices.items() for event in named(number, state)]
        return [*calls, *self._unsaid_ends(), *self._citations(), *self._counts()]

    def broken(self, message: str, raw: bytes = b"") -> list[Event]:
        """The events that end a reply with invalid bytes."""
        return self.failed(Fail(message, raw=raw, broken=True))

    def failed(self, fail: Fail) -> list[Event]:
        """The events that end a reply with an error."""
        self.has_ended = True
        return [*self._counts(), fail]

    def _unsaid_ends(self) -> list[Event]:
        if not self._has_unsaid_end:
            return []
        return [Stop(STOP, "", number) for number, state in self._choices.items() if not state.is_finished]

    def _citations(self) -> list[Event]:
        """The sources that a reply lists beside its choices, of the first choice's text: Perplexity's, which say them
        again in every chunk."""
        state = self._choices.get(0)
        block = 0 if state is None else max(state.block, 0)
        return [citation for source in self._sources if (citation := source_of_reply(source, block)) is not None]

    def _counts(self) -> list[Event]:
        tokens = None if self._usage is None else _tokens(self._usage)
        return [] if tokens is None else [tokens]

    def _start(self, chunk: Mapping[str, Any]) -> list[Event]:
        """The ``Start`` event, once a chunk has an id, a model or choices (docs/quirks.md#q90)."""
        model = json_text.text(chunk, "model") or json_text.text(chunk, "model_id")
        start = Start(json_text.text(chunk, "id"), model, max(json_text.integer(chunk, "created") or 0, 0))
        self._has_begun = start != _UNKNOWN or bool(chunk.get("choices"))
        return [] if start == _UNKNOWN else [start]

    def _choice(self, choice: Mapping[str, Any], position: int) -> list[Event]:
        index = json_text.integer(choice, "index")
        number = position if index is None or index < 0 else index
        state = self._choices.get(number)
        if state is None:
            state = self._choices[number] = ChoiceState(is_whole=self._is_whole, functions=self._functions)
        first, second = self._said_in
        delta = choice[first] if first in choice else choice.get(second)
        events = list(said(delta, number, state)) if isinstance(delta, dict) else []
        native = json_text.text(choice, "finish_reason")
        if native and state.unnamed is not None:
            events += named(number, state)
        choice_logprobs = choice.get("logprobs")
        if choice_logprobs:
            events += logprobs(choice_logprobs, number)
        if not _IN_CHOICE.issuperset(choice):
            events += extras(choice, _IN_CHOICE, number)
        if native and not is_failure(native):
            state.is_finished = True
            events.append(Stop(openai_reason(native), native, number))
        return events


class OpenAiStream:
    """Reads a stream of server-sent events whose data are chunks."""

    def __init__(self, context: WriteContext) -> None:
        self._splitter = EventSplitter()
        self.reader = OpenAiReader(has_unsaid_end=context.quirks.leaves_reason_out, functions=context.functions)

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
        return [read for name, data in events for read in self.event(data, is_error=name == b"error")]

    def event(self, data: bytes, *, is_error: bool) -> list[Event]:
        """The events of one server-sent event."""
        if data == sse.DONE:
            return self.reader.finish(is_done=True)
        return self.reader.chunk(self.reshaped(read_reply_json(data)), data, is_error=is_error) if data else []

    def reshaped(self, chunk: Any) -> Any:
        """A decoded event as OpenAI's chunk. Overridden for hosts whose chunks have another shape."""
        return chunk


_UNKNOWN: Final = Start()


# Errors and usage.


def _failure_of_chunk(chunk: Mapping[str, Any], raw: bytes, *, is_error: bool) -> Fail | None:
    """The error in a chunk, or sent in place of a chunk, if any (docs/quirks.md#q82, #q89)."""
    error = chunk.get("error") or (None if chunk.get("choices") else hidden_error(chunk))
    if not (error or is_error) and (chunk.get("choices") is not None or "usage" in chunk):
        return None
    vendor_error = read_vendor_error(chunk)
    if not (error or is_error or vendor_error.message):
        return None
    message = vendor_error.message or "The provider failed to generate the answer."
    return Fail(message, vendor_error.type or "", vendor_error.code or "", _status(chunk, error), raw)


def _failure_of_choice(error: Mapping[str, Any], raw: bytes) -> Fail:
    """A choice that failed; a word says why, or an error within it (docs/quirks.md#q89)."""
    vendor_error = read_vendor_error(error)
    status = _status(error, error) or FAILED_STATUS
    return Fail(
        vendor_error.message or "The provider failed to generate the answer.",
        vendor_error.type or "",
        vendor_error.code or "",
        status,
        raw,
    )


def _status(chunk: Mapping[str, Any], error: Any) -> int:
    """The HTTP status that the error stands for."""
    for holder in (error, chunk):
        for name in ("status_code", "status", "code"):
            status = json_text.integer(holder, name) if isinstance(holder, dict) else None
            if status is not None and _ERRORS[0] <= status < _ERRORS[1]:
                return status
    return 0


_ERRORS: Final = (400, 600)


def _tokens(usage: Mapping[str, Any]) -> Usage | None:
    """The token counts. Reasoning tokens are added to the completion's if the host counts them separately
    (docs/quirks.md#q78)."""
    prompt, completion, total = (
        json_text.integer(usage, f"{name}_tokens") for name in ("prompt", "completion", "total")
    )
    if prompt is None and completion is None and total is None:
        return None
    prompt_details, completion_details = (
        json_text.mapping(usage, f"{name}_tokens_details") for name in ("prompt", "completion")
    )
    cached, reasoning = (
        json_text.integer(prompt_details, "cached_tokens"),
        json_text.integer(completion_details, "reasoning_tokens"),
    )
    if cached is None:
        cached = json_text.integer(usage, "prompt_cache_hit_tokens")
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    completion = with_reasoning(prompt, completion, total, reasoning)
    return Usage(
        prompt,
        completion,
        total,
        cached,
        json_text.integer(prompt_details, "cache_write_tokens"),
        reasoning,
        json_text.integer(prompt_details, "audio_tokens"),
        json_text.integer(completion_details, "audio_tokens"),
        predicted_accepted=json_text.integer(completion_details, "accepted_prediction_tokens"),
        predicted_rejected=json_text.integer(completion_details, "rejected_prediction_tokens"),
        native=usage,
    )
