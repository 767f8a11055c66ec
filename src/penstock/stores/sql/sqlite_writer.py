"""One thread that writes to an SQLite database: steps that wait at the same time share a transaction.

A transaction begins with ``BEGIN IMMEDIATE`` and lasts as long as its steps run; no event loop is waited for meanwhile.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from penstock.stores.sql.file_identity import FileIdentity

T = TypeVar("T")
Step = Callable[[sqlite3.Connection], T]
Failed = Callable[[sqlite3.Error], Exception]

MOST: Final = 64
"""Steps of one transaction."""
_CHECKPOINT: Final = 1000
"""SQLite's own number."""
_CACHE: Final = 2000
"""KiB of pages in memory: SQLite's own number."""

# The driver asks each value but texts and numbers whether it adapts itself, by two attributes that None and booleans
# don't have: that takes four times as long as an adapter that gives them back.
_NOTHING: Final[dict[None, None]] = {}
sqlite3.register_adapter(type(None), _NOTHING.get)
sqlite3.register_adapter(bool, int)


class _Waiting(NamedTuple):
    step: Step[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class SqliteWriter:
    """Runs steps in a thread of its own, each once. ``busy_timeout`` is in seconds: how long other processes are waited
    for. ``failure`` makes what is raised of what SQLite raises; ``name`` is that of the thread. ``checkpoint`` is the
    number of pages of the write-ahead log from which on a transaction's end moves them to the file, ``cache`` how many
    KiB of pages are kept in memory: a transaction that changes more writes pages before its end, and reads them again.
    """

    def __init__(
        self,
        path: str,
        busy_timeout: float,
        failure: Failed,
        name: str,
        checkpoint: int = _CHECKPOINT,
        cache: int = _CACHE,
    ) -> None:
        self._path = path
        self._file = FileIdentity(path)
        self._busy_timeout = busy_timeout
        self._failure = failure
        self._pragmas = (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            f"wal_autocheckpoint = {checkpoint}",
            f"cache_size = -{cache}",
        )
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None

    async def run(self, step: Step[T]) -> T:
        """The result of a step, once it is committed. A step that raises ValueError must not have written anything.
        Raises what ``failure`` makes."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Waiting(step, loop, future))
        self._thread.submit(self._drain)
        return await future

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _drain(self) -> None:
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < MOST:
            batch.append(self._waiting.popleft())
        if not batch:
            return
        try:
            outcomes = self._commit([each.step for each in batch])
        except sqlite3.Error as error:
            outcomes = [self._failure(error)] * len(batch)
        except Exception as error:
            outcomes = [error] * len(batch)
        for each, outcome in zip(batch, outcomes, strict=True):
            each.loop.call_soon_threadsafe(_deliver, each.future, outcome)

    def _commit(self, steps: list[Step[Any]]) -> list[Any]:
        """Run steps in one transaction. Returns the result of each step, or its exception."""
        connection = self._connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_attempt(step, connection) for step in steps]
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return outcomes

    def _connected(self) -> sqlite3.Connection:
        if self._file.is_another():
            self._disconnect()
        if self._connection is None:
            connection = sqlite3.connect(
                self._path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
            )
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _attempt(step: Step[Any], connection: sqlite3.Connection) -> Any:
    try:
        return step(connection)
    except ValueError as error:
        return error


def _deliver(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
