"""A Redis of its own for a measurement, where one is installed."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench import process
from bench.failure import MeasurementError

_PATIENCE: Final = 30.0


def program() -> str | None:
    """The server's program; None if none is installed."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


@contextmanager
def running(cores: frozenset[int], home: Path) -> Iterator[str]:
    """The address of a server that keeps nothing on the disk, and runs until the block ends."""
    found, port = program(), process.free_port()
    if found is None:
        raise MeasurementError("Redis is not installed (Debian: apt install redis-server)")
    command = [found, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with process.running([*command, "--dir", str(home)], cores, home / "redis.log") as server:
        _until_it_listens(server, port)
        yield f"redis://127.0.0.1:{port}"


def _until_it_listens(server: process.Process, port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.running:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise MeasurementError(f"Redis does not listen: {server.last_words()}")
