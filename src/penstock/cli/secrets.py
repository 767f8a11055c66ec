"""``penstock secrets``: the keys that the database's secrets are encrypted with."""

from __future__ import annotations

import datetime
import os
from typing import Any

import click

from penstock.cli.control import At, carry_out, on_database, show_json, show_list


@click.group("secrets")
def command() -> None:
    """The keys that encrypt what the database keeps secret (PENSTOCK_SECRET_KEYS)."""


@command.command("new-key")
@click.argument("name", metavar="[NAME]", default="")
def new_key(name: str) -> None:
    """Make a key named NAME, else after today, and print its entry for PENSTOCK_SECRET_KEYS."""
    from penstock.stores.sql import keyring

    entry = keyring.new_key(name or f"{datetime.datetime.now(datetime.UTC):%Y%m%d}", os.urandom(32))
    try:
        keyring.parse_keyring(entry)
    except keyring.KeyringError:
        text = f"{name[:40]} is no name: use at most 32 letters, digits, dots, dashes and underscores"
        raise click.ClickException(text) from None
    click.echo(entry)
    click.echo(
        "Put the line above first in PENSTOCK_SECRET_KEYS, before a comma and the keys that are there, and start the "
        "gateway again. Keep a copy apart from the database: without the key its secrets are lost.",
        err=True,
    )


@command.command("status")
@on_database
def status(at: At) -> None:
    """Count the secrets that each key has encrypted. A key may be removed when its count is 0."""
    from penstock.control.plane import ControlPlane
    from penstock.stores.sql.secrets import count_by_key

    async def work(plane: ControlPlane) -> dict[str, Any]:
        counts = await count_by_key(plane.database)
        names = dict.fromkeys([*plane.keyring.names, *counts])
        items = [
            {"key": name, "secrets": counts.get(name, 0), "encrypts": name == plane.keyring.first} for name in names
        ]
        return {"object": "list", "total": len(items), "data": items}

    answer = carry_out(at, work)
    if not answer["data"] and not at.as_json:
        click.echo("There is no key and no secret: `penstock secrets new-key` makes a key.")
        return
    show_list(at, answer, ("key", "secrets", "encrypts"))


@command.command("rotate")
@on_database
def rotate(at: At) -> None:
    """Encrypt everything with the first key, while gateways serve.

    A rotation that was interrupted goes on with the next one.
    """
    from penstock.control import secrets
    from penstock.control.actor import CLI

    def tell(count: int) -> None:
        click.echo(f"{count} secrets are encrypted anew …", err=True)

    answer = carry_out(at, lambda plane: secrets.rotate(plane, CLI, tell))
    if at.as_json:
        show_json(answer)
        return
    click.echo(f"{answer['rotated']} secrets are encrypted anew with the key {answer['key']}.")
    click.echo("Copies of the database from before need the old keys: keep them as long as the copies.", err=True)
