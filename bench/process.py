"""One started program: pinned to its cores, logging to a file, stopped with all its children on every way out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import accounting
from bench.failure import MeasurementError

_PATIENCE = 5.0
_REST = 1.0
_LITTLE = 0.1
"""Seconds of computing within ``_REST`` that a program takes which has nothing to do, also under valgrind."""
_SETTLING = 60.0
_LAST_WORDS = 600


@dataclass(frozen=True)
class Process:
    """A running program and what it has used so far."""

    popen: subprocess.Popen[bytes]
    log: Path
    started_at: float

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    @property
    def cpu_seconds(self) -> float:
        return accounting.cpu_seconds(self.popen.pid)

    @property
    def resident_kb(self) -> int:
        return accounting.resident_kb(self.popen.pid)

    @property
    def open_files(self) -> int:
        return accounting.open_files(self.popen.pid)

    def settle(self) -> None:
        """Wait until it has next to nothing to do: what the first requests set off beside them is over, such as loading
        the library of the database for the rows that are written there."""
        deadline, used = time.monotonic() + _SETTLING, -1.0
        while time.monotonic() < deadline and self.cpu_seconds - used > _LITTLE:
            used = self.cpu_seconds
            time.sleep(_REST)

    def census(self, window: Path) -> dict[str, Any]:
        """What it holds, as a program with windows tells it (observed.py) whose BENCH_WINDOW is this file."""
        window.unlink(missing_ok=True)
        self.popen.send_signal(signal.SIGUSR1)
        until = time.monotonic() + _SETTLING
        while not window.exists():
            if time.monotonic() > until or not self.running:
                raise MeasurementError(f"it opened no window: {self.last_words()}")
            time.sleep(0.05)
        census: dict[str, Any] = json.loads(window.read_text("utf-8"))
        return census

    def last_words(self) -> str:
        """The end of its log, for a message about why it failed."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LAST_WORDS))
            return log.read().decode(errors="replace").strip() or "it logged nothing"


@contextmanager
def running(
    command: Sequence[str | Path], cores: frozenset[int], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a command in a session of its own until the block ends."""
    started_at = time.perf_counter()
    with log.open("ab") as output:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else {**os.environ, **environment},
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 (this program has no threads)
        )
    try:
        yield Process(popen, log, started_at)
    finally:
        _stop(popen)


def _stop(popen: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, how)
        with suppress(subprocess.TimeoutExpired):
            popen.wait(_PATIENCE)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
