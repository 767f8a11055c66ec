"""``penstock prices``: what models cost: load prices, show them, list them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from penstock.cli.price_store import PriceStore, book_in_force, library_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from penstock.prices.book import Price
    from penstock.prices.rates import Case

_DATABASE: Final = click.option(
    "--database", metavar="ADDRESS", help="sqlite:///FILE or postgresql://…; else store.database of the settings."
)
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
_PICOS: Final = 10**12


@click.group("prices")
def command() -> None:
    """What models cost: by the library genai-prices, by files that were loaded, by [prices] in penstock.toml."""


@command.command("load")
@click.argument("paths", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@_DATABASE
@_JSON
def load(paths: tuple[Path, ...], database: str | None, as_json: bool) -> None:
    """Load prices into the database; they come before the library's.

    A JSON file in the format of Portkey-AI/models replaces all prices of the provider that it is named after. A file
    with sections as [prices."PROVIDER/MODEL"] in penstock.toml replaces the prices of these models.
    """
    from penstock.prices.classes import PriceError
    from penstock.prices.table import TableError
    from penstock.providers.registry import ALIASES
    from penstock.stores.price_files import merged, read_files
    from penstock.stores.sql import prices

    try:
        files = read_files(paths, ALIASES)
    except PriceError as error:
        raise click.ClickException(str(error)) from None
    for warning in files.warnings:
        click.echo(f"Warning: {warning}", err=True)

    async def change(connection: AsyncConnection) -> str:
        version = await prices.active_version(connection)
        table = merged(files, None if version is None else await prices.read(connection, version))
        await prices.save(connection, table, _now())
        return table.version

    try:
        version = PriceStore(database).change(change)
    except TableError as error:
        raise click.ClickException(str(error)) from None
    loaded = {slug: len(each.models) for slug, each in files.providers.items()}
    for slug, models in files.models.items():
        loaded[slug] = loaded.get(slug, 0) + len(models)
    _tell(
        {"version": version, "providers": loaded, "warnings": files.warnings},
        f"{sum(loaded.values())} models of {len(loaded)} providers are in force as {version}.",
        as_json=as_json,
    )


@command.command("unload")
@_DATABASE
@_JSON
def unload(database: str | None, as_json: bool) -> None:
    """Take loaded prices out of force; the library's stay."""
    from penstock.stores.sql import prices

    PriceStore(database).change(prices.deactivate)
    _tell({"version": None}, "No loaded prices are in force.", as_json=as_json)


@command.command("update")
@_DATABASE
@_JSON
def update(database: str | None, as_json: bool) -> None:
    """Keep the prices of the installed genai-prices as a version in the database, for repricing later.

    The gateway uses the library that is installed by itself: pip install --upgrade genai-prices is what brings newer
    prices.
    """
    from penstock.stores.sql import prices

    store = PriceStore(database)
    table = library_table(store)
    if table is None:
        raise click.ClickException("there is nothing to keep")

    async def change(connection: AsyncConnection) -> None:
        await prices.save(connection, table, _now(), activate=False)

    store.change(change)
    models = sum(len(table.models(provider)) for provider in table.providers)
    _tell(
        {"version": table.version, "models": models},
        f"{models} models of {len(table.providers)} providers are kept as {table.version}.",
        as_json=as_json,
    )


@command.command("show")
@click.argument("provider")
@click.argument("model")
@click.option("--region", default="", help="The provider's region, such as eu-west-1.")
@click.option("--mode", default="standard", show_default=True, help="standard, batch, flex, priority or fast.")
@_DATABASE
@_JSON
def show(provider: str, model: str, region: str, mode: str, database: str | None, as_json: bool) -> None:
    """Show what MODEL costs at PROVIDER, and where the price is from."""
    from penstock.providers.registry import ALIASES

    book = book_in_force(PriceStore(database))
    price = book.look_up(ALIASES.get(provider, provider), model, region, mode)
    if price is None:
        raise click.ClickException(f"no price of {provider}/{model} is known: [prices] in penstock.toml can say it")
    if as_json:
        _print(_as_json(price))
    else:
        click.echo(f"{price.provider}/{price.name} ({price.match}, {price.version})")
        for case in price.cases:
            click.echo(f"\n{_when(case)}:")
            for name, picos in case.rates.items():
                click.echo(f"  {name.ljust(24)} {_amount(name, picos)}")


@command.command("list")
@click.argument("provider", default="")
@_DATABASE
@_JSON
def list_(provider: str, database: str | None, as_json: bool) -> None:
    """List the models of PROVIDER with their plain prices; without it, the versions in force and all providers."""
    from penstock.providers.registry import ALIASES

    book = book_in_force(PriceStore(database))
    if not provider:
        entries = [
            {"version": t.version, "provider": p, "models": len(t.models(p))} for t in book.tables for p in t.providers
        ]
        _list(entries, _line_of_provider, as_json=as_json)
        return
    slug = ALIASES.get(provider, provider)
    names = {name for table in book.tables for name in table.models(slug)}
    names |= {model for of, model in book.overlay.entries if of == slug}
    if not names:
        raise click.ClickException(f"no price of {provider} is known: penstock prices list names the providers")
    prices = [price for name in sorted(names) if (price := book.look_up(slug, name)) is not None]
    _list([_as_json(price) for price in prices], _line_of_model, as_json=as_json)


def _list(entries: list[dict[str, Any]], line: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    if as_json:
        _print(entries)
    else:
        for entry in entries:
            click.echo(line(entry))


def _line_of_provider(entry: dict[str, Any]) -> str:
    return f"{entry['provider'].ljust(24)} {entry['models']:>5}  {entry['version']}"


def _line_of_model(entry: dict[str, Any]) -> str:
    rates = entry["cases"][-1]["prices"]
    plain = [f"{name} {rates[name]}" for name in ("input", "output") if name in rates]
    return f"{entry['model'].ljust(56)} {', '.join(plain) or '…'}"


def _as_json(price: Price) -> dict[str, Any]:
    cases = [
        {
            "above": case.above,
            "since": _day(case.since),
            "daily": case.daily,
            "prices": {name: _amount(name, picos) for name, picos in case.rates.items()},
            "picodollars": case.rates,
        }
        for case in price.cases
    ]
    return {
        "provider": price.provider, "model": price.name, "mode": price.mode, "price_match": price.match,
        "price_version": price.version, "cases": cases,
    }  # fmt: skip


def _when(case: Case) -> str:
    """When prices hold, in words: ``prompts of more than 200000 tokens, from 2026-11-03 on``."""
    parts = [f"prompts of more than {case.above} tokens" if case.above else "any prompt"]
    if case.since:
        parts.append(f"from {_day(case.since)} on")
    if case.daily is not None:
        parts.append("from {} to {} UTC".format(*(f"{t // 3600:02}:{t // 60 % 60:02}" for t in case.daily)))
    return ", ".join(parts)


def _day(since: int) -> str | None:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d") if since else None


def _amount(name: str, picos: int) -> str:
    """A price in dollars: of a million tokens, or of a unit."""
    from penstock.prices.rates import OF_TOKENS

    per_million = name in OF_TOKENS
    whole, rest = divmod(picos * 1_000_000 if per_million else picos, _PICOS)
    digits = f"{whole}.{rest:012d}".rstrip("0").rstrip(".")
    return f"${digits} / 1M tokens" if per_million else f"${digits}"


def _tell(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        _print(value)
    else:
        click.echo(text)


def _print(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))


def _now() -> int:
    """Microseconds since 1970."""
    from time import time_ns

    return time_ns() // 1000
