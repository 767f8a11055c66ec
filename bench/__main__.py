"""``python -m bench``: measure the gateway against nginx and print one table. See README.md."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import chart, gateway, machine, peers, proxy, report, upstream
from bench.campaign import EXPECTED, Campaign
from bench.machine import Cores, Tools
from bench.measures import STREAM_CONNECTIONS, Effort
from bench.report import Report
from bench.scenarios import SCENARIOS
from bench.subject import Contender

_OUT = Path(__file__).with_name("out") / "results.json"


def main() -> int:
    options = _options()
    tools = machine.find_tools()
    if isinstance(tools, str):
        print(f"{tools}. The benchmark needs nginx with lua, and wrk: {machine.INSTALL}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    machine.allow_many_files()
    cores = machine.assign_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.load)
    if cores.shared:
        print("Only one core: everything shares it, and the figures say little.")
    try:
        found = _measure(options, tools, cores)
    except KeyboardInterrupt:
        return 130
    _publish(found, options.json)
    return 1 if found.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the gateway as a ratio to nginx.")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenario", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--peer", action="append", choices=list(peers.PEERS), default=[], help="measure it as well")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s, no load of 1,000 streams")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default 5)")
    parser.add_argument("--connections", type=int, default=64, help="kept-alive connections (default 64)")
    parser.add_argument("--json", type=Path, default=_OUT, metavar="PATH", help="the chart goes beside it as .svg")
    parser.add_argument("--gateway-command", metavar="COMMAND", help="another gateway; {port} stands for its port")
    return parser.parse_args()


def _measure(options: argparse.Namespace, tools: Tools, cores: Cores) -> Report:
    effort = _effort(options)
    scenarios = [one for one in SCENARIOS if not options.scenario or one.name in options.scenario]
    with _temporary_home() as home, upstream.running(tools, cores.load, home / "upstream") as mock:
        campaign = Campaign(mock, effort, tools, home, lambda line: print(line, flush=True))
        contenders = [
            proxy.contender(tools, cores.subject, home),
            gateway.contender(options.gateway_command, cores.subject, home),
            *_peers(options.peer, cores, home, campaign),
        ]
        rows = tuple(campaign.rows(scenarios, contenders))
    return Report(
        machine=machine.describe(tools),
        effort=asdict(effort),
        contenders=tuple(contender.name for contender in contenders),
        judged=gateway.NAME,
        rows=rows,
        failures=tuple(campaign.failures),
    )


def _effort(options: argparse.Namespace) -> Effort:
    if options.quick:
        return Effort(options.seconds or 2.0, options.connections, 1, STREAM_CONNECTIONS[:1])
    return Effort(options.seconds or 5.0, options.connections, 3, STREAM_CONNECTIONS)


def _peers(names: Sequence[str], cores: Cores, home: Path, campaign: Campaign) -> Iterator[Contender]:
    for name in names:
        try:
            yield peers.PEERS[name](cores.subject, home)
        except EXPECTED as error:
            campaign.failed(name, error)


@contextmanager
def _temporary_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as home:
        yield Path(home)


def _publish(found: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.as_json(found), indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(chart.svg(found), encoding="utf-8")
    print("\n" + ", ".join(f"{key} {value}" for key, value in found.machine.items()) + "\n")
    print(report.table(found))
    for failure in found.failures:
        print(f"not measured: {failure}")
    print(f"\nwritten: {path} and {path.with_suffix('.svg').name}")


if __name__ == "__main__":
    sys.exit(main())
