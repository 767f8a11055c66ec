"""What the records of finished requests cost, step by step: accounts are closed in one process, without a server.

    python -m bench.record_costs [ROUNDS]

In each round 480 accounts are closed, 16 in a turn, and their records pass through all readers: access log, metrics,
request log in SQLite. The table has the shortest time of each step over all rounds, in microseconds for a request. In a
loop all code stays in the processor's caches: a server pays half as much again (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import gc
import mmap
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from penstock.core.operation import Operation
from penstock.core.usage import Usage
from penstock.observe.access_log import AccessLog
from penstock.observe.metrics.recorder import Bounds, Recorder
from penstock.observe.metrics.table import SIZE, Table
from penstock.observe.record import Records
from penstock.observe.redactor import Redactor
from penstock.observe.spool import Spool
from penstock.pipeline.account import Account
from penstock.pipeline.records.cost import SharedCosts
from penstock.pipeline.records.request_log import RequestLog, requests_in
from penstock.routing.plan import Target
from penstock.stores.catalogue import EMPTY
from penstock.stores.prices import DefaultPrices
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.entry import Entries
from penstock.stores.sql.request_log.request_log import LogWriter

_ROUNDS: Final = 60
_TURN: Final = 16
"""Accounts that are closed in one turn of the event loop: 64 busy connections make it so many."""
_TURNS: Final = 30
_TARGET: Final = Target("config", "openai", identity="0123456789abcdef" * 2)
_MODEL: Final = "gpt-4o-mini"


class _Clock:
    """The time of each step in this round, and the shortest of all rounds, for each request."""

    def __init__(self) -> None:
        self.shortest: dict[str, float] = {}
        self._round: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.note(name, time.perf_counter() - began)

    def note(self, name: str, seconds: float) -> None:
        self._round[name] = self._round.get(name, 0.0) + seconds

    def end_round(self) -> None:
        for name, seconds in self._round.items():
            each = seconds / (_TURN * _TURNS) * 1e6
            self.shortest[name] = min(each, self.shortest.get(name, each))
        self._round = {}


def account(records: Records) -> Account:
    """The account of a chat that was answered."""
    opened = Account(records, "POST", "/v1/chat/completions")
    trace = f"{int(opened.at * 1_000_000):016x}{random.getrandbits(64):016x}"
    opened.trace_id = trace.encode()
    opened.operation, opened.dialect = Operation.CHAT, "openai_chat"
    opened.address = "127.0.0.1"
    attempt = opened.attempt(_TARGET)
    attempt.model, attempt.lane, attempt.status = _MODEL, 1, 200
    attempt.usage = Usage(812, random.randrange(100, 400), 1100)
    attempt.ended = attempt.began + 0.0004 * random.random()
    opened.answered_by, opened.status, opened.first_byte = attempt, 200, attempt.ended
    opened.trace = "config openai 200"
    return opened


async def measure(rounds: int, folder: Path) -> dict[str, float]:
    """Microseconds of a request by step."""
    prices, records, clock = DefaultPrices(), Records(), _Clock()
    prices.start()
    await prices.ready()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as server/serve.py does
    costs = SharedCosts(prices, lambda: EMPTY)
    for_lines, for_counts = records.subscribe(), records.subscribe()
    recorder = Recorder(Table(mmap.mmap(-1, SIZE)), Bounds(), costs)
    database, writer, rows = Database(file_address(folder / "penstock.db")), LogWriter(), list[Entries]()
    await migrate(database)

    async def write(entries: Sequence[Entries], _is_repeated: bool) -> None:
        rows.extend(entries)

    async def clean() -> None:
        """There is nothing old."""

    log = RequestLog(
        Spool(folder / "spool", "requests", 64 << 20, things_in=requests_in), write, costs.charge_of, Redactor(), clean
    )
    log._loop = asyncio.get_running_loop()
    records.keeper = log
    records.tell_kinds()
    with (folder / "access.log").open("wb", buffering=0) as out:
        access_log = AccessLog(for_lines, out, costs=costs)
        for _ in range(rounds):
            accounts = [account(records) for _ in range(_TURN * _TURNS)]
            for first in range(0, len(accounts), _TURN):
                with clock.step("account closed: the record, in its queues"):
                    for each in accounts[first : first + _TURN]:
                        each.close()
                with clock.step("access log: the line, and what the request cost"):
                    access_log._add(for_lines.take())
                with clock.step("metrics"):
                    for record in for_counts.take():
                        recorder.count(record)
                with clock.step("request log: the row, kept in the spool"):
                    log._spool_kept()
            access_log._pieces.take()
            with clock.step("request log: rows that are made later"):
                await log._drain(to_the_end=True)
            used = time.process_time()
            with clock.step("request log: values, sums, SQLite, from one thread to another and back"):
                await writer.write(database, rows)
            clock.note("… of which the processor is busy", time.process_time() - used)
            rows.clear()
            clock.end_round()
    await database.close()
    return clock.shortest


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        shortest = asyncio.run(measure(int(arguments[0]) if arguments else _ROUNDS, Path(folder)))
    for step, microseconds in shortest.items():
        print(f"{microseconds:6.2f} us  {step}")


if __name__ == "__main__":
    main(sys.argv[1:])
