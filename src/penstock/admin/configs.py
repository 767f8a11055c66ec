"""``/configs``: saved configs and their versions."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import configs
from penstock.control.pages import page_of


async def _create(call: AdminCall) -> Answer:
    return Answer(await configs.create(call.plane, call.actor, call.body))


async def _list(call: AdminCall) -> Answer:
    return Answer(await configs.list_configs(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await configs.read(call.plane, call.actor, call.path["slug"]))


async def _update(call: AdminCall) -> Answer:
    return Answer(await configs.update(call.plane, call.actor, call.path["slug"], call.body))


async def _versions(call: AdminCall) -> Answer:
    return Answer(await configs.versions(call.plane, call.actor, call.path["slug"], page_of(call.query)))


async def _delete(call: AdminCall) -> Answer:
    return Answer(await configs.delete(call.plane, call.actor, call.path["slug"], force=call.is_forced))


ROUTES: Final = (
    AdminRoute("POST", "/configs", ("configs.create",), _create),
    AdminRoute("GET", "/configs", ("configs.list",), _list),
    AdminRoute("GET", "/configs/{slug}", ("configs.read",), _read),
    AdminRoute("PUT", "/configs/{slug}", ("configs.update",), _update),
    AdminRoute("GET", "/configs/{slug}/versions", ("configs.read",), _versions),
    AdminRoute("DELETE", "/configs/{slug}", ("configs.delete",), _delete),
)
