"""Random configs, as dear as their bytes allow: ``python -m bench.fuzz``. None may take more than 200 ms of computing
time or 20 MB of memory to be read.

    python -m bench.fuzz                                 # 50,000 configs, in two processes
    python -m bench.fuzz --configs 2000 --seed 7         # fewer, and others

Time is that of the process, not of the clock; a config that seems dear is read again, and its best time counts. Memory
is the peak of the resident set above that of a process that reads nothing: more than the config can have taken. Where
that says too much, the allocations are traced, which takes ten times as long as reading.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import heapq
import multiprocessing
import os
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings

from bench.config_trees import CONFIGS
from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure
from penstock.core.secret import Secret
from penstock.guards.read import GuardCompiler, GuardPolicy
from penstock.pipeline.compile import _settings
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import Key
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import Plan
from penstock.stores.catalogue import Catalogue, GatewayKey

MOST_SECONDS: Final = 0.2
MOST_BYTES: Final = 20 << 20
_BATCH: Final = 500
"""Configs of one run of hypothesis, which remembers all that it drew."""
_AGAIN: Final = MOST_SECONDS
"""Seconds from which on a config is read again."""
_LOOSE: Final = 6 << 20
"""Bytes of freed memory that the process may keep; more would hide what the next configs take."""
_SHOWN: Final = 10

_KEYS: Final = Catalogue(keys=(GatewayKey("a", sha256(b"pk-a").digest()),))
RULES: Final = Rules(
    PROVIDERS.keys(),
    AddressPolicy(LOOPBACK_NAMES),
    {},
    _settings(PROVIDERS),
    frozenset(slug for slug, row in PROVIDERS.items() if row.key is not Key.REQUIRED),
    is_gateway_key=_KEYS.holds_key,
)
"""Those of a guarded gateway, which looks for gateway keys in every value."""
HEADERS: Final = HeaderSettings(provider="echo", authorization=Secret("sk-" + "a" * 40))


def read(config: bytes) -> Plan | Failure:
    return parse(config, HEADERS, msgspec.structs.replace(RULES, guards=GuardCompiler({}, GuardPolicy())))


def traced_bytes(config: bytes) -> tuple[int, int]:
    """The bytes that a plan keeps, and the most that there were while it was made."""
    tracemalloc.start()
    try:
        plan = read(config)
        kept, most = tracemalloc.get_traced_memory()
        del plan
    finally:
        tracemalloc.stop()
    return kept, most


@dataclass
class Findings:
    """What many configs took: their number, how many became plans, the dearest ones."""

    configs: int = 0
    plans: int = 0
    seconds: float = 0.0
    traced: int = 0
    slowest: list[tuple[float, bytes]] = field(default_factory=list)
    largest: list[tuple[int, bytes]] = field(default_factory=list)

    def note(self, seconds: float, size: int, config: bytes) -> None:
        self.configs += 1
        self.seconds += seconds
        self.slowest = heapq.nlargest(_SHOWN, [*self.slowest, (seconds, config)])
        self.largest = heapq.nlargest(_SHOWN, [*self.largest, (size, config)])

    def add(self, other: Findings) -> None:
        self.configs += other.configs
        self.plans += other.plans
        self.seconds += other.seconds
        self.traced += other.traced
        self.slowest = heapq.nlargest(_SHOWN, self.slowest + other.slowest)
        self.largest = heapq.nlargest(_SHOWN, self.largest + other.largest)

    def problems(self) -> list[str]:
        """What must not be."""
        slow = [f"{seconds * 1000:.0f} ms for {config[:200]!r}" for seconds, config in self.slowest]
        large = [f"{size / 1e6:.1f} MB for {config[:200]!r}" for size, config in self.largest]
        return [
            *(text for text, (seconds, _) in zip(slow, self.slowest, strict=True) if seconds > MOST_SECONDS),
            *(text for text, (size, _) in zip(large, self.largest, strict=True) if size > MOST_BYTES),
        ]


class Meter:
    """Reads configs and measures what each takes in this process."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._floor = 0

    def settle(self) -> None:
        """Free what can be freed; what is resident then is no config's."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        self._floor = _resident()

    def measure(self, config: bytes) -> None:
        if _resident() - self._floor > _LOOSE:
            self.settle()
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak starts anew (proc(5))
        seconds, result = _timed(config)
        size = _memory("VmHWM") - self._floor
        if size > MOST_BYTES:
            del result
            self.findings.traced += 1
            size = traced_bytes(config)[1]
            result = read(config)
        if seconds > _AGAIN:
            gc.freeze()  # else the collector walks over all that hypothesis holds, which no gateway has
            seconds = min(seconds, *(_timed(config)[0] for _ in range(3)))
            gc.unfreeze()
        self.findings.plans += not isinstance(result, Failure)
        self.findings.note(seconds, size, config)


def _timed(config: bytes) -> tuple[float, Plan | Failure]:
    began = time.process_time()
    result = read(config)
    return time.process_time() - began, result


def _memory(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text("ascii")
    return int(text.partition(f"{name}:")[2].split(maxsplit=1)[0]) << 10


def _resident() -> int:
    return _memory("VmRSS")


def run(configs: int, number: int) -> Findings:
    """Read so many configs, drawn from the seed ``number``."""
    meter = Meter()
    for batch in range(-(-configs // _BATCH)):

        @seed(f"{number}/{batch}")
        @settings(
            max_examples=min(_BATCH, configs - batch * _BATCH),
            phases=[Phase.generate],
            database=None,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(CONFIGS)
        def measure(config: bytes) -> None:
            meter.measure(config)

        meter.settle()
        measure()
    return meter.findings


def _share(job: tuple[int, int]) -> Findings:
    os.nice(10)
    return run(*job)


def run_shared(configs: int, number: int, processes: int) -> Findings:
    """The same in several processes, a thousand configs a turn."""
    size = min(1000, -(-configs // processes))
    jobs = [(min(size, configs - start), number * 100_000 + start) for start in range(0, configs, size)]
    total = Findings()
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for findings in pool.imap_unordered(_share, jobs):
            total.add(findings)
            print(f"{total.configs} configs, slowest {total.slowest[0][0] * 1000:.0f} ms", flush=True)
    return total


def report(findings: Findings) -> str:
    each = 1000 * findings.seconds / max(1, findings.configs)
    lines = [
        f"{findings.configs} configs, {findings.plans} of them plans, {each:.1f} ms each, {findings.traced} traced"
    ]
    lines += [
        f"{seconds * 1000:6.0f} ms  {len(config)} bytes  {config[:110]!r}" for seconds, config in findings.slowest
    ]
    lines += [f"{size / 1e6:6.1f} MB  {len(config)} bytes  {config[:110]!r}" for size, config in findings.largest]
    return "\n".join([*lines, *(f"problem: {problem}" for problem in findings.problems())])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--configs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the dearest configs there")
    options = parser.parse_args(arguments)
    findings = run_shared(options.configs, options.seed, options.processes)
    print(report(findings))
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        for name, dearest in (("slow", findings.slowest), ("large", findings.largest)):
            for number, (_, config) in enumerate(dearest):
                (options.keep / f"{name}-{number}.json").write_bytes(config)
    return 1 if findings.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
