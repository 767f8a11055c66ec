"""``penstock providers``: what the gateway knows, and for which of it this machine has a key."""

from __future__ import annotations

import os
from typing import Any

import click
import msgspec

_COLUMNS = ("SLUG", "NAME", "BASE URL", "KEY VARIABLE", "SET")


@click.command("providers")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
@click.argument("filter_", metavar="[FILTER]", default="")
def command(filter_: str, as_json: bool) -> None:
    """List the providers whose slug or name contains FILTER, and whether their key variable is set here.

    These are the hosts that the gateway knows; `penstock provider` keeps credentials at them.
    """
    from penstock.providers.registry import nearest

    wanted = filter_.lower()
    found = [entry for entry in _entries() if wanted in entry["slug"] or wanted in entry["name"].lower()]
    if not found:
        near = nearest(wanted)
        hint = f"did you mean {near}?" if near else "penstock providers lists all"
        raise click.ClickException(f"no provider is called {filter_}: {hint}")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        click.echo(_table([_COLUMNS, *map(_line, found)]))


def _entries() -> list[dict[str, Any]]:
    from penstock.providers.registry import COLUMNS, PROVIDERS, table

    base_urls = {line[0]: line[COLUMNS.index("base URL")] for line in table()}
    return [
        {
            "slug": row.slug,
            "name": row.name,
            "base_url": base_urls[row.slug],
            "key": row.key.value,
            "key_variables": row.env,
            "key_set": any(os.environ.get(name) for name in row.env),
        }
        for row in PROVIDERS.values()
    ]


def _line(entry: dict[str, Any]) -> tuple[str, ...]:
    is_set = ("yes" if entry["key_set"] else "no") if entry["key_variables"] else "-"
    return entry["slug"], entry["name"], entry["base_url"], ", ".join(entry["key_variables"]) or "-", is_set


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
