"""``penstock provider``: credentials at providers under names, in the database. ``penstock providers`` lists the hosts
that the gateway knows."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, paged, show_json, show_list, show_one, warn
from penstock.cli.limit_options import LIMIT_OPTIONS, limits_of
from penstock.cli.member_options import SET_OPTION, members_of, pairs, with_options

_COLUMNS: Final = ("slug", "name", "provider", "status", "usage_limits", "expires_at")
_REFERENCES: Final = ("env:", "file:")
_STDIN: Final = "-"


@click.group("provider")
def command() -> None:
    """Credentials at providers, in the database: callers name them @SLUG.

    The providers that there are, such as openai, are listed by `penstock providers`.
    """


_MEMBERS: Final = with_options(
    click.option(
        "--key",
        metavar="CREDENTIAL",
        help="env:NAME or file:PATH, which the gateway reads at each start; -: standard input, kept encrypted.",
    ),
    click.option(
        "--setting",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        help="A setting of the provider, such as aws_region=eu-west-1 or custom_host=URL; several times.",
    ),
    click.option("--note", metavar="TEXT"),
    click.option("--tag", "tags", metavar="TEXT", multiple=True, help="A word to sort it by; several times."),
    click.option("--expires", "expires_at", metavar="TIME", help="When it ends, such as 2027-01-01T00:00:00Z."),
    *LIMIT_OPTIONS,
    SET_OPTION,
)
"""The options that stand for members of a provider, for a new one and for a change."""


@command.command("create")
@click.option("--provider", metavar="NAME", help="Whose credential it is: openai, azure-openai, bedrock, …")
@click.option("--integration", metavar="SLUG", help="Use the credential of an integration in place of one's own.")
@click.option("--name", metavar="NAME", help="Its name, in place of SLUG.")
@click.option("--workspace", metavar="SLUG", help="The workspace that it belongs to, in place of the default one.")
@click.argument("slug", metavar="SLUG")
@_MEMBERS
@on_database
def create(
    at: At,
    slug: str,
    provider: str | None,
    integration: str | None,
    name: str | None,
    workspace: str | None,
    **options: Any,
) -> None:
    """Keep a credential as SLUG, so that callers use it as @SLUG."""
    from penstock.control import providers, virtual_keys
    from penstock.control.actor import CLI

    if (provider is None) == (integration is None):
        raise click.ClickException("name --provider, for a new credential, or --integration, for one that is there")
    body = {
        "slug": slug,
        "name": name or slug,
        **({"workspace_id": workspace} if workspace else {}),
        **_members(options),
    }
    if integration is not None:
        body["integration_id"] = integration
        answer = carry_out(at, lambda plane: providers.create(plane, CLI, body))
    else:
        body["provider"] = provider
        answer = carry_out(at, lambda plane: virtual_keys.create(plane, CLI, body))
    warn(answer)
    done(at, answer, f"@{slug} is there.")


@command.command("list")
@click.option("--workspace", metavar="SLUG", help="Those of one workspace.")
@paged
@on_database
def list_(at: At, workspace: str | None, query: dict[str, str]) -> None:
    """List the credentials, the newest first; those of penstock.toml stand at the end."""
    from penstock.control import virtual_keys
    from penstock.control.actor import CLI
    from penstock.control.pages import page_of

    answer = carry_out(at, lambda plane: virtual_keys.list_(plane, CLI, page_of(query), workspace))
    show_list(at, answer, _COLUMNS)


@command.command("show")
@click.argument("slug", metavar="SLUG")
@on_database
def show(at: At, slug: str) -> None:
    """Show one, its secrets masked."""
    from penstock.control import virtual_keys
    from penstock.control.actor import CLI

    show_one(at, carry_out(at, lambda plane: virtual_keys.read(plane, CLI, slug)))


@command.command("update")
@click.option("--name", metavar="NAME")
@click.option("--clear", "cleared", metavar="MEMBER", multiple=True, help="Take away: key, note, usage_limits, …")
@click.option("--reset-usage", is_flag=True, help="Begin its budgets and rates anew.")
@click.argument("slug", metavar="SLUG")
@_MEMBERS
@on_database
def update(at: At, slug: str, name: str | None, cleared: tuple[str, ...], reset_usage: bool, **options: Any) -> None:
    """Change what is named; everything else stays."""
    from penstock.control import virtual_keys
    from penstock.control.actor import CLI

    body = {**_members(options), **dict.fromkeys(cleared), **({"name": name} if name else {})}
    if reset_usage:
        body["reset_usage"] = True
    if not body:
        raise click.ClickException("nothing is to be changed: name an option, such as --key -")
    answer = carry_out(at, lambda plane: virtual_keys.update(plane, CLI, slug, body))
    warn(answer)
    done(at, answer, f"@{slug} is changed.")


@command.command("delete")
@click.option("--force", is_flag=True, help="Also where saved configs name it.")
@click.argument("slug", metavar="SLUG")
@on_database
def delete(at: At, slug: str, force: bool) -> None:
    """Delete one, with its credential."""
    from penstock.control import virtual_keys
    from penstock.control.actor import CLI

    carry_out(at, lambda plane: virtual_keys.delete(plane, CLI, slug, is_forced=force))
    if at.as_json:
        show_json({})
    else:
        click.echo(f"@{slug} is deleted.")


def _members(options: dict[str, Any]) -> dict[str, Any]:
    """The body that some options stand for. References are kept as references, all else as it is."""
    body: dict[str, Any] = {name: options[name] for name in ("note", "expires_at") if options[name] is not None}
    if options["tags"]:
        body["tags"] = list(options["tags"])
    values = pairs(options["settings"])
    if options["key"] is not None:
        values["key"] = _credential(options["key"])
    mappings = [
        {"target_field": name, "secret_reference_id": value}
        for name, value in values.items()
        if value.startswith(_REFERENCES)
    ]
    if mappings:
        body["secret_mappings"] = mappings
    kept = {name: value for name, value in values.items() if not value.startswith(_REFERENCES)}
    return {**body, **kept, **limits_of(options), **members_of(options["members"])}


def _credential(text: str) -> str:
    if text == _STDIN:
        key = sys.stdin.read().strip()
        if not key:
            raise click.ClickException("standard input holds no key")
        return key
    if not text.startswith(_REFERENCES):
        click.echo(
            "Warning: a key in the command line is seen by everybody on this machine and kept by the shell. Use "
            "--key - and standard input, and change this key at its provider.",
            err=True,
        )
    return text
