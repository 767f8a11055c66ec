"""A long mixed load: ``python -m bench.soak``. Good answers, every kind of fault, callers that leave; in the breaks
between, memory, tasks and open files must not grow.

    python -m bench.soak                     # 30 minutes
    python -m bench.soak --minutes 3         # a shorter one
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench import faults, local, machine, storm
from bench.disconnects import Answer
from bench.local import LocalGateway

_LOAD_SECONDS: Final = 12.0
_BREAK_SECONDS: Final = 3.0
"""Longer than idle connections to the provider are kept (a second here)."""
_WARM_UP: Final = 0.5
"""The share of the samples that does not count: caches fill, and the allocator finds its level."""
_STORM: Final = 1
"""Every load is the same storm: its configs, and the routes of their targets, are soon all remembered."""
_SETTINGS: Final = {"UPSTREAM_IDLE_CONNECTION_SECONDS": "1", "LOG_LEVEL": "info"}


@dataclass(frozen=True)
class Sample:
    """What the gateway holds in a break."""

    minutes: float
    resident_mb: float
    tasks: int
    files: int


def slope(samples: Sequence[Sample], name: str) -> float:
    """The growth per hour of one of the figures after the warm-up: the median slope of all pairs of samples, which a
    few samples with a passing peak do not change (the estimator of Theil and Sen)."""
    counted = [
        (sample.minutes / 60, float(getattr(sample, name))) for sample in samples[int(len(samples) * _WARM_UP) :]
    ]
    pairs = itertools.combinations(counted, 2)
    return statistics.median([(after - before) / (later - at) for (at, before), (later, after) in pairs] or [0.0])


def run(minutes: float, rate: float, home: Path) -> tuple[list[Sample], Counter[str], str]:
    """Load a gateway for so long, with ``rate`` requests a second; the samples, how requests ended, its messages."""
    os.environ["BENCH_TASKS"] = str(home / "tasks")
    with local.running(home, _SETTINGS, program=("-m", "bench.observed")) as gateway:
        samples, fates = asyncio.run(_run(minutes, rate, gateway, home / "tasks"))
        return samples, fates, gateway.messages()


async def _run(minutes: float, rate: float, gateway: LocalGateway, tasks: Path) -> tuple[list[Sample], Counter[str]]:
    server = await asyncio.start_server(faults.handle, local.HOST, 0)
    port = server.sockets[0].getsockname()[1]
    samples: list[Sample] = []
    fates: Counter[str] = Counter()
    started, seed = time.monotonic(), 0
    async with server:
        while time.monotonic() - started < minutes * 60:
            seed += 1
            await _load(rate, seed, port, gateway, fates)
            await asyncio.sleep(_BREAK_SECONDS)
            samples.append(await _sample(gateway, tasks, (time.monotonic() - started) / 60))
            print(json.dumps(asdict(samples[-1])), flush=True)
        server.close()
    return samples, fates


async def _load(rate: float, seed: int, port: int, gateway: LocalGateway, fates: Counter[str]) -> None:
    """Send requests at a steady rate, each from a task of its own, and wait for the last."""
    dice = random.Random(seed)
    begun = time.monotonic()
    async with asyncio.TaskGroup() as callers:
        for number, plan in enumerate(storm.plans(int(rate * _LOAD_SECONDS), _STORM)):
            leaves = dice.uniform(0, 0.05) if dice.random() < 0.2 else None
            callers.create_task(_caller(plan, leaves, port, gateway, fates))
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))


async def _caller(
    plan: storm.Plan, leaves: float | None, port: int, gateway: LocalGateway, fates: Counter[str]
) -> None:
    async with local.connected(gateway.port) as connection:
        if leaves is None:
            fates[(await storm.ask(connection, plan, port))[0]] += 1
            return
        connection.send(storm.request(plan, port))
        try:
            async with asyncio.timeout(leaves):
                await connection.answer(Answer())
        except TimeoutError:
            pass
        fates["left"] += 1


async def _sample(gateway: LocalGateway, tasks: Path, minutes: float) -> Sample:
    tasks.unlink(missing_ok=True)
    gateway.process.popen.send_signal(signal.SIGUSR1)
    while not tasks.exists():
        await asyncio.sleep(0.01)
    memory = gateway.process.resident_kb / 1024
    return Sample(round(minutes, 2), round(memory, 2), int(tasks.read_text("utf-8")), gateway.process.open_files)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    options = parser.parse_args()
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="penstock-soak-") as home:
        samples, fates, messages = run(options.minutes, options.rate, Path(home))
    slopes = {name: round(slope(samples, name), 3) for name in ("resident_mb", "tasks", "files")}
    print(json.dumps({"per hour": slopes, "fates": fates}))
    print(messages)
    return 1 if slopes["tasks"] > 1 or slopes["files"] > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
