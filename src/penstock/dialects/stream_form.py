"""The forms of streams that aren't server-sent events, as callers see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class StreamEncoder(Protocol):
    """Puts a stream of server-sent events into another form. Raises FrameError for an event that is too large."""

    def feed(self, events: bytes) -> bytes:
        """Take bytes of the stream; those in the other form that may go on now, possibly none."""
        ...

    def finish(self, events: bytes) -> bytes:
        """Take the last bytes of the stream; the end of it in the other form."""
        ...


class StreamForm(msgspec.Struct, frozen=True):
    """A form of streams that isn't server-sent events, as the caller sees it."""

    content_type: bytes
    encoder: Callable[[], StreamEncoder]
