"""A wire's streams of server-sent events, as far as a relay looks into them (stream_watch.py)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from penstock.core.usage import Usage
from penstock.dialects.provider_errors import ClassifiedError


class ErrorForm(Enum):
    """How an event of a stream tells an error."""

    OWN = "own"
    """In the wire's own shape: clients understand the event."""
    CHUNK = "chunk"
    """Inside a chunk of the answer, which passes; clients need an error event after it."""
    FOREIGN = "foreign"
    """In another shape: clients need an error event in its place."""


class StreamGrammar(msgspec.Struct, frozen=True):
    """A stream of server-sent events in one wire, as far as a relay looks into it (stream_watch.py).

    ``error_in``: (event name, data, the provider's slug) -> the error that the event is, None for no error,
    ``ValueError`` for data that clients can't read. ``error_form``: how such an event tells it. ``has_content``:
    whether the event says something; a role alone, pings and empty chunks don't. ``ending``: the stream's last bytes
    -> whether it was finished, and its usage. ``is_complete``: whether a stream that ended in order tells a complete
    answer (``Verdict.is_complete``). ``fit_error``: (the first and last bytes of the stream so far, an error event) ->
    the event as it follows them, for wires whose events are numbered. ``terminator``: data of an event that says that
    the stream is over, and nothing of the answer; empty in wires without one. ``is_usage_only``: data of an event ->
    whether it only tells usage, None for wires without such events; every event of that kind holds ``usage_mark``.
    """

    error_in: Callable[[bytes, bytes, str], ClassifiedError | None]
    error_form: Callable[[bytes, bytes], ErrorForm]
    has_content: Callable[[bytes, bytes], bool]
    ending: Callable[[bytes], tuple[bool, Usage | None]]
    is_complete: Callable[[bytes], bool]
    is_usage_only: Callable[[bytes], bool] | None = None
    usage_mark: bytes = b""
    fit_error: Callable[[bytes, bytes], bytes] | None = None
    terminator: bytes = b""

    def with_usage(self, known: Callable[[], Usage | None]) -> StreamGrammar:
        """The same for a stream of whose usage more is ``known`` at its end than its events tell."""
        ending = self.ending

        def ending_with_usage(tail: bytes) -> tuple[bool, Usage | None]:
            is_finished, usage = ending(tail)
            return is_finished, known() or usage

        return msgspec.structs.replace(self, ending=ending_with_usage)

    def of_stored(self) -> StreamGrammar:
        """The same for a stream of an answer that was made before: its usage counted then, and doesn't count again, and
        every event says something, as that the answer failed: nobody else has it."""
        ending = self.ending
        return msgspec.structs.replace(
            self, ending=lambda tail: (ending(tail)[0], None), has_content=lambda _name, _data: True
        )
