"""``penstock serve`` as a process, for tests of what only a process does."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class Serving:
    """A gateway as a process; ``errors`` is what it has written to standard error so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, host: str) -> None:
        self.process = process
        self._log = log
        self.port = int(self.wait_for(rb"listens on http://%s:(\d+)" % re.escape(host.encode()))[1])

    def wait_for(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until standard error has this."""
        found: list[re.Match[bytes]] = []

        def is_there() -> bool:
            found.extend(re.finditer(pattern, self._log.read_bytes()))
            return bool(found)

        until(is_there)
        return found[0]

    @property
    def errors(self) -> str:
        return self._log.read_text("utf-8")

    def workers(self) -> list[int]:
        """The processes that serve."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [pid for pid in map(int, children.split()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def health(self) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds. On a busy machine another attempt of a gateway may come a minute later: the limit
    only ends what would never come."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def serving(
    tmp_path: Path,
    *arguments: str,
    stdout: int = subprocess.DEVNULL,
    group: bool = False,
    host: str = "127.0.0.1",
    **environment: str,
) -> Iterator[Serving]:
    log = tmp_path / "errors"
    command = [sys.executable, "-m", "penstock", "serve", "--port", "0", *arguments]
    environment = {**os.environ, **environment}
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=stdout, stderr=errors, env=environment, start_new_session=group) as process,
    ):
        try:
            yield Serving(process, log, host)
        finally:
            process.kill()
