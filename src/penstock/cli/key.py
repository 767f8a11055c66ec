"""``penstock key``: a key for somebody who is to call the gateway, and what penstock.toml must hold of it."""

from __future__ import annotations

import secrets
import sys
from typing import Final

import click

_BYTES: Final = 32


@click.command("key")
@click.option("--hash", "given", is_flag=True, help="Take a key that exists already, from standard input.")
@click.argument("name", metavar="[NAME]", default="default")
def command(name: str, given: bool) -> None:
    """Make a gateway key for NAME and show the lines of penstock.toml that let it in.

    The key itself is shown this once and kept nowhere: the file holds its hash.
    """
    from penstock.stores.catalogue import NAME, digest_of

    if not NAME.fullmatch(name):
        raise click.ClickException(f"{name} is no name: use letters, digits, dots, dashes and underscores")
    if given:
        key = sys.stdin.read().strip()
        if not key:
            raise click.ClickException("standard input holds no key")
    else:
        key = f"pk-{secrets.token_urlsafe(_BYTES)}"
        click.echo(f"{key}\n")
        click.echo("The line above is the key, for the caller; those below belong into penstock.toml.\n", err=True)
    # In TOML a dot between bare names begins a section within the section.
    heading = f'"{name}"' if "." in name else name
    click.echo(f'[keys.{heading}]\nhash = "{digest_of(key)}"')
