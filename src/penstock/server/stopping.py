"""Stopping: running requests have a grace; at its end, or at a second signal, each of them is told, and recorded.

The cancelled requests have time to tell their callers, and a ``Watchdog`` ends a process whose event loop or threads
are stuck.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Final

from penstock.server.http.http_server import KEEP_ALIVE_SECONDS, HttpServer
from penstock.server.http.server_state import Served

_LOG: Final = logging.getLogger("penstock")
_POLL: Final = 0.02
_BEAT: Final = 5
"""Seconds between two signs of life."""
_LONGEST_TAKING_IN: Final = 1.0
"""Seconds for taking in connections, which may come without end."""
_TURNS: Final = 5
"""Turns of the event loop in which the bytes of a connection that was taken in are read."""
_LAST_SECONDS: Final = 1.0
"""How long callers may take to read that their requests are ended."""
_SLACK: Final = 10.0
"""Seconds after the grace, or after a second signal, in which the process must have ended. On a quiet machine it takes
one; on a busy one the rows of the last requests may have to wait for the library that writes them."""
_THREADS: Final = 1.0
"""Seconds for threads that are stuck in a system call, after everything else has ended."""


class Watchdog:
    """Ends the process when stopping takes longer than it may."""

    @staticmethod
    def arm(seconds: float, code: int) -> None:
        """End the process in so many seconds, unless it ends before. May be called in a signal handler."""
        # threading.Thread takes a lock that the interrupted code may hold. No thread is left to start at the very end.
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(_end_process, (seconds, code))


def _end_process(seconds: float, code: int) -> None:
    time.sleep(seconds)
    if code:
        _LOG.error("stopping took too long: the process ends now")
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


class GracefulServer(HttpServer):
    """A server that stops with a word to every caller: what runs has ``grace`` seconds.

    A first SIGINT or SIGTERM begins the stop, a second one of either kind stops at once. ``is_supervised``: the server
    is one of several workers; the supervisor alone says what to do, since signals reach workers twice where a terminal
    or a service manager sends them to the whole group. ``beat`` is then called every few seconds from the event loop.
    ``is_guest``: the signals, and the end of the process, are another server's.
    """

    def __init__(
        self,
        app: Served,
        grace: float,
        *,
        tls: ssl.SSLContext | None = None,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        is_supervised: bool = False,
        is_guest: bool = False,
        beat: Callable[[], None] | None = None,
        watchdog: Callable[[float, int], None] = Watchdog.arm,
    ) -> None:
        super().__init__(app, tls=tls, keep_alive_seconds=keep_alive_seconds)
        self.force_exit = False
        self._grace = grace
        self._is_supervised = is_supervised
        self._is_guest = is_guest
        self._beat = beat
        self._seconds = 0
        self._watchdog = watchdog

    # Called from signal handlers and other threads: nothing here may wait for a lock, so nothing is logged.

    def stop(self) -> None:
        """Begin to stop. Harmless when called again."""
        if not self.should_exit:
            self.should_exit = True
            self._limit(self._grace + _SLACK, 1)

    def stop_at_once(self) -> None:
        """End the running requests now. Harmless when called again."""
        self.stop()
        if not self.force_exit:
            self.force_exit = True
            self._limit(_SLACK, 1)

    def _limit(self, seconds: float, code: int) -> None:
        """The process ends in so many seconds, whatever holds it."""
        if not self._is_guest:
            self._watchdog(seconds, code)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.should_exit and not self._is_supervised:
            self.stop_at_once()
        else:
            self.stop()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle the signals while the server runs."""
        if self._is_guest or threading.current_thread() is not threading.main_thread():
            self._is_guest = True  # a server in a thread is one, too
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def serve(self, sock: socket.socket) -> None:
        with self.capture_signals():
            await super().serve(sock)

    def on_second(self) -> None:
        super().on_second()
        if self._beat is not None and self._seconds % _BEAT == 0:
            self._beat()
        self._seconds += 1

    async def shutdown(self) -> None:
        """Stop listening, let running requests end within the grace, tell the rest, stop the application."""
        self._limit(self._grace + _SLACK, 1)
        await self._take_in()
        self.stop_listening()
        self.state.is_stopping = True
        for connection in list(self.state.connections):
            connection.shutdown()
        if not await self._drained():
            await self._end_running()
        await self.state.app.stop()
        self._limit(_THREADS, 0)

    async def _take_in(self) -> None:
        """Take in the connections and the bytes that have arrived by now: to close the listening sockets resets every
        connection that waits there, with what was sent over it. A turn of the event loop takes in one connection."""
        waiting = select.poll()
        for sock in self.listener.sockets if self.listener is not None else ():
            waiting.register(sock.fileno(), select.POLLIN)
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_TAKING_IN
        while waiting.poll(0) and loop.time() < until:  # noqa: ASYNC110 (a turn takes a connection in)
            await asyncio.sleep(0)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _drained(self) -> bool:
        """Wait until all requests are answered, but not beyond the grace or a second signal; whether they are."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._grace
        while self.state.connections or self.state.tasks:
            if self.force_exit or loop.time() >= until:
                return False
            await asyncio.sleep(_POLL)
        return True

    async def _end_running(self) -> None:
        """Cancel what runs: each request tells its caller (``respond.tell_of_stop``) and closes its account."""
        why = "a second signal asks to stop at once" if self.force_exit else "the grace of running requests is over"
        _LOG.warning("%s: %d of them are ended", why, len(self.state.tasks))
        loop = asyncio.get_running_loop()
        until = loop.time() + _LAST_SECONDS
        while (self.state.connections or self.state.tasks) and loop.time() < until:
            # Requests that were sent ahead begin when the one before them ends: they are ended, too.
            for task in list(self.state.tasks):
                _cancel_once(task)
            for connection in list(self.state.connections):
                connection.refuse_rest()
            await asyncio.sleep(_POLL)


def _cancel_once(task: asyncio.Task[Any]) -> None:
    if not task.cancelling():
        task.cancel()
