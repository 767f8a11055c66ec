"""A database of the control plane: SQLite or PostgreSQL behind one way to read and one way to change.

The data plane never asks a database: it reads the catalogue that catalogue.py keeps in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import await_only, greenlet_spawn

from penstock.limits.windows import WeekStart
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.sqlite_revision import SqliteRevision
from penstock.stores.sql.database_error import DatabaseError, ValueRefused
from penstock.stores.sql.file_identity import FileIdentity
from penstock.stores.sql.sqlite_writer import SqliteWriter, Step

__all__ = [
    "MEMORY",
    "Database",
    "DatabaseError",
    "file_address",
    "parse_address",
    "revision",
    "shown",
    "week_starts_of",
]

T = TypeVar("T")
MEMORY: Final = "sqlite://"
"""The address of a database that ends with its process: for tests."""
_BUSY_TIMEOUT: Final = 5.0
"""Seconds that SQLite waits for another process to end its change."""
_PAUSE: Final = 0.02
"""Seconds until SQLite is asked again for what it refuses without waiting."""
_CHECKPOINT: Final = 300
"""Pages that are moved to an SQLite file at once after rows were written: a millisecond's work, which requests wait for
where they share a processor with it."""
_CACHE: Final = 8000
"""KiB of pages that are kept in memory for writing rows: 250 of them, with metadata, change more than 500 pages."""
_CONNECT_TIMEOUT: Final = 10.0
"""Seconds that a connection to PostgreSQL may take."""
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_CHANNEL: Final = "penstock_revision"
"""The channel of PostgreSQL's NOTIFY on which every replica hears that the revision has risen."""
_EXPECTED: Final = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


def parse_address(text: str) -> URL:
    """A database's address: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``. Raises DatabaseError."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseError(_EXPECTED) from None
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise DatabaseError(f"there is no driver for {url.drivername[:64]}: {_EXPECTED}")
    return url.set(drivername=driver)


def file_address(path: Path) -> str:
    """The address of an SQLite database in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


class Database:
    """One database. ``read`` gives a connection for looking, ``change`` one for a transaction that raises the revision,
    ``write`` one for a transaction that doesn't. ``run`` is the short way of ``write`` for what is written with every
    request, where ``has_writer``: in SQLite's files.

    All raise DatabaseError when the database can't be reached. ``week_starts`` is the operator's day for weekly
    budgets, None for each level's own: whoever reads limits of a connection asks ``week_starts_of``.
    """

    def __init__(self, address: str, week_starts: WeekStart | None = None) -> None:
        self.url = parse_address(address)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._is_in_memory = self.is_sqlite and self.url.database in {None, "", ":memory:"}
        self.has_writer = self.is_sqlite and not self._is_in_memory
        self._file = FileIdentity(str(self.url.database)) if self.has_writer else None
        self.engine = self._sqlite() if self.is_sqlite else self._postgresql()
        self.engine.sync_engine.update_execution_options(week_starts=week_starts)
        # SQLite lets one change at a time in: those of one process wait here, and not in its driver's threads.
        self._turn = asyncio.Lock()
        self._writer: SqliteWriter | None = None
        self._revision: SqliteRevision | None = None

    @property
    def name(self) -> str:
        """The address for people: without its password and its driver."""
        return shown(self.url)

    @property
    def files(self) -> int:
        """How many files an SQLite database has had: where another one was put in its place, that is used."""
        return 1 if self._file is None else self._file.files

    def _sqlite(self) -> AsyncEngine:
        options: dict[str, Any] = {"poolclass": StaticPool} if self._is_in_memory else {}
        # The driver's own habit is to begin transactions late and by itself: here each begins where it is said.
        connect: dict[str, Any] = {"timeout": _BUSY_TIMEOUT, "isolation_level": None}
        engine = create_async_engine(self.url, connect_args=connect, **options)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        if self._file is not None:
            file = weakref.ref(self._file)  # an engine ends late, by the garbage collector: it holds nothing of ours
            event.listen(engine.sync_engine, "connect", partial(_note_file, file))
            event.listen(engine.sync_engine, "checkin", partial(_close_another, file))
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    def _postgresql(self) -> AsyncEngine:
        try:
            engine = create_async_engine(
                self.url, connect_args={"timeout": _CONNECT_TIMEOUT}, pool_size=4, max_overflow=4, pool_pre_ping=True
            )
        except ModuleNotFoundError:
            raise DatabaseError("PostgreSQL needs the library asyncpg: pip install penstock[postgres]") from None
        event.listen(engine.sync_engine, "connect", _prepare_postgresql)
        return engine

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for looking: all that is read through it shows one moment."""
        with _as_database_error(self.name):
            await self._leave_another()
            # A database in memory has one connection, which looks or changes.
            turn = self._turn if self._is_in_memory else contextlib.nullcontext()
            async with turn, self.engine.connect() as connection:
                if not self.is_sqlite:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: it is kept, and the revision raised, when the block ends without an exception. One change is
        made at a time, so that no two wait for rows of each other."""
        async with self.write() as connection:
            await self.wait_for_turn(connection)
            yield connection
            raised = schema.revision.update().values(number=schema.revision.c.number + 1)
            await connection.execute(raised)
            await connection.execute(_DATE_CHANGED_KEYS)
            if not self.is_sqlite:
                await connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, "")))

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction as ``change`` makes it, for what no catalogue holds: the revision stays."""
        with _as_database_error(self.name):
            await self._leave_another()
            async with self._turn if self.is_sqlite else contextlib.nullcontext(), self.engine.connect() as connection:
                await connection.execution_options(changes=True)
                async with connection.begin():
                    yield connection

    async def wait_for_turn(self, connection: AsyncConnection) -> None:
        """Have a transaction that writes wait until no change is made, and keep changes out until it ends. Those of
        SQLite begin so. Neither waits longer than ``_BUSY_TIMEOUT`` for a lock."""
        if not self.is_sqlite:
            await connection.execute(_LOCK_TIMEOUT)
            await connection.execute(_TURN)

    async def run(self, step: Step[T]) -> T:
        """The result of a step that writes in a transaction as ``write`` makes it, in a thread of its own: one wait in
        place of one for each statement."""
        with _as_database_error(self.name):
            await self._leave_another()
            async with self._turn:
                if self._writer is None:
                    path = str(self.url.database)
                    self._writer = SqliteWriter(
                        path, _BUSY_TIMEOUT, lambda error: error, "penstock-rows", _CHECKPOINT, _CACHE
                    )
                return await self._writer.run(step)

    async def run_script(self, statements: str) -> None:
        """Run statements of PostgreSQL's in a transaction that ends with the last of them: what they lock is not locked
        until this process has its next turn."""
        with _as_database_error(self.name):
            async with self.engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                if driver is None:
                    raise DatabaseError(f"the database {self.name} gives no connection for a script")
                try:
                    await driver.execute(statements)
                except Exception as error:  # the driver's own, which SQLAlchemy has not made its own here
                    raise DatabaseError(f"the database {self.name} refuses a script: {_reason(error)}") from error

    async def revision(self) -> int:
        """The number that every change raises."""
        if not self.has_writer:
            async with self.read() as connection:
                return await revision(connection)
        with _as_database_error(self.name):
            await self._leave_another()
            if self._revision is None:
                self._revision = SqliteRevision(str(self.url.database), _BUSY_TIMEOUT)
            return await asyncio.to_thread(self._revision.look)

    @contextlib.asynccontextmanager
    async def listening(self, callback: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
        """Have ``callback`` called in the event loop after each change, until the event is set: then the connection
        that listens has ended.

        PostgreSQL only. Raises DatabaseError.
        """
        with _as_database_error(self.name):
            async with self.engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                if driver is None:
                    raise DatabaseError(f"the database {self.name} gives no connection that could listen")
                is_over = asyncio.Event()

                def notified(*_: object) -> None:
                    callback()

                def ended(*_: object) -> None:
                    is_over.set()

                await driver.add_listener(_CHANNEL, notified)
                driver.add_termination_listener(ended)
                try:
                    yield is_over
                finally:
                    if not driver.is_closed():
                        driver.remove_termination_listener(ended)
                        await driver.remove_listener(_CHANNEL, notified)

    async def _leave_another(self) -> None:
        """Make connections to the file that is there, where it has taken the place of the one they were made to."""
        if self._file is not None and self._file.is_another():
            await self._disconnect()

    async def _disconnect(self) -> None:
        """Close the connections that nobody uses. Whoever comes meanwhile makes new ones: the pool is left first."""
        looked, self._revision = self._revision, None
        pool = self.engine.pool
        await self.engine.dispose(close=False)  # this waits for nothing
        await greenlet_spawn(pool.dispose)
        if looked is not None:
            await asyncio.to_thread(looked.close)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
        await self._disconnect()


def shown(url: URL) -> str:
    """An address for people: without its password and its driver."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def week_starts_of(connection: AsyncConnection) -> WeekStart | None:
    """The day on which the operator has weekly budgets begin; None: on each level's own."""
    day: WeekStart | None = connection.sync_engine.get_execution_options().get("week_starts")
    return day


async def revision(connection: AsyncConnection) -> int:
    """The revision that a connection sees; 0 if its table is empty."""
    number = (await connection.execute(sa.select(schema.revision.c.number))).scalar()
    return 0 if number is None else int(number)


_NO_JIT: Final = "SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'jit'"
"""Compiling a search of the request log, which reads some hundred rows of each month, takes PostgreSQL a second."""
_LOCK_TIMEOUT: Final = sa.text(f"SET LOCAL lock_timeout = '{_BUSY_TIMEOUT:g}s'")
_TURN: Final = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("penstock_change")))
_DATE_CHANGED_KEYS: Final = (
    schema.changed_key.update()
    .where(schema.changed_key.c.revision.is_(None))
    .values(revision=sa.select(schema.revision.c.number).scalar_subquery())
)
"""Fills in the revision of the keys that this change touched: it holds the lock of the revision's row."""


def _prepare_postgresql(driver: Any, _: Any) -> None:
    driver.run_async(lambda connection: connection.execute(_NO_JIT))


@contextlib.contextmanager
def _as_database_error(name: str) -> Iterator[None]:
    try:
        yield
    except (IntegrityError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError):
        # The statement is refused, and the database works: the caller knows what a taken name means.
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError, TimeoutError) as error:
        if _is_of_value(error):
            raise ValueRefused(f"the database {name} refuses a value: {_reason(error)}") from error
        raise DatabaseError(f"the database {name} can't be used: {_reason(error)}") from error


def _is_of_value(error: BaseException) -> bool:
    """Whether PostgreSQL, or its driver, refuses a value: https://www.postgresql.org/docs/current/errcodes-appendix.html
    has such errors in class 22, and the driver's own is a ValueError."""
    origin = getattr(error, "orig", None)
    code = getattr(origin, "sqlstate", None) or ""
    return code.startswith("22") or isinstance(getattr(origin, "__cause__", None), ValueError)


def _reason(error: BaseException) -> str:
    """The driver's own sentence, without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    return (str(origin) or type(origin).__name__).partition("\n")[0][:300]


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    _write_ahead(cursor)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Give a database a write-ahead log. SQLite refuses that at once while another process changes a database that has
    none yet, without its busy timeout: https://sqlite.org/wal.html#activating_and_configuring_wal_mode"""
    until = monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if monotonic() >= until:
                raise
            await_only(asyncio.sleep(_PAUSE))
        else:
            return


def _note_file(file: weakref.ref[FileIdentity], _: Any, record: Any) -> None:
    """Note which file a connection is made to."""
    if (found := file()) is not None:
        record.info["files"] = found.files


def _close_another(file: weakref.ref[FileIdentity], connection: Any, record: Any) -> None:
    """Close a connection that was in use when another file was put in the place of its own: no pool would."""
    if connection is not None and (found := file()) is not None and record.info.get("files") != found.files:
        record.invalidate()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A change takes the lock at its beginning: a change that reads first could fail when it writes, because another
    # change came between.
    changes = connection.get_execution_options().get("changes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")
