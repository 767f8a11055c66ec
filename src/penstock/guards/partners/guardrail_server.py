"""Servers that speak LiteLLM's protocol for guardrails: ``litellm.guardrail``. One check opens all of them.

Source: https://docs.litellm.ai/docs/adding_provider/generic_guardrail_api.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.core.secret import Secret
from penstock.dialects.texts import listed, member
from penstock.guards.base import Check, Context, Judgement, Phase, Prepared
from penstock.guards.checks.web import read_headers
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import Exchange, PartnerCall, filled, inside, prepared, rewritten
from penstock.guards.partners.images import images


def _guardrail(parameters: Parameters) -> Prepared:
    base, more = parameters.required_text("apiBase"), parameters.object("additionalParams") or {}
    redacts = parameters.switch("redact", default=True)
    headers = {name: Secret(value) for name, value in read_headers(parameters).items()}

    def calls(context: Context) -> list[PartnerCall]:
        segments = filled(context)
        if not segments:
            return []
        body: dict[str, Any] = {
            "texts": [each.text for each in segments],
            "request_data": {},
            "input_type": "request" if context.phase is Phase.BEFORE else "response",
            "litellm_call_id": context.trace,
            "additional_provider_specific_params": more,
        }
        for name, wire_name in (("tools", "tools"), ("messages", "structured_messages")):
            values = listed(member(context.request.json, name)) if context.phase is Phase.BEFORE else []
            body |= {wire_name: values} if values else {}
        pictures = images(context)
        body |= {"images": pictures} if pictures else {}
        return [PartnerCall("/beta/litellm_basic_guardrail_api", body)]

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        action, reason = inside(replies[0], "action"), inside(replies[0], "blocked_reason")
        if action == "NONE":
            return Judgement(verdict=True, data={"explanation": "The server lets the text pass."})
        if action == "BLOCKED" or (action == "GUARDRAIL_INTERVENED" and not redacts):
            data = {"explanation": "The server refuses the text.", "blocked_reason": reason}
            return Judgement(verdict=False, data=data)
        texts = inside(replies[0], "texts")
        edits = rewritten(filled(context), texts) if isinstance(texts, list) else None
        if action != "GUARDRAIL_INTERVENED" or edits is None:
            return None
        return Judgement(verdict=True, data={"explanation": "The server changes the text."}, edits=edits)

    exchange = Exchange("The guardrail server", base, calls, read, headers, transforms=redacts)
    return prepared(parameters, exchange)


CHECKS: Final = (Check("litellm.guardrail", _guardrail, quotes=True),)
