"""``/audit-logs``: who changed what."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import audit
from penstock.control.pages import page_of
from penstock.control.refusal import Refusal, Why


async def _list(call: AdminCall) -> Answer:
    if not call.actor.is_of_organisation:
        raise Refusal(Why.FORBIDDEN, "the audit log needs a key of the organisation")
    page = page_of(call.query, audit.LARGEST_PAGE, audit.LARGEST_PAGE)
    return Answer(await audit.list_rows(call.plane.database, call.query, page))


ROUTES: Final = (AdminRoute("GET", "/audit-logs", ("audit_logs.list",), _list),)
