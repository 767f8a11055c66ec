"""What limits cost: chat with a gateway key, a saved config, a budget and a rate limit, beside plain chat.

Two gateways serve in turn: the subject of the run, and one with the penstock.toml of gateway_file.py, which counts in
memory, or leases slices of a Redis server that is started for it.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bench import gateway_file, payload, process, route
from bench.failure import MeasurementError
from bench.gateway import COMMAND
from bench.measures import Run, chat_cpu
from bench.results import Sample
from bench.route import Route
from bench.subject import Subject, gateway_way, until_it_answers
from bench.upstream import Behaviour

_PATIENCE: Final = 30.0
_TURNS: Final = 2
"""Times that the two take turns in one measurement: the machine's other work then weighs on both."""


def limits(run: Run) -> Sample:
    """CPU per request of both, and how much more the limited chat takes, in microseconds and in percent."""
    return _beside_plain(run, "")


def limits_in_redis(run: Run) -> Sample:
    """As ``limits``, with slices that are leased of Redis. Nothing, and a line that says so, where no Redis is
    installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        print("limits-redis is left out: Redis is not installed (Debian: apt install redis-server)", file=sys.stderr)
        return {}
    port = process.free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    cores = frozenset(os.sched_getaffinity(run.subject.process.popen.pid))
    with process.running([*command, "--dir", str(run.home)], cores, run.home / "redis.log") as server:
        _until_it_listens(server, port)
        return _beside_plain(run, f"redis://127.0.0.1:{port}")


def _until_it_listens(server: process.Process, port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.running:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise MeasurementError(f"Redis does not listen: {server.last_words()}")


def _beside_plain(run: Run, redis: str) -> Sample:
    plain: list[float] = []
    limited: list[float] = []
    with _limited(run, redis) as subject:
        for _ in range(_TURNS):
            plain.append(chat_cpu(run, run.subject, route.by_headers)["cpu"])
            limited.append(chat_cpu(run, subject, gateway_file.by_key(gateway_file.LIMITED))["cpu"])
    before, after = sum(plain) / _TURNS, sum(limited) / _TURNS
    return {"plain": before, "limited": after, "added": after - before, "percent": (after / before - 1) * 100}


@contextmanager
def _limited(run: Run, redis: str) -> Iterator[Subject]:
    port = process.free_port()
    file = run.home / "penstock.toml"
    file.write_text(gateway_file.text(run.upstream.base_url(Behaviour.CALM), redis), encoding="utf-8")
    file.chmod(0o600)
    words = [word.replace("{port}", str(port)) for word in COMMAND]
    cores = frozenset(os.sched_getaffinity(run.subject.process.popen.pid))
    with process.running([*words, "--config", str(file)], cores, run.home / "limited.log") as server:
        first = Route(port, route.CHAT_PATH, gateway_file.by_key(gateway_file.LIMITED)(""))
        seconds = until_it_answers(server, first, payload.chat(), _PATIENCE)
        yield Subject(server, gateway_way(port, run.upstream), seconds)
