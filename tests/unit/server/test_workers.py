"""Worker processes and their supervisor: orders, signs of life, deaths. tests/e2e/test_stopping.py runs real gateways."""

from __future__ import annotations

import errno
import functools
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from penstock.server import workers
from penstock.server.http.http_server import STARTUP_FAILED
from penstock.server.workers import OPEN, Supervisor, Work, beat, obey, say_why
from penstock.settings import GUARDED


class Served:
    """A server that says which orders it got."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.changed = threading.Condition()

    def _note(self, order: str) -> None:
        with self.changed:
            self.orders.append(order)
            self.changed.notify_all()

    def stop(self) -> None:
        self._note("stop")

    def stop_at_once(self) -> None:
        self._note("at once")

    def wait_for(self, *orders: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.orders == [*orders], 300)


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield ours, theirs


def test_orders_are_followed_until_the_supervisor_is_gone(
    pipe: tuple[Connection, Connection], caplog: pytest.LogCaptureFixture
) -> None:
    supervisor, worker = pipe
    server = Served()
    obey(worker, server)
    beat(worker)
    assert supervisor.recv_bytes() == b"."
    supervisor.send_bytes(b"stop")
    server.wait_for("stop")
    supervisor.send_bytes(b"stop at once")
    server.wait_for("stop", "at once")
    say_why(worker, "the folder \udcff is gone")  # a name that is no text
    assert supervisor.recv_bytes() == rb"!the folder \udcff is gone"
    supervisor.close()
    server.wait_for("stop", "at once", "stop")
    assert "the supervisor is gone" in caplog.text
    beat(worker)  # nobody is there to hear it


# What worker processes do in these tests.


def follow(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """Write down each order; end at the second, or when the supervisor is gone."""
    assert sock.fileno() >= 0
    beat(orders)
    (directory / f"up-{os.getpid()}").touch()
    (directory / f"stopped-{os.getpid()}").write_bytes(orders.recv_bytes())


def crash_once(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """The first process dies, its successor follows orders."""
    try:
        (directory / "crashed").touch(exist_ok=False)
    except FileExistsError:
        follow(directory, sock, orders)
    else:
        beat(orders)
        sys.exit(9)


def killed_once(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """The first process is killed before it is up, its successor follows orders."""
    try:
        (directory / "killed").touch(exist_ok=False)
    except FileExistsError:
        follow(directory, sock, orders)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def crash_once_guarded(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """As ``crash_once``, of a gateway that got keys; the successor writes down what it was told of them."""
    if (directory / "crashed").exists():
        (directory / "told").write_text(os.environ[GUARDED])
    else:
        beat(orders, "database")
    crash_once(directory, sock, orders)


def fail_after_a_crash(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """The first process dies, those after it can't start, until the fourth."""
    if not (directory / "crashed").exists():
        crash_once(directory, sock, orders)
    (directory / f"failed-{os.getpid()}").touch()
    if len([*directory.glob("failed-*")]) < 4:
        say_why(orders, "the folder is gone")
        sys.exit(STARTUP_FAILED)
    follow(directory, sock, orders)


def fail_twice_and_again(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """Every other process dies; before and after it one can't start."""
    number = len([*directory.glob("process-*")])
    (directory / f"process-{os.getpid()}").touch()
    if number % 2:
        say_why(orders, "the folder is gone")
        sys.exit(STARTUP_FAILED)
    if number < 4:
        beat(orders)
        sys.exit(9)
    follow(directory, sock, orders)


def learn_late(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """One process never knows of the keys that another knows; its successor does."""
    if knows_keys(directory, sock, orders):
        return
    while not orders.poll(0.01):
        beat(orders, OPEN)
    (directory / "ended").write_bytes(orders.recv_bytes())


def never_learn(directory: Path, sock: socket.socket, orders: Connection) -> None:
    """One process never knows of keys, and stands still when it is told to stop."""
    if not knows_keys(directory, sock, orders):
        beat(orders, OPEN)
        threading.Event().wait()


def knows_keys(directory: Path, sock: socket.socket, orders: Connection) -> bool:
    """False in the first process. Any other knows of keys, and follows orders."""
    try:
        (directory / "unknowing").touch(exist_ok=False)
    except FileExistsError:
        beat(orders, "database")
        follow(directory, sock, orders)
        return True
    return False


def fail(_: socket.socket, __: Connection) -> None:
    sys.exit(STARTUP_FAILED)


def ignore(directory: Path, _: socket.socket, orders: Connection) -> None:
    """Never end."""
    beat(orders)
    (directory / f"up-{os.getpid()}").touch()
    threading.Event().wait()


class Run:
    """A supervisor in this process; ``when_up`` signals go to it when so many workers have come up."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        monkeypatch.setattr(workers, "_PAUSE", 0.0)
        monkeypatch.setattr(workers, "_TICK", 0.05)

    def run(self, work: Work, *signals: signal.Signals, count: int = 2) -> int:
        todo = list(signals)
        supervisor = Supervisor(work, count, socket.create_server(("127.0.0.1", 0)), 0)
        look_after = supervisor._look_after

        def looking_after() -> None:
            look_after()
            if todo and len(self.named("up")) >= count:
                signal.raise_signal(todo.pop(0))

        supervisor._look_after = looking_after  # type: ignore[method-assign]
        return supervisor.run()

    def named(self, prefix: str) -> list[Path]:
        return list(self.directory.glob(f"{prefix}-*"))


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_are_told_to_stop(supervised: Run, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    assert supervised.run(functools.partial(follow, supervised.directory), number) == 0
    assert [path.read_bytes() for path in supervised.named("stopped")] == [b"stop"] * 2
    assert signal.getsignal(number) is before


def test_a_worker_that_dies_is_told_and_replaced(supervised: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert supervised.run(functools.partial(crash_once, supervised.directory), signal.SIGTERM) == 0
    [told] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "died (exit code 9): another one takes its place" in told.getMessage()
    assert len(supervised.named("stopped")) == 2


def test_a_worker_that_is_killed_before_it_is_up_is_told_and_replaced(
    supervised: Run, caplog: pytest.LogCaptureFixture
) -> None:
    assert supervised.run(functools.partial(killed_once, supervised.directory), signal.SIGTERM) == 0
    [told] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "died (signal SIGKILL): another one takes its place" in told.getMessage()


def test_a_worker_is_told_of_keys_that_others_have_found_since_the_start(
    supervised: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GUARDED, "")
    work = functools.partial(crash_once_guarded, supervised.directory)
    assert supervised.run(work, signal.SIGTERM, count=1) == 0
    assert (supervised.directory / "told").read_text() == "database"


def test_a_worker_that_can_not_start_later_stops_no_other(supervised: Run, caplog: pytest.LogCaptureFixture) -> None:
    work = functools.partial(fail_after_a_crash, supervised.directory)
    assert supervised.run(work, signal.SIGTERM, count=1) == 0
    assert len(supervised.named("failed")) == 4
    # Told once, however often it is tried again.
    assert caplog.text.count("a worker can't start: the folder is gone; it is tried again") == 1


def test_what_a_worker_could_not_start_for_is_told_again_when_it_comes_again(
    supervised: Run, caplog: pytest.LogCaptureFixture
) -> None:
    work = functools.partial(fail_twice_and_again, supervised.directory)
    assert supervised.run(work, signal.SIGTERM, count=1) == 0
    assert caplog.text.count("a worker can't start: the folder is gone; it is tried again") == 2


def test_a_process_that_can_not_be_made_later_stops_no_worker(
    supervised: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The system has no process, no memory or no open file left."""
    make, numbers = workers._Worker.__init__, count(1)

    def refuse_the_second(worker: workers._Worker, work: Work, sock: socket.socket, failures: int = 0) -> None:
        if next(numbers) == 2:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        make(worker, work, sock, failures)

    monkeypatch.setattr(workers._Worker, "__init__", refuse_the_second)
    work = functools.partial(crash_once, supervised.directory)
    assert supervised.run(work, signal.SIGTERM, count=1) == 0
    assert f"a worker can't start: [Errno {errno.EAGAIN}]" in caplog.text


def test_starts_that_fail_are_tried_again_later_each_time() -> None:
    assert [workers._pause(failures) for failures in range(6)] == [1, 2, 4, 8, 15, 15]
    assert workers._pause(100_000) == 15


def test_a_worker_that_serves_without_the_keys_that_others_know_is_replaced(
    supervised: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(GUARDED, "")
    monkeypatch.setattr(workers, "_LATE", 0.0)
    assert supervised.run(functools.partial(learn_late, supervised.directory), signal.SIGTERM) == 0
    assert (supervised.directory / "ended").read_bytes() == b"stop"
    assert "serves without gateway keys, which others know: it is stopped" in caplog.text
    assert len(supervised.named("stopped")) == 2


def test_a_worker_without_keys_that_does_not_end_is_killed(
    supervised: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(GUARDED, "")
    monkeypatch.setattr(workers, "_LATE", 0.0)
    monkeypatch.setattr(workers, "_SLACK", 0.5)
    assert supervised.run(functools.partial(never_learn, supervised.directory), signal.SIGTERM) == 0
    assert "gave no sign of life for 0.5 s: it is killed" in caplog.text
    assert "(signal SIGKILL): another one takes its place" in caplog.text


def test_workers_that_can_not_start_end_it_all(supervised: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert supervised.run(fail) == STARTUP_FAILED
    assert "could not start (exit code 3): the gateway stops" in caplog.text


def test_workers_that_do_not_end_are_killed(supervised: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_SLACK", 0.0)
    assert supervised.run(functools.partial(ignore, supervised.directory), signal.SIGTERM) == 0


def test_a_third_signal_kills(supervised: Run, caplog: pytest.LogCaptureFixture) -> None:
    ignoring = functools.partial(ignore, supervised.directory)
    assert supervised.run(ignoring, signal.SIGTERM, signal.SIGTERM, signal.SIGTERM) == 0
    assert "a second signal asks to stop at once" in caplog.text


def test_a_worker_without_a_sign_of_life_is_replaced(
    supervised: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_SILENCE", 0.0)
    monkeypatch.setattr(workers, "_SLACK", 0.0)
    killed = threading.Event()
    work = functools.partial(ignore, supervised.directory)
    supervisor = Supervisor(work, 1, socket.create_server(("127.0.0.1", 0)), 0)
    ended = supervisor._ended

    def noting(worker: workers._Worker) -> None:
        ended(worker)
        if not killed.is_set():
            killed.set()
            signal.raise_signal(signal.SIGTERM)

    supervisor._ended = noting  # type: ignore[method-assign]
    assert supervisor.run() == 0
    assert "gave no sign of life" in caplog.text
    assert "died (signal SIGKILL)" in caplog.text


_FIRST_START = """
import signal
from multiprocessing import resource_tracker
from penstock.server import workers
with workers._interrupts_blocked():
    resource_tracker.ensure_running()  # as the first process of multiprocessing's does
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_the_first_worker_is_started_with_interrupts_blocked_too() -> None:
    told = subprocess.run([sys.executable, "-c", _FIRST_START], capture_output=True, text=True, timeout=300, check=True)
    assert told.stdout.split() == ["True", "False"]
