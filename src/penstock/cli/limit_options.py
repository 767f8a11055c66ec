"""Options that stand for limits, where several commands have them: all that a limit can be over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

_UNIT: Final = "A rate, such as 100/rps, 5000/rpd or 20/5m; several times."
_BUDGETS: Final = {"budget": "cost", "tokens": "tokens", "requests": "requests"}
"""Options of budgets, and the type that each is of."""
_RATES: Final = {"rate": "requests", "token_rate": "tokens"}
_BY_THE_MINUTE: Final = {"rpm": "requests", "tpm": "tokens"}
_OF_BUDGETS: Final = ("reset", "window", "reset_at", "alert", "unknown_price", "token_price")
"""Options that say something of budgets alone."""
_UNITS: Final = ("rps", "rpm", "rph", "rpd", "rpw")
AMOUNTS: Final = (*_BUDGETS, *_BY_THE_MINUTE, *_RATES)
"""Options that are a limit each."""

SETTING_OPTIONS: Final = (
    click.option("--budget", metavar="DOLLARS", type=float, help="Dollars that may be spent."),
    click.option("--tokens", metavar="NUMBER", type=int, help="Tokens that may be used."),
    click.option("--requests", metavar="NUMBER", type=int, help="Requests that may be made."),
    click.option("--reset", metavar="PERIOD", help="When these begin anew: daily, weekly, monthly …, or days: 30."),
    click.option("--window", metavar="LENGTH", help="A length in place of --reset, such as 12h."),
    click.option("--reset-at", metavar="TIME", help="When a window of days or of a length begins."),
    click.option("--alert", metavar="AMOUNT", type=float, help="From which amount on people are told."),
    click.option("--unknown-price", metavar="RULE", help="A model without a price: reject, tokens or allow."),
    click.option("--token-price", metavar="DOLLARS", type=float, help="For a million tokens, with the rule tokens."),
    click.option("--rpm", metavar="NUMBER", type=int, help="Requests a minute."),
    click.option("--tpm", metavar="NUMBER", type=int, help="Tokens a minute."),
    click.option("--rate", metavar="NUMBER/UNIT", multiple=True, help=_UNIT),
    click.option("--token-rate", metavar="NUMBER/UNIT", multiple=True, help="The same for tokens."),
    click.option("--fixed", is_flag=True, help="Windows of these rates don't slide."),
    click.option("--strict", is_flag=True, help="Never overspend: estimate by upper bounds."),
    click.option("--exceeded-status", metavar="STATUS", type=int, help="Of refused requests: 402, 403, 412, 422, 429."),
)
LIMIT_OPTIONS: Final = (
    *SETTING_OPTIONS,
    click.option("--concurrency", metavar="NUMBER", type=int, help="Requests under way at the same time."),
)


def limits_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The members that ``LIMIT_OPTIONS`` stand for."""
    budgets, rates = budgets_of(options), rates_of(options)
    limits: dict[str, Any] = {}
    if budgets:
        limits["usage_limits"] = budgets[0] if len(budgets) == 1 else budgets
    if rates:
        limits["rate_limits"] = rates
    if options["concurrency"] is not None:
        limits["concurrency_limit"] = options["concurrency"]
    return limits


def budgets_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The budgets among some options; what is said of budgets is said of each of them."""
    amounts = {type_: options[name] for name, type_ in _BUDGETS.items() if options[name] is not None}
    named = [name for name in _OF_BUDGETS if options[name] is not None]
    if named and not amounts:
        option = named[0].replace("_", "-")
        raise click.ClickException(f"--{option} belongs to a budget: name --budget, --tokens or --requests, too")
    settings = {
        **_period(options["reset"]),
        "penstock_window": options["window"],
        "next_usage_reset_at": options["reset_at"],
        "alert_threshold": _number(options["alert"]),
        "unknown_price": options["unknown_price"],
        "token_price": _number(options["token_price"]),
        **_of_both(options),
    }
    return [_told({"type": type_, "credit_limit": _number(amount), **settings}) for type_, amount in amounts.items()]


def rates_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rates among some options."""
    settings = {"window": "fixed" if options["fixed"] else None, **_of_both(options)}
    rates: list[dict[str, Any]] = [
        {"type": type_, "unit": "rpm", "value": options[name]}
        for name, type_ in _BY_THE_MINUTE.items()
        if options[name] is not None
    ]
    rates += [_rate(type_, text) for name, type_ in _RATES.items() for text in options[name]]
    return [_told({**rate, **settings}) for rate in rates]


def _of_both(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"strict": options["strict"] or None, "exceeded_status": options["exceeded_status"]}


def _rate(type_: str, text: str) -> dict[str, Any]:
    value, _, unit = text.partition("/")
    if not (value.isdecimal() and unit):
        raise click.ClickException(f"{text[:32]} is no rate: write 100/rps, 5000/rpd or 20/5m")
    return {"type": type_, "value": int(value), "unit" if unit in _UNITS else "penstock_window": unit}


def _period(reset: str | None) -> dict[str, Any]:
    """``30`` is a number of days."""
    if reset is not None and reset.isdecimal():
        return {"periodic_reset_days": int(reset)}
    return {"periodic_reset": reset}


def _number(value: float | None) -> float | None:
    return int(value) if value is not None and float(value).is_integer() else value


def _told(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
