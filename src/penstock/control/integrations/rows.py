"""The rows of integrations: found for an actor, made, changed. integrations.py and virtual_keys.py stand on it."""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.integrations.configurations import (
    CUSTOM_HOST,
    Configurations,
    ProviderRow,
    is_masked,
    option_name,
)
from penstock.control.members import Members
from penstock.control.plane import Change, ControlPlane
from penstock.control.redact import mask
from penstock.control.refusal import Problem, Refusal, Why, absent, invalid, taken
from penstock.core.did_you_mean import hint
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.secret import Secret
from penstock.stores.references import reference_problem
from penstock.stores.sql import secrets
from penstock.stores.sql.catalogue.load import CREDENTIAL
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import KeyringError, SecretPlace
from penstock.stores.sql.schema import integration, integration_workspace, limit, provider

_TABLE: Final = "integration"
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_LONGEST_KEY: Final = 16 << 10
_SPECIAL: Final = re.compile(r"[^a-z0-9]+")
_IN_CONFIGURATIONS: Final = "configurations."
_EMPTY: Final = {"configurations": "{}", "masked_configurations": "{}", "secret_mappings": "{}", "masked_key": ""}
"""The columns of a credential of which nothing is said."""
_MAPPING: Final = frozenset({"target_field", "secret_reference_id", "secret_reference", "secret_key", "value_format"})


def provider_row(plane: ControlPlane, members: Members, name: str) -> ProviderRow | None:
    """The provider that a member names; a problem where there is none."""
    wanted = members.text(name)
    if wanted is None:
        return None
    rules = plane.provider_rules
    row = rules.find(wanted)
    if row is None:
        members.complain(
            name, f"there is no provider {wanted[:64]}: {hint(wanted, rules.rows, 'penstock providers lists all')}"
        )
    return row


def slug_of(members: Members, name: str) -> str | None:
    """A slug that a body chooses; a problem for one that can't be a name."""
    slug = members.text(name, 128)
    if slug is not None and not _SLUG.fullmatch(slug):
        members.complain(name, "a slug has letters, digits, dashes and underscores, and begins with a letter or digit")
        return None
    return slug


def new_slug(name: str) -> str:
    """A slug from a name, with six digits that make it the only one: ``open-ai-3fa91c``."""
    plain = _SPECIAL.sub("-", name.lower()).strip("-")[:20].strip("-")
    return f"{plain or 'key'}-{randomness.token_hex(3)}"


def refuse_in_file(plane: ControlPlane, slug: str) -> None:
    """Raise Refusal for a name of penstock.toml, which wins: a row of this name would never be used."""
    if slug in plane.in_file().virtual_keys:
        raise taken(f"{slug} is defined in file: penstock.toml names it as a virtual key, so change it there")


async def refuse_taken(connection: AsyncConnection, column: sa.Column[str], slug: str) -> None:
    if (await connection.execute(sa.select(column).where(column == slug))).first() is not None:
        raise taken(f"the slug {slug} is taken: choose another")


# Found.


async def find(connection: AsyncConnection, actor: Actor, reference: str) -> sa.Row[Any]:
    """An integration by id or slug, as far as the actor sees it: its workspace's, and those that it may use.

    Raises Refusal. The integration of a virtual key is never found here.
    """
    named = sa.or_(integration.c.id == reference, integration.c.slug == reference)
    query = sa.select(integration).where(named, sa.not_(integration.c.is_hidden))
    row = (await connection.execute(query.where(visible(actor.workspace_id)))).first()
    if row is None:
        raise absent("integration", reference)
    return row


def visible(workspace_id: str | None) -> sa.ColumnElement[bool]:
    """The condition that a workspace may use an integration; None: everything is visible to the organisation."""
    if workspace_id is None:
        return sa.true()
    has_access = (
        sa.select(integration_workspace.c.is_enabled)
        .where(
            integration_workspace.c.integration_id == integration.c.id,
            integration_workspace.c.workspace_id == workspace_id,
        )
        .scalar_subquery()
    )
    return sa.or_(
        integration.c.workspace_id == workspace_id,
        sa.and_(
            integration.c.workspace_id.is_(None), sa.func.coalesce(has_access, integration.c.is_for_every_workspace)
        ),
    )


def require(actor: Actor, verb: str, workspace_id: str | None) -> None:
    """Raise Refusal unless the actor may do this to an integration of a workspace; None: of the organisation."""
    if actor.is_of_organisation:
        of_workspace = () if workspace_id is None else (f"workspace_integrations.{verb}",)
        actor.require(f"organisation_integrations.{verb}", *of_workspace)
        return
    if workspace_id is None and verb not in {"read", "list"}:
        raise Refusal(Why.FORBIDDEN, "the integration belongs to the organisation: this needs an organisation's key")
    actor.require(f"workspace_integrations.{verb}")


def texts(column: str) -> dict[str, str]:
    """An object of texts in a column."""
    value = read_json_or_none(column.encode())
    return value if isinstance(value, dict) else {}


# What bodies hold.


def credential(members: Members, name: str = "key") -> Secret | None:
    """The key of a body. An empty text, which Node's client sends for a field that was left empty, is no key."""
    value = members.values.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_KEY:
        members.complain(name, f"expected a text of 1 to {_LONGEST_KEY} characters")
        return None
    value = value.strip()
    if is_masked(value):
        members.complain(name, "this is the masked form: leave the member out to keep the key")
    elif any(ord(character) < 0x20 for character in value):
        members.complain(name, "the key holds a line break or another control character")
    return Secret(value)


def mappings(row: ProviderRow, members: Members, actor: Actor, name: str = "secret_mappings") -> dict[str, str] | None:
    """References to credentials outside by field: ``key``, or a secret setting. None where the body has none.

    Raises Refusal: what the operator's environment holds is lent by administrators of the organisation alone.
    """
    value = members.values.get(name)
    if value is None:
        return {} if members.has(name) else None
    if not actor.is_of_organisation:
        raise Refusal(
            Why.FORBIDDEN, f"{name} reach what the operator's machine holds: this needs an organisation's key"
        )
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        members.complain(name, "expected a list of objects")
        return None
    secret = {option_name(option) for option in row.options if option.secret}
    found: dict[str, str] = {}
    for index, each in enumerate(value):
        where = f"{members.at(name)}/{index}"
        problem, field, reference = _mapping(each, secret)
        if problem is None and field in found:
            problem = f"{field} has two references"
        if problem is None:
            found[field] = reference
        else:
            members.problems.append(Problem(where, problem))
    return found


def _mapping(each: Mapping[str, Any], secret: set[str]) -> tuple[str | None, str, str]:
    """What is wrong with one mapping, its field and its reference."""
    unknown = next((key for key in each if key not in _MAPPING), None)
    if unknown is not None:
        return f"unknown member {unknown[:64]}: there are {', '.join(sorted(_MAPPING))}", "", ""
    if each.get("secret_key") or each.get("value_format") not in {None, "string"}:
        return (
            "a reference leads to one text: secret_key and value_format json are not available in this release",
            "",
            "",
        )
    field, reference = each.get("target_field"), each.get("secret_reference_id") or each.get("secret_reference")
    if not isinstance(field, str) or not isinstance(reference, str):
        return "expected target_field and secret_reference_id", "", ""
    field = field.removeprefix(_IN_CONFIGURATIONS)
    if field != CREDENTIAL and field not in secret:
        return f"target_field: there are {', '.join(['key', *sorted(secret)])}", "", ""
    if reference.partition(":")[0] not in {"env", "file"}:
        return "vaults are not available in this release: use env:NAME or file:PATH", "", ""
    return reference_problem(reference), field, reference


# Made and changed.


class Wanted(msgspec.Struct):
    """What a body says of a credential. ``key`` is changed only where ``sets_key``; ``mappings`` None: as they are."""

    key: Secret | None = None
    sets_key: bool = False
    configurations: Configurations = msgspec.field(default_factory=Configurations)
    clears: bool = False
    """Take every setting away before."""
    mappings: dict[str, str] | None = None


async def insert(plane: ControlPlane, change: Change, row: ProviderRow, wanted: Wanted, **columns: Any) -> str:
    """Make an integration; its id. Raises Refusal."""
    id_ = random_id()
    values, sealed = _columns(wanted, _EMPTY)
    _refuse_local(plane, row, values["configurations"])
    await change.connection.execute(
        integration.insert().values(id=id_, provider=row.slug, **columns, **values, **change.made())
    )
    await _seal(plane, change, id_, sealed)
    return id_


async def holds(plane: ControlPlane, connection: AsyncConnection, row: sa.Row[Any], wanted: Wanted) -> bool:
    """Whether an integration is what ``insert`` would make: settings, references, and each secret itself."""
    values, sealed = _columns(wanted, _EMPTY)
    settings = ("configurations", "masked_configurations", "secret_mappings")
    if values["masked_key"] != row.masked_key or any(
        texts(values[name]) != texts(getattr(row, name)) for name in settings
    ):
        return False
    kept = {field: secret for field, secret in sealed.items() if secret is not None}
    if not kept:
        return True
    opened = await secrets.open_row(connection, plane.keyring, _TABLE, row.id)
    return all(field in opened and opened[field].reveal() == secret.reveal() for field, secret in kept.items())


async def apply(
    plane: ControlPlane, change: Change, row: ProviderRow, before: sa.Row[Any], wanted: Wanted, **columns: Any
) -> None:
    """Change an integration. Raises Refusal, also where somebody else changed it meanwhile."""
    _refuse_redirect(change.actor, row, before, wanted)
    values, sealed = _columns(wanted, before._asdict())
    _refuse_local(plane, row, values["configurations"])
    same = integration.c.id == before.id, integration.c.row_version == before.row_version
    update = integration.update().where(*same).values(**columns, **values, **change.touched(before.row_version))
    if (await change.connection.execute(update)).rowcount != 1:
        raise taken("somebody else changed this at the same time: read it anew and repeat the change")
    await _seal(plane, change, before.id, sealed)


def _refuse_local(plane: ControlPlane, row: ProviderRow, settings: str) -> None:
    """A provider whose own address is on the gateway's machine needs that address allowed, or another host."""
    reason = (
        plane.provider_rules.judge_host(row.base_url) if row.is_local and CUSTOM_HOST not in texts(settings) else None
    )
    if reason is not None:
        text = (
            f"{row.slug} has its own address on the gateway's machine, which is refused ({reason}): name a custom_host"
        )
        raise invalid([Problem(f"/{CUSTOM_HOST}", text)])


def _refuse_redirect(actor: Actor, row: ProviderRow, before: Any, wanted: Wanted) -> None:
    """A workspace's administrator could have a secret that nobody may read sent to a host of their own."""
    settings = wanted.configurations
    if actor.is_of_organisation or not (settings.plain or settings.secret or wanted.clears):
        return
    if texts(before.secret_mappings):
        text = "its secrets come from the operator's machine: changing its settings needs an organisation's key"
        raise Refusal(Why.FORBIDDEN, text)
    hosts = {CUSTOM_HOST, *(option_name(option) for option in row.options if option.names_host)}
    old = texts(before.configurations)
    moved = [
        name for name in sorted(hosts & settings.plain.keys()) if settings.plain[name] not in {None, old.get(name)}
    ]
    kept = _kept_secrets(before, wanted)
    if moved and kept:
        text = f"{', '.join(kept)} would be used at another host: give all secrets again in the same request"
        raise invalid([Problem(f"/configurations/{moved[0]}", text)])


def _kept_secrets(before: Any, wanted: Wanted) -> list[str]:
    """The fields whose secrets stay as they are: ``key``, and settings such as ``aws_secret_access_key``."""
    settings = set() if wanted.clears else texts(before.masked_configurations).keys() - wanted.configurations.secret
    return [*([CREDENTIAL] if before.masked_key and not wanted.sets_key else ()), *sorted(settings)]


def _columns(wanted: Wanted, before: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Secret | None]]:
    """The columns of a changed credential, and the secrets to keep or take away by field."""
    plain, masks = texts(before["configurations"]), texts(before["masked_configurations"])
    references, sealed = texts(before["secret_mappings"]), dict[str, Secret | None](wanted.configurations.secret)
    masked_key = before["masked_key"]
    if wanted.clears:
        sealed = {**dict.fromkeys(masks), **sealed}
        plain = {}
        references = {field: each for field, each in references.items() if field == CREDENTIAL}
    if wanted.mappings is not None:
        gone = references.keys() - wanted.mappings.keys()
        references = {**wanted.mappings}
        sealed = {**dict.fromkeys([*references, *gone]), **sealed}
    if wanted.sets_key:
        sealed[CREDENTIAL] = wanted.key
    _refuse_both(wanted, references, sealed)
    plain = {name: text for name, text in {**plain, **wanted.configurations.plain}.items() if text is not None}
    for field, secret in sealed.items():
        shown = "" if secret is None else mask(secret.reveal())
        if secret is not None or wanted.mappings is None:
            references.pop(field, None)
        if field == CREDENTIAL:
            masked_key = shown
        else:
            masks[field] = shown
    columns = {
        "configurations": _json(plain),
        "masked_configurations": _json({field: text for field, text in masks.items() if text}),
        "secret_mappings": _json(references),
        "masked_key": masked_key,
    }
    return columns, sealed


def _refuse_both(wanted: Wanted, references: Mapping[str, str], sealed: Mapping[str, Secret | None]) -> None:
    """A body gives a field a value or a reference."""
    for field in (wanted.mappings or {}).keys() & references.keys():
        if sealed.get(field) is not None:
            raise invalid([Problem("/secret_mappings", f"{field} is given as a value, too: leave one of them out")])


def _json(value: Mapping[str, str]) -> str:
    return write_json(value).decode()


async def _seal(plane: ControlPlane, change: Change, id_: str, sealed: Mapping[str, Secret | None]) -> None:
    for field, secret in sealed.items():
        place = SecretPlace(_TABLE, id_, field)
        try:
            await secrets.put(change.connection, plane.keyring, place, secret)
        except KeyringError as error:
            raise invalid([Problem(f"/{field}", str(error))]) from None


async def remove(change: Change, id_: str) -> None:
    """Take an integration away, with its secrets and its workspaces' limits."""
    await secrets.forget(change.connection, _TABLE, id_)
    of_workspaces = limit.c.owner_id.startswith(f"{id_}/", autoescape=True)
    await change.connection.execute(limit.delete().where(limit.c.level == _TABLE, of_workspaces))
    await change.connection.execute(integration.delete().where(integration.c.id == id_))


async def users(connection: AsyncConnection, integration_id: str) -> list[str]:
    """The slugs of the providers on an integration."""
    query = sa.select(provider.c.slug).where(provider.c.integration_id == integration_id).order_by(provider.c.slug)
    return list((await connection.execute(query)).scalars())
