"""How a server stops: what each signal does, and the watchdog behind it. tests/e2e/test_stopping.py stops real ones."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.app.root import build
from penstock.server.gateway import Gateway
from penstock.server.stopping import GracefulServer, _cancel_once
from penstock.settings import load
from raw_caller import BODY, HEAD, with_length

TERM, INT = signal.SIGTERM, signal.SIGINT


class Armed(list[tuple[float, int]]):
    """What the watchdog was armed with."""

    def arm(self, seconds: float, code: int) -> None:
        self.append((seconds, code))


@pytest.fixture
def armed() -> Armed:
    return Armed()


def gateway() -> Gateway:
    return build(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), None)


def server(armed: Armed, *, is_supervised: bool = False) -> GracefulServer:
    return GracefulServer(gateway(), 30, is_supervised=is_supervised, watchdog=armed.arm)


@pytest.mark.parametrize("first", [TERM, INT])
@pytest.mark.parametrize("second", [TERM, INT])
def test_the_second_signal_stops_at_once(first: signal.Signals, second: signal.Signals, armed: Armed) -> None:
    stopped = server(armed)
    stopped.handle_exit(first, None)
    assert (stopped.should_exit, stopped.force_exit, armed) == (True, False, [(40.0, 1)])
    stopped.handle_exit(second, None)
    stopped.handle_exit(second, None)
    assert (stopped.force_exit, armed) == (True, [(40.0, 1), (10.0, 1)])


def test_a_worker_is_stopped_at_once_by_its_supervisor_alone(armed: Armed) -> None:
    stopped = server(armed, is_supervised=True)
    stopped.handle_exit(TERM, None)
    stopped.handle_exit(TERM, None)
    assert (stopped.should_exit, stopped.force_exit) == (True, False)
    stopped.stop_at_once()
    assert stopped.force_exit


def test_signals_are_handled_while_it_runs_and_not_raised_again(armed: Armed) -> None:
    stopped, before = server(armed), [signal.getsignal(TERM), signal.getsignal(INT)]
    with stopped.capture_signals():
        signal.raise_signal(TERM)
        signal.raise_signal(INT)
    assert stopped.force_exit
    assert [signal.getsignal(TERM), signal.getsignal(INT)] == before


def test_a_server_in_a_thread_ends_no_process(armed: Armed) -> None:
    stopped = server(armed)

    def run() -> None:
        with stopped.capture_signals():
            stopped.stop_at_once()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(300)
    assert (stopped.force_exit, armed) == (True, [])


def test_the_watchdog_ends_a_process_that_is_stuck() -> None:
    code = """
import logging, threading
from penstock.server.stopping import Watchdog
logging.basicConfig()
Watchdog.arm(0.01, 7)
threading.Event().wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 7
    assert "stopping took too long" in done.stderr


@pytest.fixture
async def listening(armed: Armed) -> AsyncIterator[tuple[GracefulServer, socket.socket]]:
    """A gateway on a socket, in the test's own event loop; it stops when the test says so."""
    # Longer than a test may take: a stop that waits for its end is seen.
    stopped = GracefulServer(gateway(), 1000, watchdog=armed.arm)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await stopped.start(sock)
        yield stopped, sock


async def test_who_asked_before_the_stop_is_answered(listening: tuple[GracefulServer, socket.socket]) -> None:
    """The event loop was busy: the connections wait at the listening socket, and nothing of them has been read."""
    stopped, sock = listening
    with ExitStack() as stack:
        callers = [stack.enter_context(socket.create_connection(sock.getsockname(), 300)) for _ in range(20)]
        for number, caller in enumerate(callers):
            request = with_length(HEAD, BODY)
            caller.sendall(request if number else request[:-1])
        stopping = asyncio.create_task(stopped.shutdown())
        while stopped.listener is not None and stopped.listener.is_serving():  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0)
        callers[0].sendall(BODY[-1:])
        await stopping
        assert {caller.recv(12) for caller in callers} == {b"HTTP/1.1 200"}


async def test_connections_without_end_do_not_hold_the_stop(
    listening: tuple[GracefulServer, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, sock = listening
    monkeypatch.setattr("penstock.server.stopping._LONGEST_TAKING_IN", 0.0)
    with ExitStack() as stack:
        callers = [stack.enter_context(socket.create_connection(sock.getsockname(), 300)) for _ in range(60)]
        await stopped.shutdown()
        with pytest.raises(ConnectionResetError):
            callers[-1].recv(1)


async def test_a_request_is_ended_once_however_long_it_takes() -> None:
    """It may be telling its caller: ended once more, it could not."""
    ended = 0
    may_end = asyncio.Event()

    async def request() -> None:
        nonlocal ended
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                ended += 1

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    for _ in range(3):
        _cancel_once(task)
        await asyncio.sleep(0)
    may_end.set()
    await task
    assert ended == 1
