"""``penstock logs``: the request log of the database: list, show, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from penstock.cli.control import At, carry_out, on_database, show_json, show_list, show_one

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane

_COLUMNS: Final = (
    "created_at", "id", "api_key_name", "ai_org", "ai_model", "response_status_code", "total_units", "cost",
    "response_time", "error",
)  # fmt: skip
_ATTEMPTS: Final = ("number", "target", "provider", "model", "status", "error", "began", "ended", "cost")
_FILTERS: Final = {
    "since": "time_of_generation_min",
    "until": "time_of_generation_max",
    "trace": "trace_id",
    "key": "api_key_ids",
    "provider": "providers",
    "model": "models",
    "status": "status_code",
    "metadata": "metadata",
    "cost_min": "cost_min",
    "workspace": "workspace_slug",
}
"""The options of filters, and the parameters of the admin API that they stand for."""


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of filters; it gets them as ``query``, as the admin API takes them."""

    @click.option("--since", metavar="TIME", help="From this time on, such as 2026-12-01T00:00:00Z.")
    @click.option("--until", metavar="TIME", help="Up to this time.")
    @click.option("--trace", metavar="ID", help="Of this trace.")
    @click.option("--key", metavar="ID", help="Of the gateway key with this id.")
    @click.option("--provider", metavar="NAME", help="Answered by this provider.")
    @click.option("--model", metavar="MODEL", help="Answered by this model.")
    @click.option("--status", metavar="STATUS", help="Such as 429 or 5xx; several with commas.")
    @click.option("--metadata", metavar="JSON", help="""With these values, such as '{"team": "search"}'.""")
    @click.option("--cost-min", metavar="CENTS", help="That cost at least so many cents.")
    @click.option("--workspace", metavar="SLUG", help="Of this workspace.")
    @wraps(command)
    def with_options(*arguments: Any, **options: Any) -> None:
        filters = {_FILTERS[name]: options.pop(name) for name in _FILTERS}
        command(*arguments, query={name: value for name, value in filters.items() if value is not None}, **options)

    return with_options


@click.group("logs")
def command() -> None:
    """The request log: what became of each request."""


@command.command("list")
@click.option("--page-size", metavar="NUMBER", default="50", help="Lines, at most 1000.")
@click.option("--cursor", metavar="CURSOR", help="Go on where a list ended.")
@_filtered
@on_database
def list_(at: At, query: dict[str, str], page_size: str, cursor: str | None) -> None:
    """List requests, the newest first."""
    from penstock.control.actor import CLI
    from penstock.control.logs.logs import list_logs

    query |= {"page_size": page_size} if cursor is None else {"page_size": page_size, "cursor": cursor}
    answer = carry_out(at, lambda plane: list_logs(plane, CLI, query))
    show_list(at, {**answer, "total": len(answer["data"])} if not at.as_json else answer, _COLUMNS)
    if answer["next_cursor"] and not at.as_json:
        since = answer["searched_since"]
        more = "and more" if since is None else f"searched back to {since}, and on with"
        click.echo(f"… {more}: --cursor {answer['next_cursor']}", err=True)


@command.command("show")
@click.argument("id_", metavar="ID")
@on_database
def show(at: At, id_: str) -> None:
    """Show one request with its attempts, and its content where that is kept."""
    from penstock.control.actor import CLI
    from penstock.control.logs.logs import read_log

    answer = carry_out(at, lambda plane: read_log(plane, CLI, id_))
    if at.as_json:
        show_json(answer)
        return
    show_one(at, _plain(answer))
    if answer["attempts"]:
        click.echo()
        show_list(at, {"data": answer["attempts"], "total": len(answer["attempts"])}, _ATTEMPTS)


def _plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a row for people."""
    metrics = {name: value for name, value in answer["metrics"].items() if not name.startswith("metadata.")}
    metadata = dict(zip(answer["metrics"]["metadata.key"], answer["metrics"]["metadata.value"], strict=True))
    bodies = {f"{side}_body": answer[side]["body"] for side in ("request", "response")}
    names = ("tokens", "dropped_parameters", "labels", "client", "feedback")
    return {**metrics, "metadata": metadata, **{name: answer[name] for name in names}, **bodies}


@command.command("export")
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--most", metavar="NUMBER", default="50000", help="Rows, at most 50000.")
@click.option("--out", type=click.File("wb"), default="-", help="The file; standard output without it.")
@_filtered
@on_database
def export(at: At, query: dict[str, str], format_: str, most: str, out: BinaryIO) -> None:
    """Write requests to a file, the newest first."""
    from penstock.control.actor import CLI
    from penstock.control.logs.files import pieces_of, read_file

    async def write(plane: ControlPlane) -> None:
        async for piece in pieces_of(plane, CLI, read_file({**query, "format": format_, "page_size": most})):
            out.write(piece)

    carry_out(at, write)
