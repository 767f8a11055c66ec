"""``/virtual-keys``: a credential and its name in one."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import virtual_keys
from penstock.control.pages import page_of

_PATH: Final = "/virtual-keys/{slug}"


async def _create(call: AdminCall) -> Answer:
    made = await virtual_keys.create(call.plane, call.actor, call.body)
    # Portkey's documents wrap what is created, its clients read it flat: both are there.
    return Answer({"success": True, **made, "data": {"id": made["id"], "slug": made["slug"]}})


async def _list(call: AdminCall) -> Answer:
    workspace = call.query.get("workspace_id")
    return Answer(await virtual_keys.list_(call.plane, call.actor, page_of(call.query), workspace))


async def _read(call: AdminCall) -> Answer:
    return Answer(await virtual_keys.read(call.plane, call.actor, call.path["slug"]))


async def _update(call: AdminCall) -> Answer:
    return Answer(await virtual_keys.update(call.plane, call.actor, call.path["slug"], call.body))


async def _delete(call: AdminCall) -> Answer:
    await virtual_keys.delete(call.plane, call.actor, call.path["slug"], is_forced=call.is_forced)
    return Answer({})


ROUTES: Final = (
    AdminRoute("POST", "/virtual-keys", ("virtual_keys.create",), _create),
    AdminRoute("GET", "/virtual-keys", ("virtual_keys.list",), _list),
    AdminRoute("GET", _PATH, ("virtual_keys.read",), _read),
    AdminRoute("PUT", _PATH, ("virtual_keys.update",), _update),
    AdminRoute("DELETE", _PATH, ("virtual_keys.delete",), _delete),
)
