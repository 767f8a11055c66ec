"""``/model-configs/pricing``: what models cost. Anybody may ask, as at Portkey."""

from __future__ import annotations

from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import model_prices


async def _pricing(call: AdminCall) -> Answer:
    return Answer(await model_prices.read(call.plane, call.path["provider"], call.path["model"]))


ROUTES: Final = (AdminRoute("GET", "/model-configs/pricing/{provider}/{model:path}", (), _pricing, is_public=True),)
