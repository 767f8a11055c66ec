"""The process's file descriptors: how many it may have, and what is said when it has none left.

A connection is a file. A process that has no file left can neither take callers in nor dial providers, and libuv closes
the callers' connections without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LOG: Final = logging.getLogger("penstock")
_LACKING: Final = frozenset({errno.EMFILE, errno.ENFILE})
_MACOS_MOST: Final = 10_240
"""What macOS takes at most where its hard limit says "unlimited" (OPEN_MAX)."""
_PERIOD: Final = 60.0
"""Seconds between two lines of the log about the same lack."""
_LOOK: Final = 1.0
"""Seconds between two looks at whether there is a file left."""


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one, as far as the system lets this process.

    The soft limit is often 1,024, for the sake of programs that use ``select``.
    """
    try:
        import resource  # not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in {hard, resource.RLIM_INFINITY}:
        return
    for limit in (hard, max(soft, _MACOS_MOST)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return


def idle_share() -> float:
    """How many files idle connections may take: a quarter of those that the process may have."""
    try:
        import resource  # not on Windows
    except ImportError:
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft // 4


def lacks_files(error: BaseException) -> bool:
    """Whether an error says that the process, or the whole machine, has no file left."""
    return isinstance(error, OSError) and error.errno in _LACKING


def has_file_left() -> bool:
    """Whether one more file can be opened now. Some errors hide the reason: a look-up without a file fails as if there
    were no such name."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return not lacks_files(error)
    return True


class FileWatch(Generic[T]):
    """Says it in the log, at most once a minute, when the process has no file left, and closes idle connections.

    ``drop_idle`` closes idle connections and returns them.
    """

    def __init__(self, drop_idle: Callable[[], Sequence[T]], clock: Callable[[], float] = time.monotonic) -> None:
        self._drop_idle = drop_idle
        self._clock = clock
        self._said = -_PERIOD
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look every second: two system calls."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def lacking(self) -> Sequence[T]:
        """Say that no file is left and close idle connections to providers. Returns the closed ones."""
        dropped = self._drop_idle()
        if self._clock() - self._said >= _PERIOD:
            self._said = self._clock()
            _LOG.error(
                "The process has no file left (%s): new callers are turned away and providers can't be dialled. %d "
                "idle connections to providers were closed. Raise the limit of open files (ulimit -n, LimitNOFILE).",
                _limit(),
                len(dropped),
            )
        return dropped

    def _look(self) -> None:
        if not has_file_left():
            self.lacking()
        self.start()


def _limit() -> str:
    try:
        import resource  # not on Windows
    except ImportError:
        return "its limit is not known"
    return f"its limit is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
