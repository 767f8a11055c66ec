"""A database of the control plane: SQLite or PostgreSQL behind one way to read and one way to change.

The data plane never asks a database: it reads the catalogue that catalogue.py keeps in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from penstock.stores.sql import schema

MEMORY: Final = "sqlite://"
"""The address of a database that ends with its process: for tests."""
_BUSY: Final = 5.0
"""Seconds that SQLite waits for another process to end its change."""
_PATIENCE: Final = 10.0
"""Seconds that a connection to PostgreSQL may take."""
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
CHANNEL: Final = "penstock_revision"
"""Where PostgreSQL tells every replica that the revision has risen."""


class DatabaseError(Exception):
    """The database can't be used. The message says why and what to do, without the password of its address."""


def parse_address(text: str) -> URL:
    """A database's address: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``. Raises DatabaseError."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME") from None
    driver = _DRIVERS.get(url.drivername.partition("+")[0])
    if driver is None:
        kinds = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        raise DatabaseError(f"there is no driver for {url.drivername[:64]}: expected {kinds}")
    return url.set(drivername=driver)


def file_address(path: Path) -> str:
    """The address of an SQLite database in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


class Database:
    """One database. ``read`` gives a connection for looking, ``change`` one for a transaction that raises the revision.

    Both raise DatabaseError when the database can't be reached.
    """

    def __init__(self, address: str) -> None:
        self.url = parse_address(address)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = self._sqlite() if self.is_sqlite else self._postgresql()
        # SQLite lets one change at a time in: those of one process wait here, and not in its driver's threads.
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """The address, without its password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    def _sqlite(self) -> AsyncEngine:
        in_memory = self.url.database in {None, "", ":memory:"}
        options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
        # The driver's own habit is to begin transactions late and by itself: here each begins where it is said.
        connect: dict[str, Any] = {"timeout": _BUSY, "isolation_level": None}
        engine = create_async_engine(self.url, connect_args=connect, **options)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    def _postgresql(self) -> AsyncEngine:
        try:
            return create_async_engine(
                self.url, connect_args={"timeout": _PATIENCE}, pool_size=4, max_overflow=4, pool_pre_ping=True
            )
        except ModuleNotFoundError:
            raise DatabaseError("PostgreSQL needs the library asyncpg: pip install penstock[postgres]") from None

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for looking: all that is read through it shows one moment."""
        with _as_database_error(self.name):
            async with self._engine.connect() as connection:
                if not self.is_sqlite:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    yield connection

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: it is kept, and the revision raised, when the block ends without an exception."""
        with _as_database_error(self.name):
            async with self._turn if self.is_sqlite else contextlib.nullcontext(), self._engine.connect() as connection:
                await connection.execution_options(changes=True)
                async with connection.begin():
                    yield connection
                    raised = schema.revision.update().values(number=schema.revision.c.number + 1)
                    await connection.execute(raised)
                    if not self.is_sqlite:
                        await connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    async def revision(self) -> int:
        """The number that every change raises."""
        async with self.read() as connection:
            return await revision(connection)

    @contextlib.asynccontextmanager
    async def listening(self, channel: str, told: Callable[[], None]) -> AsyncIterator[None]:
        """Call ``told`` in the event loop for each word on a channel of PostgreSQL's. Raises DatabaseError."""
        with _as_database_error(self.name):
            async with self._engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                if driver is None:
                    raise DatabaseError(f"the database {self.name} gives no connection that could listen")

                def heard(*_: object) -> None:
                    told()

                await driver.add_listener(channel, heard)
                try:
                    yield
                finally:
                    if not driver.is_closed():
                        await driver.remove_listener(channel, heard)

    async def close(self) -> None:
        await self._engine.dispose()


async def revision(connection: AsyncConnection) -> int:
    """The revision that a connection sees; 0 in a database without tables of ours."""
    number = (await connection.execute(sa.select(schema.revision.c.number))).scalar()
    return 0 if number is None else int(number)


@contextlib.contextmanager
def _as_database_error(name: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, OSError, TimeoutError) as error:
        # An error that the block itself means (a row that is there already) is its own to judge.
        if (
            isinstance(error, DBAPIError)
            and not error.connection_invalidated
            and isinstance(error, sa.exc.IntegrityError)
        ):
            raise
        raise DatabaseError(f"the database {name} can't be used: {_reason(error)}") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database {name} can't be used: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The driver's own sentence, without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    return (str(origin) or type(origin).__name__).partition("\n")[0][:300]


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A change takes the lock at its beginning: one that read first could find at its end that it read too early.
    changes = connection.get_execution_options().get("changes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if changes else "BEGIN")
