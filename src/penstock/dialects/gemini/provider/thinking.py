"""How much Gemini is to think, as its ``thinkingConfig``.

Gemini 2.5 is told a budget of tokens, Gemini 3 a level in words; it takes a budget too, but not both. A model that
nobody knows is taken for one of the latter. Thoughts are shown whenever thinking was asked for. Source: Gemini API
docs, "Thinking".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import Reasoning
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.gemini.spelling import take_object

BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
LEVELS: Final[Mapping[str, str]] = {
    "minimal": "low",
    "low": "low",
    "medium": "high",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""What an effort stands for where a family's row doesn't say: the two levels that every Gemini 3 knows."""
_SHOWN: Final = {"includeThoughts": True}


def thinking_config(parameters: Parameters, traits: Traits, asked: Reasoning | None) -> dict[str, Any]:
    """The member's value, empty to leave it out. ``asked`` is the parameter, still to be taken."""
    own = take_object(parameters, "thinkingConfig")
    if own:  # the caller speaks Google's own words: whatever else was said of it is left, and told
        return own
    if asked is None or (traits.family and traits.thinking == "none"):
        if asked is not None and _is_off(asked):
            parameters.reasoning()
        return {}
    if _is_off(asked):
        parameters.reasoning()
        return _least(parameters, traits, asked)
    if asked.effort:
        return _by_effort(parameters, traits, asked)
    parameters.reasoning()
    return _by_budget(asked.budget)


def _is_off(asked: Reasoning) -> bool:
    return asked.effort == "none" or (asked.enabled is False and not asked.effort)


def _least(parameters: Parameters, traits: Traits, asked: Reasoning) -> dict[str, Any]:
    """No thinking; where the family can't do without, as little as it can."""
    if traits.can_stop_thinking:
        return {"thinkingBudget": 0}
    parameters.unsupported("reasoning_effort" if asked.effort else "thinking")
    if traits.thinking == "budget":
        return {"thinkingBudget": traits.min_budget}
    return {"thinkingLevel": (traits.efforts or LEVELS).get("minimal", "low")}


def _by_effort(parameters: Parameters, traits: Traits, asked: Reasoning) -> dict[str, Any]:
    """The level that a word stands for, or the budget; one given in tokens is more exact where a budget is wanted."""
    wants_budget = traits.thinking == "budget"
    if wants_budget and asked.budget is not None:
        parameters.reasoning()
        return _by_budget(asked.budget)
    words: Mapping[str, Any] = (traits.budgets or BUDGETS) if wants_budget else (traits.efforts or LEVELS)
    amount = words.get(asked.effort)
    if amount is None:
        return {}
    parameters.reasoning()
    if asked.budget is not None:
        parameters.unsupported("thinking.budget_tokens")
    return {**_SHOWN, "thinkingBudget" if wants_budget else "thinkingLevel": amount}


def _by_budget(budget: int | None) -> dict[str, Any]:
    if budget is None:
        return dict(_SHOWN)
    return {**(_SHOWN if budget else {}), "thinkingBudget": budget}
