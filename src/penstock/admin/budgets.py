"""``/penstock/budgets``: what is used and reserved of budgets, which Portkey's resources do not tell."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control.limits import budgets
from penstock.control.pages import page_of


async def _list(call: AdminCall) -> Answer:
    return Answer(await budgets.list_budgets(call.plane, call.actor, page_of(call.query)))


ROUTES: Final = (AdminRoute("GET", "/penstock/budgets", ("policies.list", "analytics.view"), _list),)
