"""``penstock key``: gateway keys in the database, and keys for penstock.toml."""

from __future__ import annotations

import secrets
import sys
from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, paged, show_json, show_list, show_one, warn
from penstock.cli.limit_options import LIMIT_OPTIONS, limits_of
from penstock.cli.member_options import SET_OPTION, members_of, pairs, with_options

_BYTES: Final = 32
_SHORTEST: Final = 10
_FEWEST: Final = 5
"""Characters of a key, and different ones among them: what is less can be guessed by trying."""
_SHORT: Final = 20
_COLUMNS: Final = ("id", "name", "type", "key", "status", "expires_at", "last_used_at")


@click.group("key")
def command() -> None:
    """Gateway keys: those in the database, and one for penstock.toml (make)."""


@command.command("make")
@click.option("--hash", "hashes_own", is_flag=True, help="Take a key that exists already, from standard input.")
@click.argument("name", metavar="[NAME]", default="default")
def make(name: str, hashes_own: bool) -> None:
    """Make a gateway key for NAME and show the lines of penstock.toml that let it in.

    The key itself is shown this once and kept nowhere: the file holds its hash.
    """
    from penstock.stores.catalogue import NAME, digest_of

    if not NAME.fullmatch(name):
        raise click.ClickException(f"{name} is no name: use letters, digits, dots, dashes and underscores")
    if hashes_own:
        key = sys.stdin.read().strip()
        _check(key)
    else:
        key = f"pk-{secrets.token_urlsafe(_BYTES)}"
        click.echo(f"{key}\n")
        click.echo("The line above is the key, for the caller; those below belong into penstock.toml.\n", err=True)
    # In TOML a dot between bare names begins a section within the section.
    heading = f'"{name}"' if "." in name else name
    click.echo(f'[keys.{heading}]\nhash = "{digest_of(key)}"')


def _check(key: str) -> None:
    """Refuse a key that can be guessed, or that no header can carry."""
    if not key:
        raise click.ClickException("standard input holds no key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise click.ClickException("the key holds a space or a character that no header can carry")
    if len(key) < _SHORTEST or len(set(key)) < _FEWEST:
        raise click.ClickException(
            f"the key can be guessed: it has {len(key)} characters, {len(set(key))} different ones. Take at least "
            f"{_SHORTEST}, better {_SHORT} random ones; penstock key make without --hash makes such a key"
        )
    if len(key) < _SHORT:
        click.echo(f"Warning: the key is short. Take {_SHORT} random characters, or more.", err=True)


_MEMBERS: Final = with_options(
    click.option("--description", metavar="TEXT"),
    click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="What the key may do; several times."),
    click.option("--expires", "expires_at", metavar="TIME", help="When it ends, such as 2027-01-01T00:00:00Z."),
    click.option("--default-config", metavar="SLUG", help="Config of requests that bring none."),
    click.option("--pin-config", is_flag=True, help="Refuse requests that bring a config of their own."),
    click.option("--label", "labels", metavar="NAME=VALUE", multiple=True, help="Such as team=search."),
    click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="Metadata of each request of the key."),
    click.option("--model", "allowed_models", metavar="PATTERN", multiple=True, help="Models it may call."),
    click.option("--provider", "allowed_providers", metavar="SLUG", multiple=True, help="Providers it may use."),
    click.option("--alias", "aliases", metavar="NAME=@TARGET", multiple=True, help="Such as fast=@groq/llama-3.3-70b."),
    click.option("--ip", "allowed_ips", metavar="NETWORK", multiple=True, help="Addresses it may come from."),
    click.option("--rotate", metavar="PERIOD", help="A new text weekly, monthly, or every so many days, such as 30."),
    click.option("--rotate-minutes", metavar="NUMBER", type=int, help="How long the text before works on then."),
    *LIMIT_OPTIONS,
    SET_OPTION,
)
"""The options that stand for members of a key, for a new one and for a change."""


@command.command("create")
@click.option("--admin", is_flag=True, help="A key of the organisation: for the admin API, and for no models.")
@click.option("--user", metavar="ID", help="The user whom the key belongs to.")
@click.option("--workspace", metavar="SLUG", help="The key's workspace, in place of the default one.")
@click.option("--from-stdin", is_flag=True, help="Keep a key that exists already, from standard input.")
@click.argument("name", metavar="[NAME]", default="")
@_MEMBERS
@on_database
def create(
    at: At, name: str, admin: bool, user: str | None, workspace: str | None, from_stdin: bool, **options: Any
) -> None:
    """Make a key in the database and show it, this once: the database holds its hash."""
    from penstock.control import scopes
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    kind = "organisation-service" if admin else "workspace-user" if user else "workspace-service"
    text = None
    if from_stdin:
        text = sys.stdin.read().strip()
        _check(text)
    body = _members(options)
    body.setdefault("scopes", [scopes.EVERY] if admin else list(scopes.OF_CALLERS))
    body["name"] = name or ("admin" if admin else "default")
    body.update({key: value for key, value in (("user_id", user), ("workspace_id", workspace)) if value})
    answer = carry_out(at, lambda plane: api_keys.create(plane, CLI, kind, body, text))
    warn(answer)
    if at.as_json:
        show_json(answer)
        return
    click.echo(answer["key"])
    click.echo(f"The line above is the key {body['name']} ({answer['id']}), which is shown this once.", err=True)


@command.command("list")
@click.option("--workspace", metavar="SLUG", help="Keys of one workspace.")
@paged
@on_database
def list_(at: At, workspace: str | None, query: dict[str, str]) -> None:
    """List the keys of the database, the newest first."""
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys
    from penstock.control.pages import page_of

    query |= {"workspace_id": workspace} if workspace else {}
    show_list(at, carry_out(at, lambda plane: api_keys.list_keys(plane, CLI, query, page_of(query))), _COLUMNS)


@command.command("show")
@click.argument("id_", metavar="ID")
@on_database
def show(at: At, id_: str) -> None:
    """Show one key, without its text."""
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    show_one(at, carry_out(at, lambda plane: api_keys.read(plane, CLI, id_)))


@command.command("update")
@click.option("--name", metavar="NAME")
@click.option("--clear", metavar="MEMBER", multiple=True, help="Take a member away, such as usage_limits.")
@click.option("--enable", is_flag=True, help="Let the key in again.")
@click.argument("id_", metavar="ID")
@_MEMBERS
@on_database
def update(at: At, id_: str, name: str | None, clear: tuple[str, ...], enable: bool, **options: Any) -> None:
    """Change a key; what is not named stays."""
    body = {**_members(options), **dict.fromkeys(clear)}
    if name is not None:
        body["name"] = name
    if enable:
        body["status"] = "active"
    if not body:
        raise click.ClickException("nothing is to be changed: name an option, such as --budget 5")
    _change(at, id_, body)


@command.command("disable")
@click.argument("id_", metavar="ID")
@on_database
def disable(at: At, id_: str) -> None:
    """Refuse a key from now on; update --enable lets it in again."""
    _change(at, id_, {"status": "disabled"})


def _change(at: At, id_: str, body: dict[str, Any]) -> None:
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    answer = carry_out(at, lambda plane: api_keys.update(plane, CLI, id_, body))
    warn(answer)
    done(at, answer, f"{id_} is changed.")


@command.command("rotate")
@click.option("--minutes", metavar="NUMBER", type=int, default=30, help="How long the old text still works.")
@click.argument("id_", metavar="ID")
@on_database
def rotate(at: At, id_: str, minutes: int) -> None:
    """Give a key a new text and show it, this once; the old text works on for 30 minutes."""
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    body = {"key_transition_period_ms": minutes * 60_000}
    answer = carry_out(at, lambda plane: api_keys.rotate(plane, CLI, id_, body))
    if at.as_json:
        show_json(answer)
        return
    click.echo(answer["key"])
    click.echo(
        f"The line above is the new text. The old one works until {answer['key_transition_expires_at']}.", err=True
    )


@command.command("text")
@click.argument("id_", metavar="ID")
@on_database
def text(at: At, id_: str) -> None:
    """Show the text that a key got by its schedule (--rotate), as long as the text before works on."""
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    answer = carry_out(at, lambda plane: api_keys.rotated_text(plane, CLI, id_))
    if at.as_json:
        show_json(answer)
        return
    click.echo(answer["key"])
    click.echo(f"The text before works until {answer['key_transition_expires_at']}.", err=True)


@command.command("delete")
@click.argument("id_", metavar="ID")
@on_database
def delete(at: At, id_: str) -> None:
    """Revoke a key for good."""
    from penstock.control.actor import CLI
    from penstock.control.keys import api_keys

    answer = carry_out(at, lambda plane: api_keys.delete(plane, CLI, id_))
    done(at, answer, f"{id_} is deleted.")


def _members(options: dict[str, Any]) -> dict[str, Any]:
    """The body that some options stand for."""
    body: dict[str, Any] = {name: options[name] for name in ("description", "expires_at") if options[name] is not None}
    lists = ("scopes", "allowed_models", "allowed_providers", "allowed_ips")
    body.update({name: list(options[name]) for name in lists if options[name]})
    if options["labels"]:
        body["labels"] = pairs(options["labels"])
    if options["aliases"]:
        body["model_aliases"] = {name: {"target": target} for name, target in pairs(options["aliases"]).items()}
    defaults: dict[str, Any] = {}
    if options["metadata"]:
        defaults["metadata"] = pairs(options["metadata"])
    if options["default_config"]:
        defaults["config_id"] = options["default_config"]
    if options["pin_config"]:
        defaults["allow_config_override"] = False
    members = {"defaults": defaults} if defaults else {}
    return {**body, **members, **_rotation(options), **limits_of(options), **members_of(options["members"])}


def _rotation(options: dict[str, Any]) -> dict[str, Any]:
    """The rotation policy that two options stand for."""
    period, minutes = options["rotate"], options["rotate_minutes"]
    if period is None:
        if minutes is not None:
            raise click.ClickException("--rotate-minutes belongs to a schedule: name --rotate, too")
        return {}
    policy: dict[str, Any] = (
        {"rotation_period_days": int(period)} if period.isdecimal() else {"rotation_period": period}
    )
    if minutes is not None:
        policy["key_transition_period_ms"] = minutes * 60_000
    return {"rotation_policy": policy}
