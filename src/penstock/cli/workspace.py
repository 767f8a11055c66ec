"""``penstock workspace``: workspaces in the database."""

from __future__ import annotations

from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, paged, show_list, show_one, warn
from penstock.cli.limit_options import LIMIT_OPTIONS, limits_of
from penstock.cli.member_options import SET_OPTION, members_of, pairs, with_options

_COLUMNS: Final = ("slug", "name", "is_default", "status", "created_at")
_MEMBERS: Final = with_options(
    click.option("--description", metavar="TEXT", help="What it is for."),
    click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="Metadata of each request of its keys."),
    click.option("--default-config", metavar="SLUG", help="Config of requests whose key has none."),
    *LIMIT_OPTIONS,
    SET_OPTION,
)
"""The options that stand for members of a workspace, for a new one and for a change."""


@click.group("workspace")
def command() -> None:
    """Workspaces in the database: each has keys, providers and configs of its own."""


@command.command("create")
@click.argument("name", metavar="NAME")
@_MEMBERS
@on_database
def create(at: At, name: str, **options: Any) -> None:
    """Make a workspace."""
    from penstock.control import workspaces
    from penstock.control.actor import CLI

    body = {"name": name, **_members(options)}
    answer = carry_out(at, lambda plane: workspaces.create_workspace(plane, CLI, body))
    warn(answer)
    done(at, answer, f"The workspace {name} is made: --workspace {answer['slug']}.")


@command.command("show")
@click.argument("slug", metavar="SLUG")
@on_database
def show(at: At, slug: str) -> None:
    """Show a workspace."""
    from penstock.control import workspaces
    from penstock.control.actor import CLI

    show_one(at, carry_out(at, lambda plane: workspaces.read_workspace(plane, CLI, slug)))


@command.command("update")
@click.option("--name", metavar="NAME")
@click.option("--clear", metavar="MEMBER", multiple=True, help="Take a member away, such as usage_limits.")
@click.argument("slug", metavar="SLUG")
@_MEMBERS
@on_database
def update(at: At, slug: str, name: str | None, clear: tuple[str, ...], **options: Any) -> None:
    """Change a workspace; what is not named stays."""
    from penstock.control import workspaces
    from penstock.control.actor import CLI

    body = {**_members(options), **dict.fromkeys(clear), **({"name": name} if name else {})}
    if not body:
        raise click.ClickException("nothing is to be changed: name an option, such as --budget 5")
    answer = carry_out(at, lambda plane: workspaces.update_workspace(plane, CLI, slug, body))
    warn(answer)
    done(at, answer, f"{slug} is changed.")


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


def _members(options: dict[str, Any]) -> dict[str, Any]:
    """The body that some options stand for."""
    body: dict[str, Any] = {} if options["description"] is None else {"description": options["description"]}
    defaults: dict[str, Any] = {}
    if options["metadata"]:
        defaults["metadata"] = pairs(options["metadata"])
    if options["default_config"]:
        defaults["config_id"] = options["default_config"]
    return {
        **body,
        **({"defaults": defaults} if defaults else {}),
        **limits_of(options),
        **members_of(options["members"]),
    }
