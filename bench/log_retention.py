"""Deletes a day of the request log hour by hour, as retention does, while another process writes rows: how long do they
wait?

    python -m bench.log_retention --database sqlite:////tmp/rows.db --rows 400000
    python -m bench.log_retention --database postgresql://… --rows 400000

Two days of rows are written (bench/log_rows.py), and kept for a day: 24 times an hour goes by in no time, what is too
old is deleted in steps, and what users asked is added up. Beside that a process of its own writes ten rows every 20 ms.
Printed is how long its transactions took, without deletions and with them: the difference is what locks cost. ``held``
is how long the steps themselves kept the lock, ``worked`` how much of that this process used the processor for: the
figure to look at where the machine does something else at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bench.log_days import DAY
from bench.log_rows import entries, fill
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql.database import Database
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.request_log import LogWriter
from penstock.stores.sql.request_log.retention import Retention, delete_old
from penstock.stores.sql.request_log.usage import HOUR
from penstock.stores.sql.request_log.usage_users import add_up_users
from penstock.stores.sql.sqlite_writer import Step

T = TypeVar("T")
_BATCH: Final = 10
_INTERVAL: Final = 0.02
_CONTROL_SECONDS: Final = 10.0
_PAUSE: Final = 0.05


class Timed(Database):
    """A database that remembers how long each of its transactions took, and worked, in milliseconds."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.held: list[float] = []
        self.worked: list[float] = []

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with super().write() as connection:
            began, worked = time.perf_counter(), time.process_time()
            yield connection
        self._note(began, worked)

    async def run(self, step: Step[T]) -> T:
        """Timed from the step's first statement to the news of its end."""
        began = worked = 0.0

        def timed(connection: sqlite3.Connection) -> T:
            nonlocal began, worked
            began, worked = time.perf_counter(), time.process_time()
            return step(connection)

        result = await super().run(timed)
        self._note(began, worked)
        return result

    def _note(self, began: float, worked: float) -> None:
        self.held.append((time.perf_counter() - began) * 1000)
        self.worked.append((time.process_time() - worked) * 1000)


async def load(address: str, at: int) -> None:
    """Write rows until standard input ends; each line that comes is answered by how long the writes since the last one
    took, in milliseconds."""
    database, writer = Database(address), LogWriter()
    several = entries(DAY // 1000, at, seed=int(at) ^ 7)
    took: list[float] = []
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for line in itertools.chain(sys.stdin, ("",)):
            loop.call_soon_threadsafe(lines.put_nowait, line)

    listening = loop.run_in_executor(None, listen)
    while True:
        began = time.perf_counter()
        await writer.write(database, [next(several) for _ in range(_BATCH)])
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(_INTERVAL)
        if not lines.empty():
            if not lines.get_nowait():
                break
            print(" ".join(f"{each:.2f}" for each in took), flush=True)
            took = []
    await listening
    await database.close()


def told(name: str, times: Sequence[float]) -> str:
    ordered = sorted(times) or [0.0]
    shares = {share: ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.99, 0.999)}
    figures = ", ".join(f"p{share * 100:g} {value:.1f}" for share, value in shares.items())
    return f"{name}: {len(times)} transactions, {figures}, longest {ordered[-1]:.1f} ms"


async def run(arguments: argparse.Namespace) -> None:
    database = Timed(arguments.database)
    end = arguments.end * 1_000_000 // DAY * DAY
    await migrate(database)
    await bootstrap(database)
    await fill(database, arguments.rows, 2, end, seed=3)
    command = (sys.executable, "-m", "bench.log_retention", "--load", "--database", arguments.database)
    pipe = asyncio.subprocess.PIPE
    other = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 26)
    assert other.stdin is not None
    assert other.stdout is not None

    async def waits() -> list[float]:
        other.stdin.write(b"tell\n")  # type: ignore[union-attr]
        return [float(each) for each in (await other.stdout.readline()).split()]  # type: ignore[union-attr]

    await waits()  # the first writes open the database
    await asyncio.sleep(_CONTROL_SECONDS)
    print(told("without deletions", await waits()), flush=True)
    gone, hours = 0, range(end - DAY, end + HOUR, HOUR)
    database.held.clear()
    database.worked.clear()
    for _, now in itertools.pairwise(hours):
        gone += await delete_old(database, Retention(1, 1), now)
        await add_up_users(database, now, now - DAY, _PAUSE)
    held, worked = database.held, database.worked
    print(told("with deletions", await waits()), flush=True)
    print(told("held", held), flush=True)
    print(told("worked", worked), flush=True)
    print(f"{gone} rows of 24 hours are gone", flush=True)
    other.stdin.close()
    await other.wait()
    await database.close()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--database", required=True, help="an empty one: sqlite:///FILE or postgresql://…")
    made.add_argument("--rows", type=int, default=400_000)
    made.add_argument("--end", type=int, default=1_790_000_000, help="on the day after the last row")
    made.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    asyncio.run(load(given.database, given.end * 1_000_000 // DAY * DAY) if given.load else run(given))
