"""``/admin/users``: the people there are. Changing them comes with logging in."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import users
from penstock.control.pages import page_of


async def _list(call: AdminCall) -> Answer:
    return Answer(await users.list_users(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await users.read_user(call.plane, call.actor, call.path["user_id"]))


ROUTES: Final = (
    AdminRoute("GET", "/admin/users", ("organisation_users.list", "workspace_users.list"), _list),
    AdminRoute("GET", "/admin/users/{user_id}", ("organisation_users.read", "workspace_users.read"), _read),
)
