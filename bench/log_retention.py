"""Deletes a day of the request log hour by hour, as retention does, while another process writes rows: how long do they
wait?

    python -m bench.log_retention --database sqlite:////tmp/rows.db --rows 400000
    python -m bench.log_retention --database postgresql://… --rows 400000

Two days of rows are written (bench/log_rows.py), and kept for a day: 24 times an hour goes by in no time, what is too
old is deleted in steps, and what users asked is added up. Beside that a process of its own writes ten rows every 20 ms.
Printed is how long its transactions took, without deletions and with them: the difference is what locks cost. ``held``
is how long the steps themselves kept the lock, ``worked`` how much of that this process used the processor for: the
figure to look at where the machine does something else at the same time.

With ``--feedback 85`` one request in 85 of the other process has feedback on its trace, and what pieces of feedback are
about is kept, of these and of each hour that is over. The steps of each kind of work are told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.log_days import DAY
from bench.log_rows import entries, fill
from penstock.control.bootstrap import bootstrap
from penstock.stores.sql.database import Database
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.request_log.entry import LogEntry
from penstock.stores.sql.request_log.feedback_values import match_feedback
from penstock.stores.sql.request_log.request_log import LogWriter
from penstock.stores.sql.request_log.retention import Retention, delete_old
from penstock.stores.sql.request_log.usage import HOUR
from penstock.stores.sql.request_log.usage_users import add_up_users
from penstock.stores.sql.schema import feedback, feedback_hour, workspace
from penstock.stores.sql.sqlite_writer import Step

T = TypeVar("T")
_BATCH: Final = 10
_INTERVAL: Final = 0.02
_CONTROL_SECONDS: Final = 10.0
_PAUSE: Final = 0.05


class Timed(Database):
    """A database that remembers how long each of its transactions took, and worked, in milliseconds, by what it is
    ``doing``."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.doing = ""
        self.held: defaultdict[str, list[float]] = defaultdict(list)
        self.worked: defaultdict[str, list[float]] = defaultdict(list)

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
        self.held[self.doing].append((time.perf_counter() - began) * 1000)
        self.worked[self.doing].append((time.process_time() - worked) * 1000)


async def load(address: str, at: int, every: int) -> None:
    """Write rows until standard input ends; each line that comes is answered by how long the writes since the last one
    took, in milliseconds. One row in ``every`` has feedback; 0: none has."""
    database, writer = Database(address), LogWriter()
    several = entries(DAY // 1000, at, seed=int(at) ^ 7)
    took: list[float] = []
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for line in itertools.chain(sys.stdin, ("",)):
            loop.call_soon_threadsafe(lines.put_nowait, line)

    listening = loop.run_in_executor(None, listen)
    for number in itertools.count():
        rows = [next(several) for _ in range(_BATCH)]
        began = time.perf_counter()
        await writer.write(database, rows)
        took.append((time.perf_counter() - began) * 1000)
        if every:
            await feel(database, [row for place, row in enumerate(rows, number * _BATCH) if not place % every])
        await asyncio.sleep(_INTERVAL)
        if not lines.empty():
            if not lines.get_nowait():
                break
            print(" ".join(f"{each:.2f}" for each in took), flush=True)
            took = []
    await listening
    await database.close()


async def feel(database: Database, rows: Sequence[LogEntry]) -> None:
    """Write feedback on the traces of some rows."""
    if not rows:
        return
    async with database.write() as connection:
        of_workspace = (await connection.execute(sa.select(workspace.c.id).where(workspace.c.is_default))).scalar_one()
        common = {"workspace_id": of_workspace, "value": 1, "weight": 1.0, "created_by": "bench"}
        times = [{"created_at": row.at, "updated_at": row.at} for row in rows]
        pieces = [{**common, **at, "id": row.id, "trace_id": row.trace_id} for row, at in zip(rows, times, strict=True)]
        await connection.execute(feedback.insert(), pieces)


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
    if arguments.feedback:  # as if the hours of the last day were not over when the rows were written
        async with database.write() as connection:
            await connection.execute(feedback_hour.delete().where(feedback_hour.c.start >= end - DAY))
    command = [sys.executable, "-m", "bench.log_retention", "--load", "--database", arguments.database]
    command += ["--feedback", str(arguments.feedback)]
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
        database.doing = "deletions"
        gone += await delete_old(database, Retention(1, 1), now)
        database.doing = "users"
        await add_up_users(database, now, now - DAY, _PAUSE)
        if arguments.feedback:
            database.doing = "feedback"
            await match_feedback(database, now, _PAUSE)
    print(told("with deletions", await waits()), flush=True)
    for name in database.held:
        print(told(f"held, {name}", database.held[name]), flush=True)
        print(told(f"worked, {name}", database.worked[name]), flush=True)
    print(f"{gone} rows of 24 hours are gone", flush=True)
    other.stdin.close()
    await other.wait()
    await database.close()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--database", required=True, help="an empty one: sqlite:///FILE or postgresql://…")
    made.add_argument("--rows", type=int, default=400_000)
    made.add_argument("--end", type=int, default=1_790_000_000, help="on the day after the last row")
    made.add_argument("--feedback", type=int, default=0, help="one request in so many has feedback; 0: none")
    made.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    given = parser().parse_args()
    midnight = given.end * 1_000_000 // DAY * DAY
    asyncio.run(load(given.database, midnight, given.feedback) if given.load else run(given))
