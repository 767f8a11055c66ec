"""``penstock key``: a key for somebody who is to call the gateway, and what penstock.toml must hold of it."""

from __future__ import annotations

import secrets
import sys
from typing import Final

import click

_BYTES: Final = 32
_SHORTEST: Final = 10
_FEWEST: Final = 5
"""Characters of a key, and different ones among them: what is less can be guessed by trying."""
_SHORT: Final = 20


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
        _check(key)
    else:
        key = f"pk-{secrets.token_urlsafe(_BYTES)}"
        click.echo(f"{key}\n")
        click.echo("The line above is the key, for the caller; those below belong into penstock.toml.\n", err=True)
    # In TOML a dot between bare names begins a section within the section.
    heading = f'"{name}"' if "." in name else name
    click.echo(f'[keys.{heading}]\nhash = "{digest_of(key)}"')


def _check(key: str) -> None:
    """Refuse a key that can be guessed, or that no header can carry."""
    if not key:
        raise click.ClickException("standard input holds no key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise click.ClickException("the key holds a space or a character that no header can carry")
    if len(key) < _SHORTEST or len(set(key)) < _FEWEST:
        raise click.ClickException(
            f"the key can be guessed: it has {len(key)} characters, {len(set(key))} different ones. Take at least "
            f"{_SHORTEST}, better {_SHORT} random ones; penstock key without --hash makes such a key"
        )
    if len(key) < _SHORT:
        click.echo(f"Warning: the key is short. Take {_SHORT} random characters, or more.", err=True)
