"""``penstock audit``: who changed what, and whether the log is whole."""

from __future__ import annotations

from typing import Final

import click

from penstock.cli.control import At, carry_out, on_database, paged, show_json, show_list

_COLUMNS: Final = ("sequence", "timestamp", "user_id", "action", "resource_type", "resource_id", "response_status_code")


@click.group("audit")
def command() -> None:
    """The audit log: who changed what in the database."""


@command.command("list")
@click.option("--since", metavar="TIME", help="From this time on, such as 2026-12-01T00:00:00Z.")
@click.option("--until", metavar="TIME", help="Up to this time.")
@click.option("--action", metavar="ACTION", help="Such as create, update, delete, rotate.")
@click.option("--resource", metavar="TYPE", help="Such as api_key or config.")
@paged
@on_database
def list_(
    at: At, since: str | None, until: str | None, action: str | None, resource: str | None, query: dict[str, str]
) -> None:
    """List changes, the newest first."""
    from penstock.control import audit
    from penstock.control.pages import page_of

    filters = {"start_time": since, "end_time": until, "action": action, "resource_type": resource}
    query |= {name: value for name, value in filters.items() if value}
    answer = carry_out(
        at, lambda plane: audit.list_rows(plane.database, query, page_of(query, audit.LARGEST_PAGE, audit.LARGEST_PAGE))
    )
    show_list(at, answer, _COLUMNS, "records")


@command.command("verify")
@on_database
def verify(at: At) -> None:
    """Tell whether every row of the log is the one that was written. Exits with 1 if not."""
    from penstock.control import audit

    verdict = carry_out(at, lambda plane: audit.verify(plane.database))
    if at.as_json:
        show_json({"rows": verdict.rows, "problem": verdict.problem})
    elif verdict.problem is None:
        click.echo(f"The audit log is whole: {verdict.rows} rows.")
    if verdict.problem is not None:
        raise click.ClickException(f"the audit log was altered: {verdict.problem}")
