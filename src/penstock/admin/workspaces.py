"""``/admin/workspaces``: workspaces, made, listed, read, changed, deleted."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import workspace_removal, workspaces
from penstock.control.pages import page_of


async def _create(call: AdminCall) -> Answer:
    return Answer(await workspaces.create_workspace(call.plane, call.actor, call.body))


async def _list(call: AdminCall) -> Answer:
    return Answer(await workspaces.list_workspaces(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await workspaces.read_workspace(call.plane, call.actor, call.path["workspace_id"]))


async def _update(call: AdminCall) -> Answer:
    reference = call.path["workspace_id"]
    return Answer(await workspaces.update_workspace(call.plane, call.actor, reference, call.body))


async def _delete(call: AdminCall) -> Answer:
    reference = call.path["workspace_id"]
    return Answer(
        await workspace_removal.delete_workspace(call.plane, call.actor, reference, call.body, is_forced=call.is_forced)
    )


ROUTES: Final = (
    AdminRoute("POST", "/admin/workspaces", ("workspaces.create",), _create),
    AdminRoute("GET", "/admin/workspaces", ("workspaces.list",), _list),
    AdminRoute("GET", "/admin/workspaces/{workspace_id}", ("workspaces.read",), _read),
    AdminRoute("PUT", "/admin/workspaces/{workspace_id}", ("workspaces.update",), _update),
    AdminRoute("DELETE", "/admin/workspaces/{workspace_id}", ("workspaces.delete",), _delete),
)
