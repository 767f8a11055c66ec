"""Where ``penstock prices`` finds prices: the control plane's database, the library's table, penstock.toml."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from penstock.cli.control import with_database
from penstock.prices.book import PriceBook
from penstock.prices.table import PriceTable
from penstock.settings import SettingsError, load, working_directory
from penstock.stores.sql.place import Place, find_place

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from penstock.stores.sql.database import Database

_T = TypeVar("_T")


class PriceStore:
    """The control plane's database: at ``address``, else the one of the settings."""

    def __init__(self, address: str | None) -> None:
        try:
            settings = load({}, os.environ, working_directory())
            place = find_place(settings.store, os.environ) if not address else Place(address)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None
        self.folder = None if place.file is None else place.file.parent
        self._place = place
        self._exists = bool(place.address) and (place.file is None or place.file.exists())

    def change(self, do: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Carry out a change. The database is made where there is none."""
        if not self._place.address:
            raise click.ClickException(f"there is no database ({self._place.reason or 'store.database is none'})")
        self._exists = True

        async def changed(database: Database) -> _T:
            async with database.change() as connection:
                return await do(connection)

        return self._run(changed)

    def read(self, do: Callable[[AsyncConnection], Awaitable[_T]]) -> _T | None:
        """What ``do`` reads; None where there is no database yet."""
        if not self._exists:
            return None

        async def read(database: Database) -> _T:
            async with database.read() as connection:
                return await do(connection)

        return self._run(read)

    def _run(self, do: Callable[[Database], Awaitable[_T]]) -> _T:
        import asyncio  # only where a database is used: it takes longer to import than all of the command

        from penstock.stores.sql.database_error import DatabaseError

        try:
            return asyncio.run(with_database(self._place.address, do))
        except DatabaseError as error:
            raise click.ClickException(str(error)) from None

    def active(self) -> PriceTable | None:
        """The table that was loaded and is in force."""
        from penstock.prices.table import TableError
        from penstock.stores.sql import prices

        async def active(connection: AsyncConnection) -> PriceTable | None:
            version = await prices.active_version(connection)
            return None if version is None else await prices.read(connection, version)

        try:
            return self.read(active)
        except TableError as error:
            raise click.ClickException(str(error)) from None


def library_table(store: PriceStore) -> PriceTable | None:
    """The library's table, kept in the data folder if there is one. Says so if it can't be had."""
    from penstock.stores.prices import PricesUnavailableError, default_table

    try:
        return default_table(store.folder)
    except PricesUnavailableError as error:
        click.echo(f"Warning: {error}", err=True)
        return None


def book_in_force(store: PriceStore) -> PriceBook:
    """The book that a gateway started here would use."""
    from penstock.prices.book import NO_OVERLAY
    from penstock.prices.overlay import read_overlay
    from penstock.providers.registry import ALIASES
    from penstock.settings import catalogue_file
    from penstock.settings.text_file import LARGEST_SETTINGS, BadToml, TooLarge, parse_toml, read_text

    path, overlay = catalogue_file({}, os.environ, working_directory()), NO_OVERLAY
    if path is not None:
        try:
            sections = parse_toml(read_text(path, LARGEST_SETTINGS))
        except (OSError, TooLarge, BadToml, ValueError) as error:  # it has changed since the settings were read
            raise click.ClickException(f"{path.name} can't be read: {error}") from None
        overlay, problems = read_overlay(sections.get("prices", {}), "prices", ALIASES)
        if problems:
            raise click.ClickException(problems[0])
    tables = [table for table in (store.active(), library_table(store)) if table is not None]
    return PriceBook(tables, overlay)
