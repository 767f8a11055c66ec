"""A real Redis server for the tests, where its program is installed (Debian: ``redis-server``).

It listens on a socket in its own folder only: no port could be another's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

NOT_INSTALLED: Final = "Redis is not installed (Debian: apt install redis-server)"


def program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """A server that runs. ``organisation`` is a new name, whose keys are nobody else's."""

    def __init__(self, folder: str) -> None:
        self._path = str(Path(folder, "socket"))
        self._folder = folder
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix://{self._path}"

    def organisation(self) -> str:
        return f"test-{next(self._numbers)}"

    def start(self, *options: str) -> None:
        command = (
            *(program() or "redis-server", "--port", "0", "--unixsocket", self._path, "--dir", self._folder),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", "--logfile", "log", *options),
        )
        self._process = self._run(command)
        while not self._answers():
            assert self._process.poll() is None, Path(self._folder, "log").read_text()
            time.sleep(0.01)  # asking without a pause takes the processor from the server that starts

    def command(self, *words: str) -> bytes:
        """The beginning of the server's answer to a command."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._path)
            connection.sendall(
                b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)])
            )
            return connection.recv(65536)

    def age(self, pattern: str, seconds: float) -> None:
        """Let seconds pass for the keys that have an end."""
        text = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do local left = redis.call('PTTL', key) "
        text += "if left > 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end end"
        self.command("EVAL", text, "0", pattern, str(round(seconds * 1000)))

    def freeze(self) -> None:
        """The server takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def _run(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """The process, which ``kill`` ends."""
        return subprocess.Popen(command, cwd=self._folder)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False


@contextlib.contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server with a folder of its own, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()
