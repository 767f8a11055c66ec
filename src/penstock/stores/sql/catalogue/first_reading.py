"""What happens to a database before a gateway uses it: tables brought up to date, keys tried, the catalogue read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from time import time_ns
from typing import NamedTuple

from penstock.limits.windows import WeekStart
from penstock.stores.sql.catalogue.load import Loaded, Loader
from penstock.stores.sql.database import Database
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.secrets import check_keyring


class FirstReading(NamedTuple):
    """What was read, and the loader that remembers it: it reads again what has changed since."""

    loaded: Loaded
    loader: Loader


async def read_once(
    address: str,
    keyring: Keyring,
    providers: Collection[str],
    prepare: Callable[[Database], Awaitable[None]],
    week_starts: WeekStart | None = None,
) -> FirstReading:
    """Prepare a database, read it and leave no connection behind. Raises DatabaseError."""
    database = Database(address, week_starts)
    try:
        return await prepared(database, keyring, providers, prepare)
    finally:
        await database.close()


async def prepared(
    database: Database, keyring: Keyring, providers: Collection[str], prepare: Callable[[Database], Awaitable[None]]
) -> FirstReading:
    """The catalogue of a database whose tables are brought up to date, and whose secrets the keyring opens; ``prepare``
    makes what every installation has. Raises DatabaseError."""
    await migrate(database)
    await check_keyring(database, keyring)
    await prepare(database)
    async with database.read() as connection:
        loader = Loader(keyring, providers)
        return FirstReading(await loader.load(connection, time_ns() // 1000), loader)
