"""``penstock config``: saved configs in the database."""

from __future__ import annotations

from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, on_database, paged, show_json, show_list, show_one, warn

_COLUMNS: Final = ("slug", "name", "is_default", "status", "last_updated_at")
_OF_VERSIONS: Final = ("version", "version_id", "created_at", "is_current", "config")


@click.group("config")
def command() -> None:
    """Saved configs in the database: callers name them as x-portkey-config."""


@command.command("put")
@click.option("--file", "file", metavar="FILE", required=True, help='JSON, YAML or TOML; "-": standard input.')
@click.option("--name", metavar="NAME", help="Its name, in place of SLUG.")
@click.option("--default", "is_default", is_flag=True, help="Make it the default config of its workspace.")
@click.option("--workspace", metavar="SLUG", help="The workspace of a new config, in place of the default one.")
@click.argument("slug", metavar="SLUG")
@on_database
def put(at: At, slug: str, file: str, name: str | None, is_default: bool, workspace: str | None) -> None:
    """Save a config as SLUG: a new one, or a new version of the one that is there."""
    from penstock.cli.config_file import ConfigFile
    from penstock.control import configs
    from penstock.control.actor import CLI
    from penstock.control.plane import ControlPlane
    from penstock.stores.catalogue import NAME

    if not NAME.fullmatch(slug):
        raise click.ClickException(f"{slug} is no slug: use letters, digits, dots, dashes and underscores")
    body: dict[str, Any] = {"config": ConfigFile(file).values}
    if is_default:
        body["is_default"] = True

    async def work(plane: ControlPlane) -> dict[str, Any]:
        async with plane.database.read() as connection:
            there = await configs.find(connection, None, slug)
        if there is not None:
            return await configs.update(plane, CLI, slug, {**body, **({"name": name} if name else {})})
        body.update({"name": name or slug, **({"workspace_id": workspace} if workspace else {})})
        return await configs.create(plane, CLI, body, slug)

    answer = carry_out(at, work)
    warn(answer)
    if at.as_json:
        show_json(answer)
    else:
        click.echo(f"{slug} is saved: version {answer['version_id']}.")


@command.command("list")
@click.option("--workspace", metavar="SLUG", help="Configs of one workspace.")
@paged
@on_database
def list_(at: At, workspace: str | None, query: dict[str, str]) -> None:
    """List the saved configs, the newest first; those of penstock.toml stand at the end."""
    from penstock.control import configs
    from penstock.control.actor import CLI
    from penstock.control.pages import page_of

    query |= {"workspace_id": workspace} if workspace else {}
    show_list(at, carry_out(at, lambda plane: configs.list_configs(plane, CLI, query, page_of(query))), _COLUMNS)


@command.command("show")
@click.argument("slug", metavar="SLUG")
@on_database
def show(at: At, slug: str) -> None:
    """Show a config with its text."""
    from penstock.control import configs
    from penstock.control.actor import CLI

    show_one(at, carry_out(at, lambda plane: configs.read(plane, CLI, slug)))


@command.command("versions")
@click.argument("slug", metavar="SLUG")
@paged
@on_database
def versions(at: At, slug: str, query: dict[str, str]) -> None:
    """List the versions of a config, the newest first."""
    from penstock.control import configs
    from penstock.control.actor import CLI
    from penstock.control.pages import page_of

    show_list(at, carry_out(at, lambda plane: configs.versions(plane, CLI, slug, page_of(query))), _OF_VERSIONS)


@command.command("delete")
@click.option("--force", is_flag=True, help="Also where keys or workspaces use it by default.")
@click.argument("slug", metavar="SLUG")
@on_database
def delete(at: At, slug: str, force: bool) -> None:
    """Delete a config."""
    from penstock.control import configs
    from penstock.control.actor import CLI

    answer = carry_out(at, lambda plane: configs.delete(plane, CLI, slug, force=force))
    if at.as_json:
        show_json(answer)
    else:
        click.echo(f"{slug} is deleted.")
