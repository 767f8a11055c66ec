"""Mistral's moderation: ``mistral.moderateContent``.

Source: https://docs.mistral.ai/api/#tag/classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.dialects.texts import listed, member
from penstock.guards.base import Check, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Credentials,
    Exchange,
    PartnerCall,
    bearer,
    filled,
    inside,
    objects,
    prepared,
    role_of,
)

_CATEGORIES: Final = (
    "sexual",
    "hate_and_discrimination",
    "violence_and_threats",
    "dangerous_and_criminal_content",
    "selfharm",
    "health",
    "financial",
    "law",
    "pii",
)


def _moderate(parameters: Parameters) -> Prepared:
    credentials = Credentials(parameters)
    key, base = credentials.required("apiKey"), credentials.url("apiBase", default="https://api.mistral.ai")
    model, categories = parameters.text("model", "mistral-moderation-latest"), parameters.texts("categories")
    for name in categories:
        if name not in _CATEGORIES:
            parameters.complain("categories", f"there is no category '{name[:40]}': {', '.join(_CATEGORIES)}")

    def calls(context: Context) -> list[PartnerCall]:
        segments = filled(context)
        if not segments:
            return []
        messages = listed(member(context.request.json, "messages"))
        if context.phase is Phase.BEFORE and context.request_type == "chatComplete" and messages:
            conversation = [{"role": role_of(each, context), "content": each.text} for each in segments]
            return [PartnerCall("/v1/chat/moderations", {"model": model, "input": [conversation]})]
        return [PartnerCall("/v1/moderations", {"model": model, "input": [context.text]})]

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        results = [each.get("categories") for each in objects(inside(replies[0], "results"))]
        if not results or not all(isinstance(each, dict) and _are_flags(each) for each in results):
            return None
        names = categories or _CATEGORIES
        flagged = [name for name in names if any(isinstance(each, dict) and each.get(name) is True for each in results)]
        return Judgement(not flagged, {"flagged_categories": flagged})

    return prepared(parameters, Exchange("Mistral", base, calls, read, bearer(key)))


def _are_flags(categories: dict[str, Any]) -> bool:
    """Whether each category is told to be flagged or not."""
    return bool(categories) and all(isinstance(each, bool) for each in categories.values())


CHECKS: Final = (Check("mistral.moderateContent", _moderate, quotes=True),)
