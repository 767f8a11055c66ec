"""``/admin/workspaces``: the workspaces there are. Making and deleting them comes with a later release."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import workspaces
from penstock.control.pages import page_of


async def _list(call: AdminCall) -> Answer:
    return Answer(await workspaces.list_workspaces(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await workspaces.read_workspace(call.plane, call.actor, call.path["workspace_id"]))


async def _update(call: AdminCall) -> Answer:
    reference = call.path["workspace_id"]
    return Answer(await workspaces.update_workspace(call.plane, call.actor, reference, call.body))


ROUTES: Final = (
    AdminRoute("GET", "/admin/workspaces", ("workspaces.list",), _list),
    AdminRoute("GET", "/admin/workspaces/{workspace_id}", ("workspaces.read",), _read),
    AdminRoute("PUT", "/admin/workspaces/{workspace_id}", ("workspaces.update",), _update),
)
