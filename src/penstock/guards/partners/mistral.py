"""Mistral's moderation: ``mistral.moderateContent``.

Source: https://docs.mistral.ai/api/#tag/classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.core.segments import Segment, SegmentKind
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
            body = {"model": model, "input": _conversations(context, segments)}
            return [PartnerCall("/v1/chat/moderations", body)]
        return [PartnerCall("/v1/moderations", {"model": model, "input": [context.text]})]

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        results = [each.get("categories") for each in objects(inside(replies[0], "results"))]
        [call] = calls(context)
        if len(results) < len(call.body["input"]) or not all(
            isinstance(each, dict) and _are_flags(each) for each in results
        ):
            return None
        names = categories or _CATEGORIES
        flagged = [name for name in names if any(isinstance(each, dict) and each.get(name) is True for each in results)]
        return Judgement(not flagged, {"flagged_categories": flagged})

    return prepared(parameters, Exchange("Mistral", base, calls, read, bearer(key)))


_SAID: Final = frozenset(
    {SegmentKind.TEXT, SegmentKind.SYSTEM, SegmentKind.TOOL_RESULT, SegmentKind.REFUSAL, SegmentKind.INPUT}
)
"""The kinds of texts with which a conversation goes on."""


def _conversations(context: Context, segments: Sequence[Segment]) -> list[list[dict[str, str]]]:
    """The conversations that are judged, of each its last message: one for each message in scope, the last of them with
    what stands before it."""
    judged: dict[int, list[Segment]] = {}
    for each in segments:
        judged.setdefault(each.message, []).append(each)
    *earlier, last = judged
    before: dict[int, list[Segment]] = {}
    for each in context.request.segments:
        if each.message < last and each.text and each.kind in _SAID:
            before.setdefault(each.message, []).append(each)
    alone = [[_message(judged[number], context)] for number in earlier]
    return [*alone, [*[_message(each, context) for each in before.values()], _message(judged[last], context)]]


def _message(segments: Sequence[Segment], context: Context) -> dict[str, str]:
    return {"role": role_of(segments[0], context), "content": "\n".join([each.text for each in segments])}


def _are_flags(categories: dict[str, Any]) -> bool:
    """Whether each category is told to be flagged or not."""
    return bool(categories) and all(isinstance(each, bool) for each in categories.values())


CHECKS: Final = (Check("mistral.moderateContent", _moderate, quotes=True),)
