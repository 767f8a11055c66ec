"""Stopping: what is under way is finished or told, a second signal is obeyed, and nothing can hold the process."""

from __future__ import annotations

import fcntl
import http.client
import os
import re
import signal
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from bench import stops

from serving import serving, until
from upstream import Upstream

TERM, INT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
SMALL = stops.Load(streams=20, plain=4, finishing=4, uploads=4, idle=4, grace=3)
TOLD = {"stream, told": 20, "plain, told": 4, "finishing, complete": 4, "idle, closed": 4}


@pytest.mark.parametrize("workers", [1, 2])
def test_at_the_end_of_the_grace_every_caller_is_told(tmp_path: Path, workers: int) -> None:
    load = replace(SMALL, workers=workers)
    outcome = stops.run(load, tmp_path)
    assert outcome.fates == {**TOLD, "upload, complete": 2, "upload, told": 2}
    assert outcome.lines == {"200": 6, "503 shutting_down": 26}
    assert outcome.exit_code == 0
    assert "the grace of running requests is over" in outcome.messages
    assert "Traceback" not in outcome.messages


@pytest.mark.parametrize(
    ("first", "second", "workers"), [(TERM, TERM, 1), (INT, TERM, 1), (TERM, INT, 1), (TERM, TERM, 2)]
)
def test_a_second_signal_stops_at_once_with_a_word(
    tmp_path: Path, first: signal.Signals, second: signal.Signals, workers: int
) -> None:
    load = replace(SMALL, grace=3600, first=first, second=second, workers=workers)
    outcome = stops.run(load, tmp_path)
    assert sum(outcome.lines.values()) == 32
    assert not [fate for fate in outcome.fates if fate.endswith(("cut", "hung"))]
    assert outcome.exit_code == 0
    assert "a second signal asks to stop at once" in outcome.messages
    assert "Traceback" not in outcome.messages


def is_running(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_a_reader_of_the_log_that_stalls_can_not_hold_the_stop(tmp_path: Path) -> None:
    readable, writable = os.pipe()
    fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 4096)
    try:
        with serving(tmp_path, stdout=writable, PENSTOCK_SHUTDOWN_GRACE="1") as gateway:
            for _ in range(100):
                with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)) as connection:
                    connection.request("GET", "/nowhere")
                    assert connection.getresponse().status == 404
            gateway.process.send_signal(TERM)
            assert gateway.process.wait(300) == 0
            assert "nobody reads the access log" in gateway.errors
    finally:
        os.close(readable)
        os.close(writable)


def test_messages_that_nobody_reads_can_not_hold_the_stop(tmp_path: Path, upstream: Upstream) -> None:
    """Standard error is the same pipe, and it is full when the end of the grace is to be told."""
    readable, writable = os.pipe()
    fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "penstock", "serve", "--port", "0", "--log-level", "info"]
    environment = {**os.environ, "PENSTOCK_SHUTDOWN_GRACE": "0"}
    try:
        with subprocess.Popen(command, stdout=writable, stderr=writable, env=environment) as process:
            try:
                shown = b""
                while (found := re.search(rb"listens on http://127\.0\.0\.1:(\d+)", shown)) is None:
                    shown += os.read(readable, 4096)
                with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=300)) as connection:
                    for _ in range(100):
                        connection.request("GET", "/nowhere")
                        connection.getresponse().read()
                process.send_signal(TERM)
                process.send_signal(TERM)
                assert process.wait(300) == 0
            finally:
                process.kill()
    finally:
        os.close(readable)
        os.close(writable)


INTERRUPTED = """
import atexit, os, signal, sys
stage, workers = sys.argv[1:3]
seen = []

def interrupt():
    if not seen:
        seen.append(stage)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)

def watch(event, arguments):
    if event == stage or (event == "import" and arguments[0] == stage):
        interrupt()

from penstock import __main__ as entry
sys.argv[1:] = ["serve", "--port", "0", "--log-level", "error", "--workers", workers]
sys.addaudithook(watch)
if stage == "exit":
    from penstock.server import serve, serve_workers
    serve.serve = serve_workers.supervise = lambda *_: None
    atexit.register(interrupt)
entry.run()
"""
STAGES = [
    "penstock.cli", "click", "penstock.cli.serve", "penstock.settings.load", "msgspec", "socket.bind", "penstock.app.root",
    "penstock.providers.registry", "penstock.transport.http1", "penstock.server.serve", "penstock.server.http.http_server", "exit",
]  # fmt: skip
"""Modules while they are imported, an audit event, and the end of the process."""


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_prints_no_traceback_at_any_stage(stage: str, workers: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, stage, workers], capture_output=True, timeout=300, check=False
    )
    assert done.stderr == b""
    assert done.returncode in {0, 130}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_prints_no_traceback_while_it_serves(tmp_path: Path, workers: int, number: int) -> None:
    """Right behind the banner, while workers are being started, and while the process stops; to the whole group, as a
    terminal sends it."""
    with serving(tmp_path, "--workers", str(workers), group=True) as gateway:
        for _ in range(number):
            os.killpg(gateway.process.pid, INT)
        assert gateway.process.wait(300) == 0
        assert "Traceback" not in gateway.errors
        assert "KeyboardInterrupt" not in gateway.errors


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_prints_no_traceback_when_workers_are_up(tmp_path: Path, workers: int) -> None:
    with serving(tmp_path, "--workers", str(workers), group=True) as gateway:
        assert gateway.health() == 200
        os.killpg(gateway.process.pid, INT)
        assert gateway.process.wait(300) == 0
        assert "Traceback" not in gateway.errors


def test_a_worker_that_crashes_is_told_and_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as gateway:
        assert gateway.health() == 200
        until(lambda: len(gateway.workers()) == 2)
        crashed = gateway.workers()[0]
        os.kill(crashed, signal.SIGKILL)
        gateway.wait_for(b"worker %d died \\(signal SIGKILL\\): another one takes its place" % crashed)
        until(lambda: len(gateway.workers()) == 2)
        assert crashed not in gateway.workers()
        gateway.process.send_signal(TERM)
        assert gateway.process.wait(300) == 0
        assert gateway.errors.count(" died ") == 1


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as gateway:
        assert gateway.health() == 200
        until(lambda: len(gateway.workers()) == 2)
        workers = gateway.workers()
        gateway.process.kill()
        until(lambda: not any(map(is_running, workers)))
        assert "the supervisor is gone" in gateway.errors
        with pytest.raises(ConnectionRefusedError):
            gateway.health()


def test_a_signal_to_the_whole_group_counts_once(tmp_path: Path, upstream: Upstream) -> None:
    """As Ctrl-C and systemd send it: the workers get it, and from their supervisor once more."""
    load = replace(SMALL, workers=2, to_group=True)
    outcome = stops.run(load, tmp_path)
    assert outcome.fates["finishing, complete"] == 4
    assert "second signal" not in outcome.messages


def test_workers_take_no_secret_from_their_environment(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text('[upstream]\nproxy = "http://me:CANARY@127.0.0.1:9"\n')
    with serving(tmp_path, "--workers", "2", "--config", str(tmp_path / "penstock.toml")) as gateway:
        assert gateway.health() == 200
        until(lambda: len(gateway.workers()) == 2)
        for pid in (gateway.process.pid, *gateway.workers()):
            for name in ("environ", "cmdline"):
                assert b"CANARY" not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_a_hangup_is_survived_by_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as gateway:
        assert gateway.health() == 200
        gateway.process.send_signal(HUP)
        assert gateway.health() == 200
        gateway.process.send_signal(INT)
        assert gateway.process.wait(300) == 0
        assert "died" not in gateway.errors


def test_a_gateway_without_standard_files_serves_and_stops() -> None:
    """As a careless daemon starts it."""
    shell = f"exec {sys.executable} -m penstock serve --port 0 <&- >&- 2>&-"
    with subprocess.Popen(["/bin/sh", "-c", shell]) as process:
        try:
            until(lambda: process.poll() is not None or has_event_loop(process.pid))
            process.send_signal(TERM)
            assert process.wait(300) == 0
        finally:
            process.kill()


def has_event_loop(pid: int) -> bool:
    """Whether the process has got as far as that."""
    with suppress(FileNotFoundError):
        return any("eventpoll" in str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir())
    return False
