"""OpenAI's moderation: ``openai.moderation``, which also answers Portkey's ``portkey.moderateContent``.

Source: https://platform.openai.com/docs/api-reference/moderations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.guards.base import Check, Context, Judgement, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import Credentials, Exchange, PartnerCall, bearer, inside, objects, prepared
from penstock.guards.partners.images import images
from penstock.guards.patterns import excerpt

_BASE_URL: Final = "https://api.openai.com/v1"
_MODEL: Final = "omni-moderation-latest"


def _exchange(parameters: Parameters, read: Any, model: str = _MODEL) -> Prepared:
    credentials = Credentials(parameters)
    key, base = credentials.required("apiKey"), credentials.url("apiBase", default=_BASE_URL)

    def calls(context: Context) -> list[PartnerCall]:
        text = context.text
        pictures = [{"type": "image_url", "image_url": {"url": url}} for url in images(context)]
        if not pictures:
            return [PartnerCall("/moderations", {"model": model, "input": text})] if text else []
        inputs = [{"type": "text", "text": text}] if text else []
        return [
            PartnerCall("/moderations", {"model": model, "input": [*(inputs if at == 0 else []), picture]})
            for at, picture in enumerate(pictures)
        ]

    exchange = Exchange("OpenAI's moderation", base, calls, read, bearer(key), passes_nothing=True)
    return prepared(parameters, exchange)


def _results(replies: Sequence[Any]) -> list[dict[str, Any]] | None:
    """The results of all calls; None if one tells none."""
    found = [objects(inside(reply, "results")) for reply in replies]
    results = [each for results in found for each in results]
    is_readable = all(
        isinstance(each.get("flagged"), bool) and isinstance(each.get("categories"), dict) for each in results
    )
    return results if all(found) and is_readable else None


def _has_scores(result: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether a result tells the scores of some categories."""
    return all(isinstance(inside(result, "category_scores", name), int | float) for name in names)


def _flagged(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The categories that are flagged in any result."""
    return list(dict.fromkeys(name for each in results for name, is_so in each["categories"].items() if is_so is True))


def _moderation(parameters: Parameters) -> Prepared:
    categories, inverts = parameters.texts("categories"), parameters.switch("not")
    thresholds = _thresholds(parameters)

    def limits(result: Mapping[str, Any]) -> dict[str, float]:
        """The least scores that count of the categories which a result tells."""
        names = [name for name in result["categories"] if not categories or name in categories]
        known = {name: (thresholds or {}).get(name, (thresholds or {}).get("")) for name in names}
        return {name: limit for name, limit in known.items() if limit is not None}

    def is_bad(result: Mapping[str, Any]) -> bool:
        names = categories or tuple(result["categories"])
        if thresholds is not None:
            return any(result["category_scores"][name] >= limit for name, limit in limits(result).items())
        return any(result["categories"].get(name) is True for name in names) or (not categories and result["flagged"])

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        results = _results(replies)
        if results is None or not all(_has_scores(each, limits(each)) for each in results):
            return None
        verdict = any(is_bad(each) for each in results) is inverts
        data = {
            "verdict": verdict,
            "not": inverts,
            "explanation": "The text is refused." if not verdict else "The text passes.",
            "flaggedCategories": _flagged(results),
            "moderationResults": results[0],
        }
        return Judgement(verdict, data)

    return _exchange(parameters, read, parameters.text("model", _MODEL))


def _thresholds(parameters: Parameters) -> dict[str, float] | None:
    """The least scores that count, by category, that of all others under an empty name; None without any."""
    if not isinstance(parameters.any("threshold"), dict):
        number = parameters.number("threshold", least=0)
        return None if number is None else {"": number}
    thresholds = Parameters(parameters.object("threshold") or {}, f"{parameters.path}.threshold", parameters.problems)
    return {name: thresholds.number(name, 0, least=0) or 0 for name in thresholds.values}


def _moderate_content(parameters: Parameters) -> Prepared:
    restricted, inverts = parameters.texts("categories"), parameters.switch("not")

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        results = _results(replies)
        if results is None:
            return None
        flagged = _flagged(results)
        found = [name for name in flagged if not restricted or name in restricted]
        verdict = bool(found) is inverts
        data = {
            "verdict": verdict,
            "not": inverts,
            "explanation": f"{len(found)} of the restricted categories are flagged.",
            "flaggedCategories": found,
            "restrictedCategories": list(restricted),
            "allFlaggedCategories": flagged,
            "moderationResults": results[0],
            "textExcerpt": excerpt(context.text),
        }
        return Judgement(verdict, data)

    return _exchange(parameters, read)


CHECKS: Final = (
    Check("openai.moderation", _moderation, quotes=True),
    Check("portkey.moderateContent", _moderate_content, quotes=True),
)
