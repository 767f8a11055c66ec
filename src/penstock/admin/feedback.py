"""``/feedback``: what users thought of an answer."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import feedback

_SCOPES: Final = ("completions.write", "logs.write")


async def _create(call: AdminCall) -> Answer:
    return Answer(await feedback.create(call.plane, call.actor, call.body))


async def _update(call: AdminCall) -> Answer:
    return Answer(await feedback.update(call.plane, call.actor, call.path["feedback_id"], call.body))


ROUTES: Final = (
    AdminRoute("POST", "/feedback", _SCOPES, _create),
    AdminRoute("PUT", "/feedback/{feedback_id}", _SCOPES, _update),
)
