"""``penstock limit``: budgets, rates and concurrency of keys, providers and workspaces, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, show_list, show_one, warn
from penstock.cli.limit_options import LIMIT_OPTIONS, limits_of
from penstock.cli.member_options import with_options

if TYPE_CHECKING:
    from penstock.control.actor import Actor
    from penstock.control.plane import ControlPlane

_MEMBERS: Final = ("usage_limits", "rate_limits", "concurrency_limit")
_COLUMNS: Final = ("owner", *_MEMBERS)
_KINDS: Final = ("key", "provider", "workspace")


@click.group("limit")
def command() -> None:
    """Budgets, rates and concurrency.

    An OWNER is key:ID, provider:SLUG, workspace:SLUG, or workspace for the default one. Limits for the requests that
    meet conditions are policies: penstock policy.
    """


@command.command("list")
@on_database
def list_(at: At) -> None:
    """List all keys, providers and workspaces that have a limit."""
    show_list(at, carry_out(at, _limited), _COLUMNS)


@command.command("show")
@click.argument("owner", metavar="OWNER")
@on_database
def show(at: At, owner: str) -> None:
    """Show the limits of one owner."""
    kind, name = _owner(owner)
    show_one(at, _limits(owner, carry_out(at, lambda plane: _read(plane, kind, name))))


@command.command("set")
@click.argument("owner", metavar="OWNER")
@with_options(*LIMIT_OPTIONS)
@on_database
def set_(at: At, owner: str, **options: Any) -> None:
    """Set limits of an owner; a budget, rates and concurrency that are not named stay."""
    body = limits_of(options)
    if not body:
        raise click.ClickException("name a limit, such as --budget 5 or --rpm 60")
    _change(at, owner, body, "has the limits")


@command.command("clear")
@click.option("--only", metavar="MEMBER", multiple=True, type=click.Choice(_MEMBERS), help="This one; several times.")
@click.argument("owner", metavar="OWNER")
@on_database
def clear(at: At, owner: str, only: tuple[str, ...]) -> None:
    """Take an owner's limits away."""
    _change(at, owner, dict.fromkeys(only or _MEMBERS), "is without them")


@command.command("reset")
@click.argument("owner", metavar="OWNER")
@on_database
def reset(at: At, owner: str) -> None:
    """Begin an owner's budgets and rates anew: nothing counts as used."""
    _change(at, owner, {"reset_usage": True}, "begins anew")


def _change(at: At, owner: str, body: dict[str, Any], sentence: str) -> None:
    from penstock.control import virtual_keys, workspaces
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    kind, name = _owner(owner)
    update: Callable[[ControlPlane, Actor, str, Any], Awaitable[dict[str, Any]]]
    update = {"key": api_keys.update, "provider": virtual_keys.update, "workspace": workspaces.update_workspace}[kind]

    async def work(plane: ControlPlane) -> dict[str, Any]:
        return await update(plane, CLI, name or await _default_workspace(plane), body)

    answer = carry_out(at, work)
    warn(answer)
    done(at, answer, f"{owner} {sentence}.")


def _owner(text: str) -> tuple[str, str]:
    """Kind and name; no name for the default workspace."""
    kind, _, name = text.partition(":")
    if kind not in _KINDS or not (name or text == "workspace"):
        raise click.ClickException(f"{text[:64]} names no owner: write key:ID, provider:SLUG or workspace:SLUG")
    return kind, name


async def _read(plane: ControlPlane, kind: str, name: str) -> dict[str, Any]:
    from penstock.control import virtual_keys, workspaces
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    read: Callable[..., Awaitable[dict[str, Any]]]
    read = {"key": api_keys.read, "provider": virtual_keys.read, "workspace": workspaces.read_workspace}[kind]
    return await read(plane, CLI, name or await _default_workspace(plane))


async def _default_workspace(plane: ControlPlane) -> str:
    from penstock.control.actor import CLI
    from penstock.control.plane import workspace_for

    async with plane.database.read() as connection:
        return await workspace_for(connection, CLI, None)


async def _limited(plane: ControlPlane) -> dict[str, Any]:
    from penstock.control import virtual_keys, workspaces
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys
    from penstock.control.pages import ALL

    every = [
        ("workspace", "slug", await workspaces.list_workspaces(plane, CLI, {}, ALL)),
        ("provider", "slug", await virtual_keys.list_(plane, CLI, ALL, None)),
        ("key", "id", await api_keys.list_keys(plane, CLI, {}, ALL)),
    ]
    found = [_limits(f"{kind}:{item[name]}", item) for kind, name, answer in every for item in answer["data"]]
    limited = [item for item in found if any(item[member] for member in _MEMBERS)]
    return {"total": len(limited), "data": limited}


def _limits(owner: str, item: dict[str, Any]) -> dict[str, Any]:
    """The limits of an owner as the admin API shows it, with all budgets where there are several."""
    usage = item.get("penstock_usage_limits") or item.get("usage_limits")
    return {"owner": owner, **{member: item.get(member) for member in _MEMBERS}, "usage_limits": usage}
