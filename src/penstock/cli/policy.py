"""``penstock policy``: limits for the requests that meet conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.control import At, carry_out, done, on_database, paged, show_list, show_one
from penstock.cli.limit_options import AMOUNTS, SETTING_OPTIONS, budgets_of, rates_of
from penstock.cli.member_options import SET_OPTION, members_of, pairs, with_options

if TYPE_CHECKING:
    from penstock.control.plane import ControlPlane
    from penstock.control.policies import PolicyKind

_COLUMNS: Final = ("id", "name", "limit", "conditions", "group_by", "status")
_AMOUNTS: Final = with_options(*SETTING_OPTIONS, SET_OPTION)


@click.group("policy")
def command() -> None:
    """Budgets and rates for the requests that meet conditions, counted for each value of the facts that group them.

    Facts are api_key, provider, model, metadata.NAME and more: docs/control-plane.md.
    """


@command.command("create")
@click.option("--where", "conditions", metavar="FACT=VALUE", multiple=True, help="Requests it is for; *: any value.")
@click.option("--by", "group_by", metavar="FACT", multiple=True, help="Count each value on its own; several times.")
@click.option("--workspace", metavar="SLUG", help="The workspace that it is for, in place of the default one.")
@click.argument("name", metavar="NAME")
@_AMOUNTS
@on_database
def create(
    at: At, name: str, conditions: tuple[str, ...], group_by: tuple[str, ...], workspace: str | None, **options: Any
) -> None:
    """Make a policy: one of --budget, --tokens, --requests, --rpm, --tpm, --rate, --token-rate."""
    from penstock.control import policy_calls
    from penstock.control.actor import CLI

    kind, limit = _limit(options)
    where = pairs(conditions) or {"api_key": "*"}
    body = {
        "name": name,
        "conditions": [{"key": key, "value": value} for key, value in where.items()],
        "group_by": [{"key": key} for key in group_by or where],
        **limit,
        **({"workspace_id": workspace} if workspace else {}),
        **members_of(options["members"]),
    }
    answer = carry_out(at, lambda plane: policy_calls.create(plane, CLI, kind, body))
    done(at, answer, f"The policy {answer['id']} is in force.")


@command.command("list")
@click.option("--archived", is_flag=True, help="Those that are archived.")
@paged
@on_database
def list_(at: At, archived: bool, query: dict[str, str]) -> None:
    """List the policies: budgets, then rates, each the newest first."""
    from penstock.control.pages import page_of

    page = page_of(query)
    filters = {"status": "archived"} if archived else {}

    async def work(plane: ControlPlane) -> dict[str, Any]:
        from penstock.control import policy_calls
        from penstock.control.actor import CLI

        answers = [await policy_calls.list_all(plane, CLI, kind, filters, page) for kind in _kinds()]
        items = [item for answer in answers for item in answer["data"]]
        return {"total": sum(answer["total"] for answer in answers), "data": items}

    answer = carry_out(at, work)
    if not at.as_json:
        answer = {**answer, "data": [{**item, "limit": _told(item)} for item in answer["data"]]}
    show_list(at, answer, _COLUMNS)


@command.command("show")
@click.argument("id_", metavar="ID")
@on_database
def show(at: At, id_: str) -> None:
    """Show a policy; a budget with what each value has used."""
    show_one(at, carry_out(at, lambda plane: _found(plane, id_)))


@command.command("update")
@click.option("--name", metavar="NAME")
@click.argument("id_", metavar="ID")
@_AMOUNTS
@on_database
def update(at: At, id_: str, name: str | None, **options: Any) -> None:
    """Change a policy's name or how much it lets through; what it has counted stays."""
    body: dict[str, Any] = {"name": name} if name else {}
    members = members_of(options.pop("members"))
    if any(options.values()):
        body |= _limit(options)[1]
    body |= members
    if not body:
        raise click.ClickException("nothing is to be changed: name an option, such as --budget 5")

    async def work(plane: ControlPlane) -> dict[str, Any]:
        from penstock.control import policy_calls
        from penstock.control.actor import CLI

        kind = _kind(await _found(plane, id_))
        return await policy_calls.update(plane, CLI, kind, id_, body)

    done(at, carry_out(at, work), f"{id_} is changed.")


@command.command("archive")
@click.argument("id_", metavar="ID")
@on_database
def archive(at: At, id_: str) -> None:
    """End a policy; it can still be read."""

    async def work(plane: ControlPlane) -> dict[str, Any]:
        from penstock.control import policy_calls
        from penstock.control.actor import CLI

        return await policy_calls.archive(plane, CLI, _kind(await _found(plane, id_)), id_)

    done(at, carry_out(at, work), f"{id_} is archived.")


@command.command("reset")
@click.argument("id_", metavar="ID")
@click.argument("value", metavar="VALUE", default="default")
@on_database
def reset(at: At, id_: str, value: str) -> None:
    """Set to nothing what one value has used of a budget, as `show` names it."""
    from penstock.control import policy_calls
    from penstock.control.actor import CLI

    done(at, carry_out(at, lambda plane: policy_calls.reset(plane, CLI, id_, value)), f"{value} begins anew.")


def _limit(options: dict[str, Any]) -> tuple[PolicyKind, dict[str, Any]]:
    """The kind of policy and the members that the options of an amount stand for: exactly one amount."""
    budgets, rates = budgets_of(options), rates_of(options)
    if len(budgets) + len(rates) != 1:
        raise click.ClickException(f"name one of --{', --'.join(AMOUNTS).replace('_', '-')}")
    return ("usage", budgets[0]) if budgets else ("rate", rates[0])


async def _found(plane: ControlPlane, id_: str) -> dict[str, Any]:
    """The policy of an id, of whichever kind. Raises Refusal."""
    from penstock.control import policy_calls
    from penstock.control.actor import CLI
    from penstock.control.refusal import Refusal, Why

    first, last = _kinds()
    try:
        return await policy_calls.read(plane, CLI, first, id_, {"include_usage": "true"})
    except Refusal as refusal:
        if refusal.why is not Why.ABSENT:
            raise
        return await policy_calls.read(plane, CLI, last, id_, {})


def _kinds() -> tuple[PolicyKind, PolicyKind]:
    return ("usage", "rate")


def _kind(item: dict[str, Any]) -> PolicyKind:
    return "usage" if "credit_limit" in item else "rate"


def _told(item: dict[str, Any]) -> str:
    """``5 cost monthly`` or ``60 requests rpm``."""
    amount = item.get("credit_limit", item.get("value"))
    period = item.get("periodic_reset") or item.get("unit") or ""
    return f"{amount} {item['type']} {period}".strip()
