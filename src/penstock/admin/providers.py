"""``/providers``: what workspaces call ``@slug``."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import providers
from penstock.control.pages import page_of

_PATH: Final = "/providers/{slug}"
_PAGE_SIZE: Final = 50
_GO: Final = "Go-http-client/"
"""How the user agent of Portkey's Terraform provider begins."""


async def _create(call: AdminCall) -> Answer:
    return Answer(await providers.create(call.plane, call.actor, call.body))


async def _list(call: AdminCall) -> Answer:
    page = page_of(call.query, default=_PAGE_SIZE)
    has_arrays = call.headers.get("user-agent", "").startswith(_GO)
    return Answer(await providers.list_(call.plane, call.actor, page, _workspace(call), has_arrays=has_arrays))


async def _read(call: AdminCall) -> Answer:
    return Answer(await providers.read(call.plane, call.actor, call.path["slug"], _workspace(call)))


async def _update(call: AdminCall) -> Answer:
    reference = call.path["slug"]
    return Answer(await providers.update(call.plane, call.actor, reference, call.body, _workspace(call)))


async def _delete(call: AdminCall) -> Answer:
    reference = call.path["slug"]
    await providers.delete(call.plane, call.actor, reference, _workspace(call), is_forced=call.is_forced)
    return Answer({})


def _workspace(call: AdminCall) -> str | None:
    return call.query.get("workspace_id")


ROUTES: Final = (
    AdminRoute("POST", "/providers", ("providers.create",), _create),
    AdminRoute("GET", "/providers", ("providers.list",), _list),
    AdminRoute("GET", _PATH, ("providers.read",), _read),
    AdminRoute("PUT", _PATH, ("providers.update",), _update),
    AdminRoute("DELETE", _PATH, ("providers.delete",), _delete),
)
