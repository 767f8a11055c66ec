"""``penstock workspace``: workspaces in the database, made, listed and deleted."""

from __future__ import annotations

from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, paged, show_list, warn

_COLUMNS: Final = ("slug", "name", "is_default", "status", "created_at")


@click.group("workspace")
def command() -> None:
    """Workspaces in the database: each has keys, providers and configs of its own."""


@command.command("create")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.argument("name", metavar="NAME")
@on_database
def create(at: At, name: str, description: str | None) -> None:
    """Make a workspace."""
    from penstock.control import workspaces
    from penstock.control.actor import CLI

    body = {"name": name, **({"description": description} if description else {})}
    answer = carry_out(at, lambda plane: workspaces.create_workspace(plane, CLI, body))
    warn(answer)
    done(at, answer, f"The workspace {name} is made: --workspace {answer['slug']}.")


@command.command("list")
@paged
@on_database
def list_(at: At, query: dict[str, str]) -> None:
    """List the workspaces, the newest first."""
    from penstock.control import workspaces
    from penstock.control.actor import CLI
    from penstock.control.pages import page_of

    show_list(at, carry_out(at, lambda plane: workspaces.list_workspaces(plane, CLI, {}, page_of(query))), _COLUMNS)


@command.command("delete")
@click.option("--force", is_flag=True, help="Also with all that is in it.")
@click.argument("slug", metavar="SLUG")
@on_database
def delete(at: At, slug: str, force: bool) -> None:
    """Delete a workspace."""
    from penstock.control import workspace_removal, workspaces
    from penstock.control.actor import CLI
    from penstock.control.plane import ControlPlane

    async def work(plane: ControlPlane) -> dict[str, Any]:
        named = await workspaces.read_workspace(plane, CLI, slug)
        return await workspace_removal.delete_workspace(plane, CLI, slug, {"name": named["name"]}, is_forced=force)

    done(at, carry_out(at, work), f"{slug} is deleted.")
