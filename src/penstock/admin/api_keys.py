"""``/api-keys``: gateway keys. Which scope a call needs depends on the kind of the key, so control/ looks at it."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control.keys import api_keys
from penstock.control.keys.rows import KINDS, scope_of
from penstock.control.pages import page_of
from penstock.control.refusal import Refusal, Why


async def _create(call: AdminCall) -> Answer:
    kind = f"{call.path['type']}-{call.path['sub_type']}"
    if kind not in KINDS:
        raise Refusal(Why.ABSENT, f"there are no keys of type {kind[:64]}: there are {', '.join(KINDS)}")
    return Answer(await api_keys.create(call.plane, call.actor, kind, call.body))


async def _list(call: AdminCall) -> Answer:
    return Answer(await api_keys.list_keys(call.plane, call.actor, call.query, page_of(call.query)))


async def _read(call: AdminCall) -> Answer:
    return Answer(await api_keys.read(call.plane, call.actor, call.path["id"]))


async def _update(call: AdminCall) -> Answer:
    return Answer(await api_keys.update(call.plane, call.actor, call.path["id"], call.body))


async def _delete(call: AdminCall) -> Answer:
    return Answer(await api_keys.delete(call.plane, call.actor, call.path["id"]))


async def _rotate(call: AdminCall) -> Answer:
    return Answer(await api_keys.rotate(call.plane, call.actor, call.path["id"], call.body))


async def _rotated_text(call: AdminCall) -> Answer:
    return Answer(await api_keys.rotated_text(call.plane, call.actor, call.path["id"]))


def _scopes(verb: str) -> tuple[str, ...]:
    """One of these the caller needs; which of them, the kind of the key decides."""
    return tuple(scope_of(kind, verb) for kind in KINDS)


ROUTES: Final = (
    AdminRoute("POST", "/api-keys/{type}/{sub_type}", _scopes("create"), _create),
    AdminRoute("GET", "/api-keys", _scopes("list"), _list),
    AdminRoute("GET", "/api-keys/{id}", _scopes("read"), _read),
    AdminRoute("PUT", "/api-keys/{id}", _scopes("update"), _update),
    AdminRoute("DELETE", "/api-keys/{id}", _scopes("delete"), _delete),
    AdminRoute("POST", "/api-keys/{id}/rotate", _scopes("rotate"), _rotate),
    AdminRoute("GET", "/api-keys/{id}/rotated-text", _scopes("rotate"), _rotated_text),
)
