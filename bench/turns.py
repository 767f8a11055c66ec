"""Who keeps the event loop under load, and for how long: the longest turns are the tail of the latency.

    python -m bench.turns                            # 10 s of chat over 64 connections, all records on
    python -m bench.turns --connections 1 --seconds 30
    python -m bench.turns --setting LOGS_ENABLED=false

Prints the holders whose longest time was the longest. ``own`` is processor time, ``clock`` includes what was waited
for: Python's lock while another thread held it, or the processor. Times within each other are both told: the garbage
collector's is part of whose turn it came in. ``share`` is of all the loop's time. The notes themselves take some 2 µs
for each callback. Needs nginx with its lua module, and wrk; for the reader to judge.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import machine, payload, process, upstream, wrk
from bench.route import CHAT_PATH, Route, by_headers
from bench.subject import until_it_answers
from bench.upstream import Behaviour

_PATIENCE: Final = 60.0
_WARM_UP: Final = 2.0
_SHOWN: Final = 16
_LONG: Final = 0.5
"""Milliseconds of its own from which on a turn counts as long."""

Times = Mapping[str, Sequence[tuple[float, float]]]
"""The clock's and the processor's seconds of each time that a holder had."""


def table(seen: Times, seconds: float) -> list[str]:
    """The holders by their longest turn of the loop."""
    lines = [f"{'clock max':>10} {'own max':>8} {'own p99':>8} {'long':>5} {'times':>8} {'share':>6}   ms; holder"]
    by_longest = sorted(seen.items(), key=lambda item: -max(wall for wall, _ in item[1]))
    for holder, times in by_longest[:_SHOWN]:
        longest, own = max(wall for wall, _ in times) * 1e3, sorted(used * 1e3 for _, used in times)
        p99 = own[len(own) * 99 // 100]
        long = sum(each > _LONG for each in own)
        share = 100 * sum(wall for wall, _ in times) / seconds
        lines.append(f"{longest:10.2f} {own[-1]:8.2f} {p99:8.2f} {long:5} {len(own):8} {share:5.1f}%   {holder}")
    return lines


def _run(tools: machine.Tools, options: argparse.Namespace, home: Path) -> tuple[Times, wrk.Summary]:
    cores = machine.assign_cores(os.sched_getaffinity(0))
    window, port = home / "turns.json", process.free_port()
    settings = dict(each.split("=", 1) for each in options.setting)
    environment = {"BENCH_TURNS": str(window), "XDG_DATA_HOME": str(home)}
    environment |= {f"PENSTOCK_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "bench.turned", "serve", "--port", str(port), "--log-level", "warning"]
    with (
        upstream.running(tools, cores.load, home / "mock") as mock,
        process.running(command, cores.subject, home / "gateway.log", environment) as gateway,
    ):
        way = Route(port, CHAT_PATH, by_headers(mock.base_url(Behaviour.CALM)))
        until_it_answers(gateway, way, payload.chat(), _PATIENCE)
        wrk.run(tools, home, way, payload.chat(), connections=options.connections, seconds=_WARM_UP)
        gateway.settle()
        gateway.popen.send_signal(signal.SIGUSR1)
        summary = wrk.run(tools, home, way, payload.chat(), connections=options.connections, seconds=options.seconds)
        gateway.popen.send_signal(signal.SIGUSR1)
        until = time.monotonic() + _PATIENCE
        while not window.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return json.loads(window.read_text("utf-8")), summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="without PENSTOCK_")
    options = parser.parse_args()
    tools = machine.find_tools()
    if isinstance(tools, str):
        print(f"{tools}: {machine.INSTALL}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="penstock-turns-") as home:
        seen, summary = _run(tools, options, Path(home))
    print(f"{summary.requests:,} requests, p50 {summary.p50_ms:.2f} ms, p99 {summary.p99_ms:.2f} ms")
    print("\n".join(table(seen, summary.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
