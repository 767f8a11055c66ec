"""What a million requests leave behind, with ``--quick`` a tenth of them: one gateway of its own with all records on.

It is looked into with its windows (observed.py). Resident memory alone doesn't tell a leak from an allocator that keeps
what it once needed: objects, Python's blocks and the bytes of malloc are compared after a tenth of the requests, when
caches are full, and at the end.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from bench import payload, process, route, wrk
from bench.measures import Run
from bench.results import Sample
from bench.route import Route
from bench.subject import until_it_answers
from bench.upstream import Behaviour

REQUESTS: Final = 1_000_000
_PATIENCE: Final = 30.0
_STEP: Final = 20.0
"""Seconds of load without a look at how many requests there were."""


def growth(run: Run) -> Sample:
    """What there is more of after all requests than after the first tenth, and how many there were."""
    wanted = REQUESTS if run.effort.rounds > 1 else REQUESTS // 10
    port, window = process.free_port(), run.home / "window"
    command = [sys.executable, "-m", "bench.observed", "serve", "--port", str(port), "--log-level", "warning"]
    environment = {"BENCH_WINDOW": str(window), "PENSTOCK_STORE_DATA_DIR": str(run.home / "growth")}
    cores = frozenset(os.sched_getaffinity(run.subject.process.popen.pid))
    way = Route(port, route.CHAT_PATH, route.by_headers(run.upstream.base_url(Behaviour.CALM)))
    with process.running(command, cores, run.home / "growth.log", environment) as gateway:
        until_it_answers(gateway, way, payload.chat(), _PATIENCE)
        done = _load(run, way, wanted // 10)
        before = _held(gateway, window)
        done += _load(run, way, wanted - done)
        after = _held(gateway, window)
    return {"requests": done, **{name: after[name] - before[name] for name in before}}


def _load(run: Run, way: Route, requests: int) -> int:
    """Send at least so many requests; how many there were."""
    done = 0
    while done < requests:
        done += wrk.run(
            run.tools, run.home, way, payload.chat(), connections=run.effort.connections, seconds=_STEP
        ).requests
    return done


def _held(gateway: process.Process, window: Path) -> dict[str, float]:
    """What the gateway holds when it has nothing more to do."""
    gateway.settle()
    resident = gateway.resident_kb / 1024
    held = gateway.census(window)
    malloc = held["malloc_bytes"] / (1 << 20)
    return {"objects": held["objects"], "blocks": held["blocks"], "malloc": malloc, "resident": resident}
