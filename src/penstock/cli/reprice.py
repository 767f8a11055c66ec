"""``penstock reprice``: what past requests cost by the prices of today, and the ledger after them."""

from __future__ import annotations

from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, show_json, show_list
from penstock.cli.price_store import PriceStore, book_in_force

_COLUMNS: Final = ("provider", "model", "rows", "before", "after", "difference", "newly_priced", "unpriced")


@click.command("reprice")
@click.option("--since", metavar="TIME", required=True, help="From this time on, such as 2026-12-01T00:00:00Z.")
@click.option("--until", metavar="TIME", help="Up to this time, without it; else up to now.")
@click.option("--provider", metavar="PROVIDER", help="Requests to this provider alone.")
@click.option("--model", metavar="MODEL", help="Requests to this model alone, as the provider calls it.")
@click.option("--apply", "applies", is_flag=True, help="Write the new costs, and correct budgets.")
@click.option(
    "--database", metavar="ADDRESS", help="sqlite:///FILE or postgresql://…; else store.database of the settings."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
def command(
    since: str,
    until: str | None,
    provider: str | None,
    model: str | None,
    applies: bool,
    database: str | None,
    as_json: bool,
) -> None:
    """Compute again what the ledger's requests of a period cost, by the prices of today. Amounts are in dollars.

    Nothing is written without --apply. With it rows keep what they said first (first_amount, first_price_version), and
    budgets whose window is still open change by the difference.
    """
    from penstock.control import reprice
    from penstock.control.actor import CLI
    from penstock.providers.registry import ALIASES

    slug = None if provider is None else ALIASES.get(provider, provider)
    end = None if until is None else _moment("--until", until)
    period = reprice.period_of(_moment("--since", since), end, slug, model)
    book = book_in_force(PriceStore(database))
    at = At(None, database, as_json)
    answer = carry_out(at, lambda plane: reprice.reprice(plane, CLI, book, period, applies=applies))
    if as_json:
        show_json(answer)
        return
    show_list(at, answer, _COLUMNS)
    click.echo(_sentence(answer))


def _moment(option: str, text: str) -> int:
    from penstock.core.rfc3339 import unix_microseconds

    try:
        return unix_microseconds(text)
    except ValueError as error:
        raise click.ClickException(f"{option}: {error}") from None


def _sentence(answer: dict[str, Any]) -> str:
    rows = answer["changed_rows"]
    rows = "1 row" if rows == 1 else f"{rows} rows"
    if not answer["applied"]:
        return f"{rows} would change. Nothing is written: --apply does it."
    return f"{rows} changed, and budgets had {answer['corrected_balances']} corrections."
