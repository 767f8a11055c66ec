"""The models of an integration: which may be called, and what the operator says of them.

Source: docs/control-plane.md#models-of-an-integration.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations import price_problems
from penstock.control.integrations import rows as integration_rows
from penstock.control.members import LONGEST_NAME, VALUE, Fields, Members, refuse_repeated
from penstock.control.plane import Change, ControlPlane
from penstock.control.refusal import Problem, invalid, taken
from penstock.core.json_text import read_json_or_none, write_json
from penstock.prices.adjust import read_pricing_config
from penstock.stores.sql.schema import integration, integration_model

KIND: Final = "integration_models"
_MODEL: Final = Fields(
    dict.fromkeys(
        ("slug", "name", "enabled", "is_custom", "is_finetune", "base_model_slug", "pricing_config", "configurations"),
        VALUE,
    )
)
_BODY: Final = Fields({"models": _MODEL, "allow_all_models": VALUE})


async def list_(plane: ControlPlane, actor: Actor, reference: str) -> dict[str, Any]:
    """The models that something was said of. Raises Refusal."""
    async with plane.database.read() as connection:
        row = await integration_rows.find(connection, actor, reference)
        integration_rows.require(actor, "read", row.workspace_id)
        models = await _models(connection, row.id)
    return {
        "object": "list",
        "total": len(models),
        "allow_all_models": row.allow_all_models,
        "models": [_item(each) for each in models],
    }


async def update(plane: ControlPlane, actor: Actor, reference: str, body: Any) -> None:
    """Say of models whether they may be called, and what they cost; others stay as they are. Raises Refusal."""
    members = Members(body, _BODY)
    allows_all = members.switch("allow_all_models")
    if members.has("models") or allows_all is None:
        members.require("models")
    items = members.items("models") or []
    refuse_repeated(items, "slug")
    wanted = [_read(each) for each in items]
    members.finish()
    async with plane.change(actor) as change:
        row = await integration_rows.find(change.connection, actor, reference)
        integration_rows.require(actor, "update", row.workspace_id)
        _refuse_without_effect(wanted, allows_all=row.allow_all_models if allows_all is None else allows_all)
        for values in wanted:
            await _put(change, row.id, values)
        columns = {} if allows_all is None else {"allow_all_models": allows_all}
        same = integration.c.id == row.id, integration.c.row_version == row.row_version
        update = integration.update().where(*same).values(**columns, **change.touched(row.row_version))
        if (await change.connection.execute(update)).rowcount != 1:
            raise taken("somebody else changed this at the same time: read it anew and repeat the change")
        change.record(Entry("update", KIND, row.id, row.workspace_id, body=body))


async def holds(connection: AsyncConnection, row: Any, body: Any) -> bool:
    """Whether an integration allows the models of a body, no other, and at the same prices. Raises Refusal."""
    members = Members(body, _BODY)
    wanted = {values["model"]: values for values in map(_read, members.items("models") or ())}
    members.finish()
    models = {each.model: each for each in await _models(connection, row.id)}
    allows_all = row.allow_all_models
    if allows_all is not (members.switch("allow_all_models") is True) or wanted.keys() - models.keys():
        return False
    if not allows_all and any(models[name].is_enabled for name in models.keys() - wanted.keys()):
        return False
    return all(
        getattr(models[name], column) == value for name, values in wanted.items() for column, value in values.items()
    )


async def enabled(connection: AsyncConnection, integration_id: str) -> list[str]:
    """The models that an allow-list of an integration names."""
    return [each.model for each in await _models(connection, integration_id) if each.is_enabled]


async def delete(plane: ControlPlane, actor: Actor, reference: str, slugs: Collection[str]) -> None:
    """Take custom models away. Raises Refusal, also for a model that is not custom."""
    if not slugs:
        raise invalid([Problem("/slugs", "missing: name the custom models, with commas between")])
    async with plane.change(actor) as change:
        row = await integration_rows.find(change.connection, actor, reference)
        integration_rows.require(actor, "update", row.workspace_id)
        custom = {each.model for each in await _models(change.connection, row.id) if each.is_custom}
        unknown = sorted(set(slugs) - custom)
        if unknown:
            text = f"the integration has no custom model {', '.join(unknown)}"
            raise invalid([Problem("/slugs", text)])
        same = integration_model.c.integration_id == row.id, integration_model.c.model.in_(slugs)
        await change.connection.execute(integration_model.delete().where(*same))
        change.record(Entry("delete", KIND, row.id, row.workspace_id, before={"models": sorted(slugs)}))


def _read(members: Members) -> dict[str, Any]:
    """The columns of one model that a body gives."""
    members.require("slug")
    values: dict[str, Any] = {"model": members.text("slug", LONGEST_NAME)}
    for name, column in (("enabled", "is_enabled"), ("is_custom", "is_custom"), ("is_finetune", "is_finetune")):
        value = members.switch(name)
        if value is not None:
            values[column] = value
    if members.has("base_model_slug"):
        values["base_model"] = members.text("base_model_slug", LONGEST_NAME)
    if members.has("pricing_config"):
        values["pricing"] = _pricing(members)
    if members.values.get("configurations"):
        text = "a model has no host of its own in this release: make an integration for the host"
        members.complain("configurations", text)
    return values


def _pricing(members: Members) -> str | None:
    price = members.values["pricing_config"]
    if price is None:
        return None
    if not isinstance(price, dict) or not isinstance(price.get("pay_as_you_go"), dict):
        members.complain("pricing_config", 'expected {"type": "static", "pay_as_you_go": {…}}')
        return None
    if price.get("type", "static") != "static":
        members.complain("pricing_config", "there are prices of the type static only")
        return None
    price_problems.tell(members, lambda unknown: read_pricing_config(price, "pricing_config", unknown))
    return write_json(price).decode()


def _refuse_without_effect(wanted: Collection[dict[str, Any]], *, allows_all: bool) -> None:
    """A model can't be switched off beside all models: the switch would be kept and not obeyed."""
    off = [values["model"] for values in wanted if values.get("is_enabled") is False]
    if off and allows_all:
        text = f"{off[0]} can't be switched off while allow_all_models is true: send allow_all_models false, too"
        raise invalid([Problem("/models", text)])


async def _put(change: Change, integration_id: str, values: dict[str, Any]) -> None:
    table = integration_model
    same = table.c.integration_id == integration_id, table.c.model == values["model"]
    changed = await change.connection.execute(table.update().where(*same).values(**values))
    if not changed.rowcount:
        await change.connection.execute(table.insert().values(integration_id=integration_id, **values))


async def _models(connection: AsyncConnection, integration_id: str) -> list[Any]:
    table = integration_model
    query = sa.select(table).where(table.c.integration_id == integration_id).order_by(table.c.model)
    return list(await connection.execute(query))


def _item(row: Any) -> dict[str, Any]:
    return {
        "slug": row.model,
        "name": row.model,
        "enabled": row.is_enabled,
        "is_custom": row.is_custom,
        "is_finetune": row.is_finetune,
        "base_model_slug": row.base_model,
        "pricing_config": None if row.pricing is None else read_json_or_none(row.pricing.encode()),
    }
