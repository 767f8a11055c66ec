"""One immutable account of one finished request, and the bounded queue that takes it off the hot path."""

from __future__ import annotations

from collections import deque

import msgspec

from penstock.core.usage import Usage


class Record(msgspec.Struct, frozen=True):
    """What happened to a request. Times are in seconds; it holds no content and no credential.

    ``status`` is what the caller got (499: it left first). ``failure`` is a ``Kind`` value or None. ``first_byte``
    runs from the request's arrival to the first byte of the answer's body.
    """

    at: float
    method: str
    path: str
    status: int
    latency: float
    provider: str | None = None
    model: str | None = None
    stream: bool = False
    first_byte: float | None = None
    usage: Usage | None = None
    failure: str | None = None
    trace_id: str = ""
    option: str | None = None
    dropped: tuple[str, ...] = ()
    metadata: dict[str, str] | None = None
    trace: str = ""
    """The line of ``x-penstock-trace``."""
    cache: str | None = None
    skipped: int = 0
    """Events of the provider's stream that could not be read and were left out."""


class Records:
    """A queue that never grows past ``size``: what comes when it is full is counted, not kept."""

    __slots__ = ("_queue", "_size", "lost")

    def __init__(self, size: int = 10_000) -> None:
        self._queue: deque[Record] = deque()
        self._size = size
        self.lost = 0

    def push(self, record: Record) -> None:
        if len(self._queue) < self._size:
            self._queue.append(record)
        else:
            self.lost += 1

    def take(self) -> list[Record]:
        """Everything queued so far, which is then no longer queued."""
        taken = list(self._queue)
        self._queue.clear()
        return taken
