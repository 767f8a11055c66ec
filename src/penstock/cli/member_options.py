"""Options that stand for members of a body, where several commands have them: limits, and values by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import click

LIMIT_OPTIONS: Final = (
    click.option("--budget", metavar="DOLLARS", type=float, help="Dollars that may be spent."),
    click.option("--reset", metavar="PERIOD", help="When a budget begins anew: daily, weekly, monthly."),
    click.option("--rpm", metavar="NUMBER", type=int, help="Requests a minute."),
    click.option("--tpm", metavar="NUMBER", type=int, help="Tokens a minute."),
    click.option("--concurrency", metavar="NUMBER", type=int, help="Requests under way at the same time."),
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


def limits_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that ``LIMIT_OPTIONS`` stand for."""
    limits: dict[str, Any] = {}
    if given["budget"] is not None:
        reset = {"periodic_reset": given["reset"]} if given["reset"] else {}
        budget = given["budget"]
        dollars = int(budget) if budget.is_integer() else budget
        limits["usage_limits"] = {"type": "cost", "credit_limit": dollars, **reset}
    elif given["reset"]:
        raise click.ClickException("--reset belongs to a budget: name --budget, too")
    rates = [
        {"type": kind, "unit": "rpm", "value": given[name]}
        for name, kind in (("rpm", "requests"), ("tpm", "tokens"))
        if given[name] is not None
    ]
    if rates:
        limits["rate_limits"] = rates
    if given["concurrency"] is not None:
        limits["concurrency_limit"] = given["concurrency"]
    return limits


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """The values of ``NAME=VALUE`` by name. A text without both is refused, and not repeated: it may be a secret."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.ClickException(f"{name[:32]} is no NAME=VALUE")
        values[name] = value
    return values
