"""The gateway's messages on standard error: a log handler that never blocks the thread that logs.

Logging's own stream handler writes in the caller's thread, which is the event loop: a reader of standard error that
stalls would stop every request, and the end of the process.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import BinaryIO, Final

from penstock.observe.outlet import Outlet, raw

_WAITING: Final = 1000
"""Messages that wait for a reader; more are counted and left out."""
_LAST_SECONDS: Final = 0.5


class StderrHandler(logging.Handler):
    """Writes messages to ``out`` (standard error) through an ``Outlet``."""

    def __init__(self, out: BinaryIO | None = None) -> None:
        super().__init__()
        self._lost = 0
        self._outlet: Outlet[bytes] = Outlet(
            _standard_error() if out is None else out,
            lambda line: [line],
            size=_WAITING,
            failed=lambda _: None,  # there is nowhere left to tell it
            name="messages",
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._lost and not self._outlet.is_full:
            line = f"({self._lost} messages are missing here: nobody read them)\n{line}"
            self._lost = 0
        if not self._outlet.put(line.encode("utf-8", "backslashreplace") + b"\n"):
            self._lost += 1

    def flush(self) -> None:
        """Wait for what is not written yet, half a second at most."""
        self._outlet.flush(_LAST_SECONDS)

    def close(self) -> None:
        self._outlet.close(_LAST_SECONDS)
        super().close()


def _standard_error() -> BinaryIO:
    """The unbuffered file. A program may be started with standard error closed."""
    buffered: BinaryIO | None = getattr(sys.stderr, "buffer", None)
    return Path(os.devnull).open("wb") if buffered is None else raw(buffered)
