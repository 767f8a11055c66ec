"""What the records of finished requests cost: accounts are closed in one process, without a server.

    python -m bench.record_costs [--turn N] [--requests N] [--instructions] [READERS ...]

READERS are ``none``, ``access``, ``metrics``, ``log`` or several of them joined, as ``access+metrics+log``; without any,
the usual ones. ``--turn`` accounts are closed in one turn of the event loop. The table has microseconds of the
processor for each request, threads included, or with ``--instructions`` what callgrind counts; ``none``, the account
itself, is left out of the others. In a loop all code stays in the processor's caches: a server pays several times as
much (docs/performance.md).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from penstock.background import Part
from penstock.core.usage import Usage
from penstock.observe.access_log import AccessLog
from penstock.observe.metrics.collector import Collector
from penstock.observe.metrics.recorder import Bounds
from penstock.observe.record import Records
from penstock.observe.redactor import Redactor
from penstock.observe.spool import Spool
from penstock.pipeline.account import Account
from penstock.pipeline.records.cost import SharedCosts
from penstock.pipeline.records.request_log import RequestLog
from penstock.providers.row import Operation
from penstock.routing.plan import Target
from penstock.stores.catalogue import EMPTY
from penstock.stores.prices import DefaultPrices
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.request_log import LogWriter

_USUAL: Final = ("none", "access", "metrics", "log", "access+metrics", "access+metrics+log")
_WARM: Final = 2000
_BETWEEN: Final = 0.0015
"""Seconds of a turn: as many requests come then as a busy gateway has, and batches are as large."""
_TARGET: Final = Target("config", "openai", identity="0123456789abcdef" * 2)
_AGENT: Final = b"OpenAI/Python 2.1"
_MODEL: Final = "gpt-4o-mini"


class _Readers:
    """The readers of records of a gateway, without the gateway."""

    def __init__(self, names: Sequence[str], folder: Path, prices: DefaultPrices) -> None:
        self.records, self._parts = Records(), list[Part]()
        self._database: Database | None = None
        self._sink = (folder / "access.log").open("wb", buffering=0)
        costs = SharedCosts(prices, lambda: EMPTY)
        if "access" in names:
            self._parts.append(AccessLog(self.records.subscribe(reader="access_log"), self._sink, costs=costs))
        if "metrics" in names:
            self._parts.append(Collector(self.records, Bounds(), costs))
        if "log" in names:
            self._database = database = Database(file_address(folder / "penstock.db"))
            writer = LogWriter()

            async def write(entries: Sequence[LogEntry], is_repeated: bool) -> None:
                await writer.write(database, entries, is_repeated=is_repeated)

            async def clean() -> None:
                """There is nothing old."""

            log = RequestLog(Spool(folder / "spool", "requests", 64 << 20), write, costs.charge_of, Redactor(), clean)
            self.records.keeper = log
            self._parts.append(log)

    async def start(self) -> None:
        if self._database is not None:
            await migrate(self._database)
        for part in self._parts:
            part.start()
        await asyncio.sleep(0.6)

    async def stop(self) -> None:
        for part in self._parts:
            await part.stop()
        if self._database is not None:
            await self._database.close()
        self._sink.close()


def _account(records: Records) -> Account:
    """The account of a chat that was answered."""
    account = Account(records, "POST", "/v1/chat/completions")
    account.trace_id = b"%032x" % random.getrandbits(128)  # noqa: S311 (no secret)
    account.operation, account.dialect = Operation.CHAT, "openai_chat"
    account.address, account.user_agent = "127.0.0.1", _AGENT
    attempt = account.attempt(_TARGET)
    attempt.model, attempt.lane, attempt.status = _MODEL, 1, 200
    attempt.usage = Usage(812, random.randrange(100, 400), 1100)  # noqa: S311
    attempt.ended = attempt.began + 0.0004 * random.random()  # noqa: S311
    account.answered_by, account.status, account.first_byte = attempt, 200, attempt.ended
    account.trace = "config openai 200"
    return account


async def _close(records: Records, requests: int, turn: int) -> float:
    """Close so many accounts: the processor's seconds, without those of pauses."""
    began = time.process_time()
    for _ in range(0, requests, turn):
        until = time.monotonic() + _BETWEEN * turn / 32
        for _ in range(turn):
            _account(records).close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(max(until - time.monotonic(), 0))
    return time.process_time() - began


async def _measure(names: Sequence[str], requests: int, turn: int) -> float:
    """The processor's microseconds of each request."""
    prices = DefaultPrices()
    prices.start()
    await prices.ready()
    with tempfile.TemporaryDirectory() as folder:
        readers = _Readers(names, Path(folder), prices)
        await readers.start()
        await _close(readers.records, _WARM, turn)
        await asyncio.sleep(0.6)
        _mark("begin")
        began = time.process_time()
        await _close(readers.records, requests, turn)
        await asyncio.sleep(1.0)  # the last batches
        took = time.process_time() - began
        _mark("end")
        await readers.stop()
    return took / requests * 1e6


def _mark(word: str) -> None:
    """Tell whoever counts instructions, and wait until that has begun or ended."""
    if _is_counted:
        print(word, flush=True)
        sys.stdin.readline()


_is_counted = False


def _count(names: str, requests: int, turn: int) -> float:
    """The instructions of each request, by callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
        arguments = ["--turn", str(turn), "--requests", str(requests), "--counted", names]
        command = [*tool, sys.executable, "-m", "bench.record_costs", *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as counted:
            if counted.stdin is None or counted.stdout is None or counted.stderr is None:
                raise RuntimeError("a process without pipes")
            for switch in ("on", "off"):
                counted.stdout.readline()
                subprocess.run(["callgrind_control", "-i", switch, str(counted.pid)], check=True, capture_output=True)
                counted.stdin.write("\n")
                counted.stdin.flush()
            found = re.search(r"Collected : (\d+)", counted.stderr.read())
    return int(found[1]) / requests if found else float("nan")


def main() -> None:
    global _is_counted
    parser = argparse.ArgumentParser(prog="python -m bench.record_costs")
    parser.add_argument("readers", nargs="*", default=_USUAL)
    parser.add_argument("--turn", type=int, default=8)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--counted", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    _is_counted = options.counted
    requests = options.requests or (1500 if options.instructions else 10_000)
    itself = None
    for names in options.readers:
        if options.instructions:
            cost = _count(names, requests, options.turn)
        else:
            cost = asyncio.run(_measure(names.split("+"), requests, options.turn))
        if not _is_counted:
            print(f"{names:22} {cost - (itself or 0.0):12,.2f}", flush=True)
        if names == "none":
            itself = cost


if __name__ == "__main__":
    main()
