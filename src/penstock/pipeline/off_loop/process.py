"""Work on bodies of megabytes, in a process of its own: there it holds nobody's interpreter, and its memory goes back
to the system.

A parser or a writer that is given one text of 100 MB runs for seconds without giving Python's lock away, whatever
thread it is in. So reading and rewriting a body of more than ``VERY_LARGE`` bytes is done by a child (worker.py),
which is started when it is first needed and ended after ``_IDLE_SECONDS`` without work. There are two, for bodies up to
``HUGE`` bytes and for larger ones, so that one image never waits for a hundred. A child does one thing at a time, has
limits of time and memory, and ends with its gateway. Where none can be had, a thread does the work.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from pickle import PickleBuffer
from subprocess import DEVNULL, Popen
from typing import Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

from penstock.pipeline.off_loop import pickle_file
from penstock.pipeline.off_loop.thread import off_loop

T = TypeVar("T")

_LOG: Final = logging.getLogger("penstock")
VERY_LARGE: Final = 2 << 20
"""Bytes of a body from which a process does the work; handing it over takes a millisecond."""
HUGE: Final = 16 << 20
_MEMORY: Final = 1400 << 20
_SHARE: Final = 8
"""A child may use ``_MEMORY`` less ``_SHARE`` times the body. A million messages (40 MB) take 1 GB as objects; and
where bodies have 100 MB, the gateway with two of them and with what it sends stays below 1 GB, its child included."""
_MOST_SECONDS: Final = 120.0
"""Seconds of work. A million messages take 10 to 20."""
_IDLE_SECONDS: Final = 30.0
_HEAVY: Final = 128 << 20
"""Bytes of memory of a child without work: with more it is not kept."""
_LOOK_SECONDS: Final = 0.05
"""Between two looks at the memory of a child that works."""
NO_MEMORY: Final = "it takes more memory than there is for it"
_ENVIRONMENT: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")
_MODULE: Final = "penstock.pipeline.off_loop.worker"
WORD: Final = struct.Struct("!Q")
"""A job: how many bytes of memory it may reserve. The answer is any byte."""
_RESERVED: Final = 2
"""Bytes that a child may reserve for each byte that it may use: buffers grow by doubling."""


class WorkError(Exception):
    """A child could not do its work. The text is a clause that says why."""


class Refused(WorkError):
    """No child can be started."""


class _Child:
    """One process, started when it is needed, and the thread that talks to it. Used by the event loop's thread."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "large-work")
        self._process: _Process | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def do(self, job: tuple[Any, ...], memory: int) -> Any:
        loop = asyncio.get_running_loop()
        async with self._turn:
            if self._timer is not None:
                self._timer.cancel()
            process = self._process
            try:
                async with asyncio.timeout(_MOST_SECONDS):
                    if process is None or process.has_ended:
                        self.end()
                        process = self._process = _Process()
                    result = await loop.run_in_executor(self._thread, process.do, job, memory)
            except TimeoutError:
                self.end()
                raise WorkError(f"it takes more than {_MOST_SECONDS:g} s") from None
            except BaseException:
                # The caller has left, or the process is gone.
                self.end()
                raise
            self._timer = loop.call_later(0.0 if process.is_heavy else _IDLE_SECONDS, self.end)
            return result

    def end(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            self._thread.submit(process.close)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.end()
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)


class _Process:
    """A process and the socket to it, which ``do`` starts. Used in one thread; ``kill`` may be called from any."""

    def __init__(self) -> None:
        self._socket, self._theirs = socket.socketpair()
        self._socket.settimeout(_LOOK_SECONDS)
        self._popen: Popen[bytes] | None = None
        self.is_heavy = False
        """Whether it keeps much memory after its work."""

    def _started(self) -> Popen[bytes]:
        if self._popen is None:
            # The child finds the gateway's modules where the gateway found them, and none of its credentials.
            environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
            theirs = self._theirs.fileno()
            command = [sys.executable, "-P", "-m", _MODULE, str(theirs)]
            self._popen = Popen(  # noqa: S603 (nothing of it comes from outside)
                command, pass_fds=[theirs], stdin=DEVNULL, env=environment
            )
            self._theirs.close()
        return self._popen

    def do(self, job: tuple[Any, ...], memory: int) -> Any:
        """The result of a job: a function and its arguments. Raises WorkError."""
        popen = self._started()
        sent, received = pickle_file.open_pickle_file(), pickle_file.open_pickle_file()
        try:
            pickle_file.pack(sent, job)
            try:
                socket.send_fds(self._socket, [WORD.pack(_RESERVED * memory)], [sent, received])
                word = self._answer(popen.pid, memory)
            except OSError:
                word = b""
            if not word:
                raise WorkError("the process that works on it ended")
            result, error = pickle_file.unpack_copied(received)
        finally:
            os.close(sent)
            os.close(received)
        if error:
            raise WorkError(error)
        self.is_heavy = resident(popen.pid) > _HEAVY
        return result

    def _answer(self, pid: int, memory: int) -> bytes:
        """The child's word that it is done, empty if it ended. Raises WorkError if it takes more memory meanwhile."""
        while True:
            try:
                return self._socket.recv(1)
            except TimeoutError:
                if resident(pid) > memory:
                    self.kill()
                    raise WorkError(NO_MEMORY) from None

    @property
    def has_ended(self) -> bool:
        return self._popen is not None and self._popen.poll() is not None

    def kill(self) -> None:
        """End the process, whatever it does: without its socket it ends by itself, in case it is just being started."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._popen is not None:
            self._popen.kill()

    def close(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
        self._socket.close()
        self._theirs.close()


def resident(pid: int) -> int:
    """The bytes of memory that a process uses; 0 where the system doesn't tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class LargeWork:
    """The children of one gateway, a part of it: between ``start`` and ``stop`` work of its event loop may go there."""

    def __init__(self) -> None:
        self._large, self._huge = _Child(), _Child()
        self._pause_until = 0.0

    def start(self) -> None:
        if hasattr(socket, "send_fds"):  # elsewhere files can't be handed over so
            _running[asyncio.get_running_loop()] = self

    async def stop(self) -> None:
        _running.pop(asyncio.get_running_loop(), None)
        await self._large.stop()
        await self._huge.stop()

    async def do(self, size: int, job: tuple[Any, ...]) -> Any:
        """Raises WorkError; ``Refused`` if there is no child to do it."""
        if time.monotonic() < self._pause_until:
            raise Refused("no process can be started")
        child = self._huge if size > HUGE else self._large
        try:
            return await child.do(job, max(_MEMORY - _SHARE * size, _MEMORY // 4))
        except OSError as error:
            self._pause_until = time.monotonic() + _IDLE_SECONDS
            _LOG.warning("no process for large bodies can be started (%s): threads do their work", error)
            raise Refused("no process can be started") from None


_running: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, LargeWork]] = WeakKeyDictionary()


async def aside(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """The result of ``work(*arguments)`` for a body of ``size`` bytes, made in a process if that is much, else in a
    thread. The function is one of a module. Raises WorkError if a process can't do it. A caller that is cancelled ends
    the process.

    Bytes among the arguments are copied unless they are a ``PickleBuffer``, which arrives as a ``memoryview``; a result
    that is a ``PickleBuffer`` arrives as bytes.
    """
    large_work = _running.get(asyncio.get_running_loop())
    if size > VERY_LARGE and large_work is not None:
        with suppress(Refused):
            return cast("T", await large_work.do(size, (work, arguments)))
    result = await off_loop(lambda: work(*[_opened(argument) for argument in arguments]))
    return cast("T", bytes(result.raw())) if isinstance(result, PickleBuffer) else result


def _opened(argument: Any) -> Any:
    return argument.raw() if isinstance(argument, PickleBuffer) else argument
