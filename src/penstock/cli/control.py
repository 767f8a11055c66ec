"""What commands on the control plane share: the database of the settings, its refusals, tables and JSON."""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from penstock.core.json_text import write_json

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane
    from penstock.limits.windows import WeekStart
    from penstock.stores.sql.database import Database

_T = TypeVar("_T")
_LONGEST_CELL: Final = 60


class At(msgspec.Struct, frozen=True):
    """Which database a command works on, and how it prints: the values of the options that all these commands have."""

    config: str | None
    database: str | None
    as_json: bool


def on_database(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options ``--config``, ``--database`` and ``--json``; it gets them as its first argument."""

    @click.option("--config", metavar="FILE", help="Settings to read in place of ./penstock.toml.")
    @click.option("--database", metavar="ADDRESS", help="The database, in place of the one that the settings name.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
    @functools.wraps(command)
    def with_options(config: str | None, database: str | None, as_json: bool, **arguments: Any) -> None:
        command(At(config, database, as_json), **arguments)

    return with_options


def carry_out(at: At, work: Callable[[ControlPlane], Awaitable[_T]]) -> _T:
    """The result of work on the control plane. A refusal ends the command with its message."""
    import asyncio

    from penstock.control.refusal import Refusal
    from penstock.settings import SettingsError
    from penstock.stores.sql.database_error import DatabaseError

    try:
        return asyncio.run(_worked(at, work))
    except Refusal as refusal:
        problems = [f"\n  {problem}" for problem in refusal.problems] if len(refusal.problems) > 1 else ()
        first = f"{len(refusal.problems)} problems:" if problems else refusal.message
        raise click.ClickException(first + "".join(problems)) from None
    except (SettingsError, DatabaseError) as error:
        raise click.ClickException(str(error)) from None


async def _worked(at: At, work: Callable[[ControlPlane], Awaitable[_T]]) -> _T:
    address, week_starts, open_plane = _place(at)

    async def do(database: Database) -> _T:
        return await work(await open_plane(database))

    return await with_database(address, do, week_starts)


async def with_database(
    address: str, do: Callable[[Database], Awaitable[_T]], week_starts: WeekStart | None = None
) -> _T:
    """The result of work on a database, whose tables are brought to this release's form. Raises DatabaseError."""
    from penstock.stores.sql.database import Database
    from penstock.stores.sql.migrate import migrate

    database = Database(address, week_starts)
    try:
        await migrate(database)
        return await do(database)
    finally:
        await database.close()


def _place(at: At) -> tuple[str, WeekStart | None, Callable[[Any], Awaitable[ControlPlane]]]:
    """The address of the database, on which day its weekly budgets begin, and what makes a control plane of it. Raises
    SettingsError and DatabaseError."""
    from penstock.admin.provider_rules import provider_rules
    from penstock.app.admin import control_judge
    from penstock.app.root import read_catalogue
    from penstock.app.store import counters_setup
    from penstock.control.bootstrap import bootstrap
    from penstock.control.plane import ControlPlane
    from penstock.core.address import AddressPolicy
    from penstock.providers.registry import PROVIDERS
    from penstock.settings import catalogue_file, load, working_directory
    from penstock.stores.sql.place import find_place, read_keyring
    from penstock.stores.sql.secrets import check_keyring

    flags, folder = {"config": at.config}, working_directory()
    settings = load(flags, os.environ, folder)
    if at.database is not None:
        store = msgspec.structs.replace(settings.store, database=at.database)
        settings = msgspec.structs.replace(settings, store=store)
    place = find_place(settings.store, os.environ)
    if not place.address:
        raise click.ClickException(f"there is no database: {place.reason or 'store.database says none'}")
    keyring = read_keyring(os.environ)

    async def open_plane(database: Any) -> ControlPlane:
        await check_keyring(database, keyring)
        await bootstrap(database)
        file = read_catalogue(settings, catalogue_file(flags, os.environ, folder))
        check, rules = control_judge(settings), provider_rules(AddressPolicy(settings.trusted_hosts))
        largest = counters_setup(settings, place).largest_cost
        return ControlPlane(
            database, keyring, PROVIDERS, check, lambda: file.current, provider_rules=rules, largest_cost=largest
        )

    return place.address, settings.limits.week_starts, open_plane


def show_list(at: At, answer: Mapping[str, Any], columns: Sequence[str], member: str = "data") -> None:
    """Print the items of a list: some members of each in a table, or all of them as JSON."""
    if at.as_json:
        show_json(answer)
        return
    lines = [tuple(name.replace("_", " ").upper() for name in columns)]
    lines += [tuple(_cell(item.get(name)) for name in columns) for item in answer[member]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    left = answer["total"] - len(answer[member])
    if left > 0:
        click.echo(f"… and {left} more: --page and --page-size show them", err=True)


def show_one(at: At, answer: Mapping[str, Any]) -> None:
    """Print one thing: a line for each member that is set, or JSON."""
    if at.as_json:
        show_json(answer)
        return
    members = {name: value for name, value in answer.items() if value not in (None, "", [], {}) and name != "data"}
    width = max(map(len, members), default=0)
    for name, value in members.items():
        click.echo(f"{name.ljust(width)}  {value if isinstance(value, str) else _json(value)}")


def show_json(answer: Mapping[str, Any]) -> None:
    click.echo(msgspec.json.format(write_json(answer)).decode())


def warn(answer: Mapping[str, Any]) -> None:
    """Tell the warnings of an answer."""
    for warning in answer.get("warnings", ()):
        click.echo(f"Warning: {warning}", err=True)


def done(at: At, answer: Mapping[str, Any], sentence: str) -> None:
    """Say that a change is made, or print its answer as JSON."""
    if at.as_json:
        show_json(answer)
    else:
        click.echo(sentence)


def _cell(value: Any) -> str:
    text = "-" if value in (None, "", [], {}) else value if isinstance(value, str) else _json(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def _json(value: Any) -> str:
    return write_json(value).decode()


def paged(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command of a list the options ``--page`` and ``--page-size``; it gets them as ``query``."""

    @click.option("--page", metavar="NUMBER", default="0", help="The page, from 0.")
    @click.option("--page-size", metavar="NUMBER", default="100", help="Lines of a page, at most 1000.")
    @functools.wraps(command)
    def with_options(*arguments: Any, page: str, page_size: str, **more: Any) -> None:
        command(*arguments, query={"current_page": page, "page_size": page_size}, **more)

    return with_options
