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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
_FIGURES: Final = ("resident_mb", "tasks", "files", "objects", "blocks", "malloc_mb")
_SETTINGS: Final = {"UPSTREAM_IDLE_CONNECTION_SECONDS": "1", "LOG_LEVEL": "info"}


@dataclass(frozen=True)
class Sample:
    """What the gateway holds in a break."""

    minutes: float
    resident_mb: float
    tasks: int
    files: int
    objects: int = 0
    blocks: int = 0
    """Python's blocks of memory."""
    malloc_mb: float = 0.0
    kinds: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Objects by type."""

    def figures(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("minutes", *_FIGURES)}


def counted(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples after the warm-up."""
    return samples[int(len(samples) * _WARM_UP) :]


def slope(samples: Sequence[Sample], name: str) -> float:
    """The growth per hour of one of the figures after the warm-up: the median slope of all pairs of samples, which a
    few samples with a passing peak do not change (the estimator of Theil and Sen)."""
    points = [(sample.minutes / 60, float(getattr(sample, name))) for sample in counted(samples)]
    pairs = itertools.combinations(points, 2)
    return statistics.median([(after - before) / (later - at) for (at, before), (later, after) in pairs] or [0.0])


def grown(samples: Sequence[Sample]) -> dict[str, int]:
    """The types of which there are more after the warm-up, in the middle of the later half than in the middle of the
    earlier: at most ten, the largest growth first."""
    middle = len(counted(samples)) // 2
    earlier, later = counted(samples)[:middle], counted(samples)[middle:]

    def growth(kind: str) -> int:
        after, before = (statistics.median(each.kinds.get(kind, 0) for each in half) for half in (later, earlier))
        return int(after - before)

    kinds = {kind for sample in later for kind in sample.kinds} if earlier else set()
    most = sorted(kinds, key=growth, reverse=True)[:10]
    return {kind: growth(kind) for kind in most if growth(kind) > 0}


def run(minutes: float, rate: float, home: Path) -> tuple[list[Sample], Counter[str], str]:
    """Load a gateway for so long, with ``rate`` requests a second; the samples, how requests ended, its messages."""
    os.environ["BENCH_WINDOW"] = str(home / "window")
    with local.running(home, _SETTINGS, program=("-m", "bench.observed")) as gateway:
        samples, fates = asyncio.run(_run(minutes, rate, gateway, home / "window"))
        return samples, fates, gateway.messages()


async def _run(minutes: float, rate: float, gateway: LocalGateway, window: Path) -> tuple[list[Sample], Counter[str]]:
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
            samples.append(await _sample(gateway, window, (time.monotonic() - started) / 60))
            print(json.dumps(samples[-1].figures()), flush=True)
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


async def _sample(gateway: LocalGateway, window: Path, minutes: float) -> Sample:
    window.unlink(missing_ok=True)
    memory = gateway.process.resident_kb / 1024
    gateway.process.popen.send_signal(signal.SIGUSR1)
    while not window.exists():
        await asyncio.sleep(0.01)
    held = json.loads(window.read_text("utf-8"))
    return Sample(
        minutes=round(minutes, 2),
        resident_mb=round(memory, 2),
        tasks=held["tasks"],
        files=gateway.process.open_files,
        objects=held["objects"],
        blocks=held["blocks"],
        malloc_mb=round(held["malloc_bytes"] / (1 << 20), 3),
        kinds=held["kinds"],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    options = parser.parse_args()
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="penstock-soak-") as home:
        samples, fates, messages = run(options.minutes, options.rate, Path(home))
    slopes = {name: round(slope(samples, name), 3) for name in _FIGURES}
    print(json.dumps({"per hour": slopes, "grown": grown(samples), "fates": fates}))
    print(messages)
    return 1 if slopes["tasks"] > 1 or slopes["files"] > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
