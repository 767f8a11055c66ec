"""``/guardrails``: saved guardrails."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import guardrails
from penstock.control.pages import page_of


async def _create(call: AdminCall) -> Answer:
    return Answer(await guardrails.create(call.plane, call.actor, call.body))


async def _list(call: AdminCall) -> Answer:
    return Answer(await guardrails.list_guardrails(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await guardrails.read(call.plane, call.actor, call.path["slug"]))


async def _update(call: AdminCall) -> Answer:
    return Answer(await guardrails.update(call.plane, call.actor, call.path["slug"], call.body))


async def _delete(call: AdminCall) -> Answer:
    return Answer(await guardrails.delete(call.plane, call.actor, call.path["slug"]))


ROUTES: Final = (
    AdminRoute("POST", "/guardrails", ("guardrails.create",), _create),
    AdminRoute("GET", "/guardrails", ("guardrails.list",), _list),
    AdminRoute("GET", "/guardrails/{slug}", ("guardrails.read",), _read),
    AdminRoute("PUT", "/guardrails/{slug}", ("guardrails.update",), _update),
    AdminRoute("DELETE", "/guardrails/{slug}", ("guardrails.delete",), _delete),
)
