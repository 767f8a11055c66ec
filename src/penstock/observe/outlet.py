"""A file that may block, written in a thread of its own: standard output and standard error.

A pipe whose reader stalls blocks a write for ever. The thread is a daemon and holds no lock while it writes, so neither
the event loop nor the end of the process waits for it. Give it the raw file: the interpreter's last flush of a buffered
file would wait for the lock that a blocked write holds.
"""

from __future__ import annotations

import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Generic, TypeVar

Item = TypeVar("Item")

_POLL: Final = 1.0
"""Seconds between two looks at a file that is set to non-blocking and full."""


def raw(file: BinaryIO) -> BinaryIO:
    """The unbuffered file below a buffered one; the file itself where there is none."""
    unbuffered: BinaryIO = getattr(file, "raw", file)
    return unbuffered


class Outlet(Generic[Item]):
    """Writes items to ``out`` in the order in which they were put.

    At most ``size`` items wait. ``encode`` makes the pieces that an item is written in, one write each; it runs in the
    thread. ``failed`` is called there with every exception that a write or ``encode`` raises; the item is then lost.
    """

    def __init__(
        self,
        out: BinaryIO,
        encode: Callable[[Item], list[bytes]],
        *,
        size: int,
        failed: Callable[[Exception], None],
        name: str,
    ) -> None:
        self._out = out
        self._encode = encode
        self._size = size
        self._failed = failed
        self._name = name
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._is_torn = False

    @property
    def is_full(self) -> bool:
        """Whether ``put`` would refuse an item."""
        return self._waiting >= self._size

    def put(self, item: Item) -> bool:
        """Queue an item, without ever waiting. False: the queue is full and the item is lost."""
        with self._lock:
            if self._waiting >= self._size:
                return False
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        self._items.put(item)
        return True

    def close(self, seconds: float) -> bool:
        """Write what waits, for at most so many seconds, and end the thread. False: some of it is not written."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._items.put(None)
        thread.join(seconds)
        return not thread.is_alive()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, for at most so many seconds. False: some of it is not."""
        until = time.monotonic() + seconds
        while self._waiting and time.monotonic() < until:
            time.sleep(0.005)
        return not self._waiting

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                for piece in self._encode(item):
                    self._write(piece)
            except Exception as error:
                # A thread that dies here would end the log for good.
                self._failed(error)
            with self._lock:
                self._waiting -= 1

    def _write(self, piece: bytes) -> None:
        rest = memoryview(b"\n" + piece if self._is_torn else piece)
        self._is_torn = bool(rest)
        while rest:
            written: Any = self._out.write(rest)
            if written is None:
                select.select([], [self._out], [], _POLL)
            else:
                rest = rest[written:]
        self._is_torn = False
        self._out.flush()
