"""Options that stand for members of a body, where several commands have them: any member, and values by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from penstock.core.json_text import read_json

SET_OPTION: Final = click.option(
    "--set",
    "members",
    metavar="MEMBER=JSON",
    multiple=True,
    help="Any member that the admin API takes, such as log_content=true; several times.",
)


def with_options(
    *options: Callable[[Callable[..., None]], Callable[..., None]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command several options, in the order in which its help lists them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def members_of(texts: Iterable[str]) -> dict[str, Any]:
    """The members that ``SET_OPTION`` names: JSON, or a text where it is none."""
    return {name: _value(text) for name, text in pairs(texts).items()}


def _value(text: str) -> Any:
    try:
        return read_json(text.encode())
    except ValueError:
        return text


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """The values of ``NAME=VALUE`` by name. A text without both is refused, and not repeated: it may be a secret."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.ClickException(f"{name[:32]} is no NAME=VALUE")
        values[name] = value
    return values
