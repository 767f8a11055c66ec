"""A bystander: ``python -m bench.probe PORT PID`` asks for /health again and again, and tells how long it waited.

At the end of standard input it writes one JSON object: the longest wait, and the one with the largest part that was the
gateway's doing.
A wait is not the gateway's where the processor was taken by other programs: the kernel counts for each thread how long
it was ready to run and had to wait (/proc/PID/task/TID/schedstat; scheduler documentation of Linux, sched-stats).
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_REQUEST: Final = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
_PATIENCE: Final = 120.0
_PAUSE: Final = 0.003


@dataclass
class Wait:
    """Seconds between a question and its answer."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Computing time that the gateway used meanwhile, in all its threads."""
    delayed: float = 0.0
    """Time that the gateway's threads, or this program, waited for a processor."""

    @property
    def own(self) -> float:
        """The part that is not the machine's. A thread may wait for a processor while another holds Python's lock, so
        all delays count, but never more than leaves the computing time that was used."""
        return max(self.seconds - self.delayed, min(self.seconds, self.cpu))


def clocks(pid: int) -> tuple[float, float]:
    """Seconds that the threads of a process have run, and have been ready to run."""
    ran = delayed = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (task / "schedstat").read_text("ascii").split()
            ran += int(words[0])
            delayed += int(words[1])
    return ran / 1e9, delayed / 1e9


def ask(connection: socket.socket, pid: int) -> Wait:
    """Ask once."""
    ran, delayed = clocks(pid)
    _, mine = clocks(os.getpid())
    began = time.perf_counter()
    connection.sendall(_REQUEST)
    answer = b""
    while b'"ok"' not in answer:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionError("the gateway closed the connection of /health")
        answer += piece
    seconds = time.perf_counter() - began
    after, waited = clocks(pid)
    return Wait(seconds, max(0.0, after - ran), max(0.0, waited - delayed) + clocks(os.getpid())[1] - mine)


def main() -> int:
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    longest, worst = Wait(), Wait()
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], _PAUSE)[0]:
            wait = ask(connection, pid)
            longest = max(longest, wait, key=lambda each: each.seconds)
            worst = max(worst, wait, key=lambda each: each.own)
    print(json.dumps({"longest": asdict(longest), "worst": asdict(worst)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
