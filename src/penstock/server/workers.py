"""Several worker processes on one listening socket, and the supervisor that starts, watches and stops them.

Each worker has a pipe to its supervisor. Orders come through it rather than as signals, which terminals and service
managers send to the whole group; its end tells a worker that the supervisor is gone, however it went.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Protocol

from penstock.server.http.http_server import STARTUP_FAILED
from penstock.settings import GUARDED, IN_DATABASE, IN_FILE

_LOG: Final = logging.getLogger("penstock")
_SPAWN: Final = multiprocessing.get_context("spawn")
_STOP: Final = b"stop"
_STOP_AT_ONCE: Final = b"stop at once"
_BEAT: Final = b"."
_PROBLEM: Final = b"!"
OPEN: Final = "open"
"""What a worker says of gateway keys whose callers need none."""
_SILENCE: Final = 60.0
"""Seconds without a sign of life after which a worker is replaced: its event loop stands still."""
_PAUSE: Final = 1.0
"""Seconds between the starts of a worker and of the one that takes its place. A start that fails takes about as long by
itself: the next one follows after its end, and later each time."""
_LONGEST_PAUSE: Final = 15.0
_LATE: Final = 10.0
"""Seconds in which every worker must know of the first gateway keys. One that doesn't is replaced."""
_SLACK: Final = 15.0
"""Seconds after the grace, or after a second signal, in which a worker must have ended; then it is killed."""
_TICK: Final = 1.0

Work = Callable[[socket.socket, Connection], None]
"""What a worker process does. Anything that can be pickled: a function of a module, or a ``partial`` of one."""


class Server(Protocol):
    """What a worker runs (``stopping.GracefulServer``)."""

    def stop(self) -> None: ...

    def stop_at_once(self) -> None: ...


def obey(orders: Connection, server: Server) -> None:
    """Follow the supervisor's orders, in a thread of its own, until the supervisor is gone."""
    threading.Thread(target=_obey, args=(orders, server), name="orders", daemon=True).start()


def _obey(orders: Connection, server: Server) -> None:
    while True:
        try:
            order = orders.recv_bytes()
        except (EOFError, OSError):
            _LOG.warning("the supervisor is gone: worker %d stops", os.getpid())
            server.stop()
            return
        if order == _STOP_AT_ONCE:
            server.stop_at_once()
        else:
            server.stop()


def beat(orders: Connection, keys: str = "") -> None:
    """A sign of life for the supervisor, and what the worker knows of gateway keys: ``OPEN``, a value of ``GUARDED``,
    or nothing."""
    with contextlib.suppress(OSError):
        orders.send_bytes(_BEAT + keys.encode())


def say_why(orders: Connection, problem: str) -> None:
    """Tell the supervisor why this worker can't start."""
    with contextlib.suppress(OSError):
        orders.send_bytes(_PROBLEM + problem.encode(errors="backslashreplace"))  # a path may be no text


@dataclass(frozen=True)
class _Start:
    """A worker that is to be started: at a moment of the monotonic clock, after so many failing starts in its place."""

    due: float
    failures: int = 0


class _Worker:
    """A worker process. ``failures`` are the starts that failed in its place before it."""

    def __init__(self, work: Work, sock: socket.socket, failures: int = 0) -> None:
        self.orders, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_run, args=(work, sock, theirs), daemon=True)
        with theirs, _interrupts_blocked():
            self.process.start()
        self.started = self.seen = time.monotonic()
        self.is_up = False
        self.failures = failures
        self.problem = ""
        self.place_of_keys = ""
        self.is_open = False
        """Whether it serves without gateway keys, by its last sign of life."""
        self.is_ending = False
        """Whether it was told to stop while the others go on. It gives no sign of life then."""
        self.silence = _SILENCE
        """Seconds without a sign of life after which it is killed."""

    def order(self, order: bytes) -> None:
        with contextlib.suppress(OSError):
            self.orders.send_bytes(order)

    def listen(self) -> None:
        """Take its signs of life, and why it can't start."""
        with contextlib.suppress(EOFError, OSError):
            while self.orders.poll():
                word = self.orders.recv_bytes()
                if word.startswith(_PROBLEM):
                    self.problem = word.removeprefix(_PROBLEM).decode()
                    continue
                keys = word.removeprefix(_BEAT).decode()
                self.is_open = keys == OPEN
                if keys in {IN_FILE, IN_DATABASE}:
                    self.place_of_keys = keys
                self.seen, self.is_up = time.monotonic(), True

    @property
    def ending(self) -> str:
        """How the process ended."""
        code = self.process.exitcode or 0
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    @property
    def is_killed(self) -> bool:
        """Whether a signal ended the process."""
        return (self.process.exitcode or 0) < 0

    def close(self) -> None:
        self.orders.close()
        self.process.close()


def _run(work: Work, sock: socket.socket, orders: Connection) -> None:
    """The main function of a worker process."""
    # Ctrl-C reaches every process of the terminal's group; the supervisor says what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until somebody wants to be told of it
    _unblock_interrupts()
    work(sock, orders)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start a process that gets no SIGINT before it is ready for one: Python would print a traceback."""
    if sys.platform == "win32":
        yield
        return
    # The first process of multiprocessing's brings this helper up, which lets signals through again when it runs.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock_interrupts() -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


class Supervisor:
    """Keeps ``count`` workers running until it is told to stop.

    SIGINT or SIGTERM stops the workers in order, a second one at once; SIGHUP is passed on to them. A worker that dies,
    gives no sign of life for a minute, or doesn't know of gateway keys that another knows, is told in the log and
    replaced. Once a worker has served, one that can't start stops nothing: the others serve, and it is tried again.
    """

    def __init__(self, work: Work, count: int, sock: socket.socket, grace: float) -> None:
        self._work = work
        self._count = count
        self._sock = sock
        self._grace = grace
        self._workers: list[_Worker] = []
        self._starts: list[_Start] = []
        self._has_served = False
        self._problem = ""
        """Why a worker can't start, as the log says it already."""
        self._guarded_since = float("inf")
        """When gateway keys were known."""
        self._code = 0
        self._is_stopping = self._is_forced = False
        self._until = float("inf")
        self._had_terminal = os.isatty(0)

    def run(self) -> int:
        """Run until all workers have ended. Returns the exit code: 0, or that of a worker that could not start."""
        with _signal_numbers() as signals:
            self._starts = [_Start(0.0)] * self._count
            while self._workers or self._starts:
                self._start_due()
                sources = [worker.process.sentinel for worker in self._workers]
                wait([signals, *sources, *[worker.orders for worker in self._workers]], _TICK)
                for number in _received(signals):
                    self._handle(number)
                self._look_after()
        return self._code

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [each for each in self._starts if each.due <= now]
        self._starts = [each for each in self._starts if each.due > now]
        for each in due:
            try:
                self._workers.append(_Worker(self._work, self._sock, each.failures))
            except OSError as error:  # no process, no memory, no open file is left
                if not self._has_served:
                    raise
                self._try_again(each.failures, str(error))

    def _handle(self, number: int) -> None:
        if number == getattr(signal, "SIGHUP", None):
            if self._had_terminal and not os.isatty(0):
                self._stop()
            else:
                self._pass_on(number)
        elif self._is_forced:
            self._kill_all()
        elif self._is_stopping:
            _LOG.warning("a second signal asks to stop at once: %d workers end their requests", len(self._workers))
            self._stop_at_once()
        else:
            self._stop()

    def _pass_on(self, number: int) -> None:
        for worker in self._workers:
            if worker.is_up and worker.process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.process.pid, number)

    def _stop(self) -> None:
        self._is_stopping = True
        self._starts.clear()
        # Callers that come now are refused rather than left waiting for workers that take nobody in any more.
        self._sock.close()
        self._until = time.monotonic() + self._grace + _SLACK
        for worker in self._workers:
            worker.order(_STOP)

    def _stop_at_once(self) -> None:
        self._is_forced = True
        self._until = time.monotonic() + _SLACK
        for worker in self._workers:
            worker.order(_STOP_AT_ONCE)

    def _kill_all(self) -> None:
        for worker in self._workers:
            worker.process.kill()

    def _look_after(self) -> None:
        for worker in self._workers.copy():
            worker.listen()
            self._has_served |= worker.is_up
            if worker.is_up and worker.failures:
                worker.failures, self._problem = 0, ""  # what comes again is told again
            self._learn(worker.place_of_keys)
            if worker.process.exitcode is not None:
                self._workers.remove(worker)
                self._ended(worker)
                worker.close()
            elif not self._is_stopping:
                self._check(worker)
        if time.monotonic() > self._until:
            _LOG.error("%d workers did not end in time: they are killed", len(self._workers))
            self._until = float("inf")
            self._kill_all()

    def _check(self, worker: _Worker) -> None:
        """End a worker that stands still, or that lets in whom it must not."""
        if worker.is_up and time.monotonic() - worker.seen > worker.silence:
            _LOG.error("worker %s gave no sign of life for %g s: it is killed", worker.process.pid, worker.silence)
            worker.process.kill()
        elif not worker.is_ending and self._is_late(worker):
            _LOG.error("worker %s serves without gateway keys, which others know: it is stopped", worker.process.pid)
            worker.is_ending, worker.seen, worker.silence = True, time.monotonic(), self._grace + _SLACK
            worker.order(_STOP)

    def _learn(self, place: str) -> None:
        """Once a worker knows of gateway keys, made since the start or before, have none that starts from then on serve
        without them."""
        if place and os.environ.get(GUARDED) != IN_DATABASE:
            os.environ[GUARDED] = place
        if self._guarded_since == float("inf") and os.environ.get(GUARDED):
            self._guarded_since = time.monotonic()

    def _is_late(self, worker: _Worker) -> bool:
        """Whether a worker serves without the keys that others have known for long. It would say at once if it knew."""
        return worker.is_open and time.monotonic() - max(self._guarded_since, worker.started) > _LATE

    def _ended(self, worker: _Worker) -> None:
        if self._is_stopping:
            return
        if worker.is_up or worker.is_killed:
            _LOG.error("worker %s died (%s): another one takes its place", worker.process.pid, worker.ending)
            failures = 0 if worker.is_up else worker.failures + 1
            self._starts.append(_Start(worker.started + _pause(failures), failures))
            return
        why = worker.problem or worker.ending
        if worker.process.exitcode == STARTUP_FAILED and not self._has_served:
            _LOG.error("worker %s could not start (%s): the gateway stops", worker.process.pid, why)
            self._code = STARTUP_FAILED
            self._stop()
            return
        self._try_again(worker.failures, why)

    def _try_again(self, failures: int, why: str) -> None:
        """Start a worker later whose start has failed, after so many others in its place."""
        if why != self._problem:
            _LOG.error("a worker can't start: %s; it is tried again", why)
        self._problem = why
        self._starts.append(_Start(time.monotonic() + _pause(failures), failures + 1))


def _pause(failures: int) -> float:
    """Seconds until a start is tried again that has failed so often before."""
    return min(_PAUSE * 2.0 ** min(failures, 16), _LONGEST_PAUSE)


@contextlib.contextmanager
def _signal_numbers() -> Iterator[socket.socket]:
    """A socket that the numbers of arriving signals can be read from, a byte each."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        names = ("SIGINT", "SIGTERM", "SIGHUP")
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before: dict[int, Any] = {number: signal.signal(number, lambda *_: None) for number in numbers}
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)


def _received(signals: socket.socket) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return signals.recv(4096)
    return b""
