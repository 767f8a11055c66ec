"""What limits cost: chat with a gateway key, a saved config, a budget and a rate limit, beside plain chat.

Two gateways serve in turn: the subject of the run, and one with the penstock.toml of gateway_file.py, which counts in
memory, or leases slices of a Redis server that is started for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench import gateway_file, payload, process, redis_server, route
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
    if redis_server.program() is None:
        print("limits-redis is left out: Redis is not installed (Debian: apt install redis-server)", file=sys.stderr)
        return {}
    cores = frozenset(os.sched_getaffinity(run.subject.process.popen.pid))
    with redis_server.running(cores, run.home) as address:
        return _beside_plain(run, address)


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
