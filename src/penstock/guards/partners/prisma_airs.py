"""Palo Alto Networks' Prisma AIRS: ``panw-prisma-airs.intercept``. Its errors count as refusals, and
what has no text, such as an answer with nothing but tool calls, passes.

Source: https://pan.dev/prisma-airs/api/airuntimesecurity/scan-sync-request/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.guards.base import Check, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import Credentials, Exchange, PartnerCall, inside, prepared
from penstock.guards.plan import Scope

_BASE_URL: Final = "https://service.api.aisecurity.paloaltonetworks.com"
_SCOPES: Final = {
    "": None,
    "last_message": Scope("last"),
    "last_user_message": Scope("last_user"),
    "user_messages": Scope("user"),
    "all_messages": Scope("all"),
}


def _intercept(parameters: Parameters) -> Prepared:
    credentials = Credentials(parameters)
    key = credentials.required("AIRS_API_KEY", "apiKey")
    base = credentials.url("apiBase", default=_BASE_URL)
    profile = {name: text for name in ("profile_name", "profile_id") if (text := parameters.text(name))}
    scope = _SCOPES[parameters.choice("scan_scope", tuple(_SCOPES), "")]
    application = parameters.text("app_name")
    metadata = {
        "ai_model": parameters.text("ai_model") or "unknown-model",
        "app_user": parameters.text("app_user") or "penstock-gateway",
        "app_name": f"Penstock-{application}" if application else "Penstock",
    }

    def calls(context: Context) -> list[PartnerCall]:
        is_before = context.phase is Phase.BEFORE
        text = context.text
        if scope is not None and is_before:
            text = "\n".join([each.text for each in scope.chosen(context.request, context.phase) if each.text])
        if not text:
            return []
        body: dict[str, Any] = {
            "tr_id": context.trace or "penstock",
            "metadata": metadata,
            "contents": [{"prompt" if is_before else "response": text}],
        }
        body |= {"ai_profile": profile} if profile else {}
        return [PartnerCall("/v1/scan/sync/request", body)]

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        action = inside(replies[0], "action")
        return Judgement(action != "block", replies[0]) if isinstance(action, str) and action else None

    exchange = Exchange("Prisma AIRS", base, calls, read, {"x-pan-token": key}, passes_nothing=True)
    return prepared(parameters, exchange)


CHECKS: Final = (Check("panw-prisma-airs.intercept", _intercept, fails_closed=True, quotes=True),)
