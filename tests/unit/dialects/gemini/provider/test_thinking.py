"""How much to think, as each generation of Gemini is told."""

from typing import Any

import pytest

from gemini_requests import BUDGET, LEVEL, makes, of, told
from matrix import (
    ask,
)
from penstock.core.traits import Traits

NEVER_STOPS = Traits(family="never-stops", thinking="budget", can_stop_thinking=False, min_budget=128)


UNKNOWN_LEVELS = Traits(family="unknown-levels", thinking="level", can_stop_thinking=False)
THOUGHTLESS = Traits(family="thoughtless")


@pytest.mark.parametrize(
    ("traits", "parameters", "config", "dropped"),
    [
        (BUDGET, {"reasoning_effort": "low"}, {"includeThoughts": True, "thinkingBudget": 100}, ()),
        (BUDGET, {"reasoning_effort": "ultra"}, None, ("reasoning_effort",)),
        (BUDGET, {"reasoning_effort": "none"}, {"thinkingBudget": 0}, ()),
        (BUDGET, {"thinking": {"type": "enabled", "budget_tokens": 0}}, {"thinkingBudget": 0}, ()),
        (BUDGET, {"thinking": {"type": "enabled"}}, {"includeThoughts": True}, ()),
        (BUDGET, {"reasoning": {"effort": "low", "max_tokens": 700}}, {"includeThoughts": True, "thinkingBudget": 700}, ()),
        (NEVER_STOPS, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingBudget": 8192}, ()),
        (NEVER_STOPS, {"reasoning_effort": "none"}, {"thinkingBudget": 128}, ("reasoning_effort",)),
        (NEVER_STOPS, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 128}, ("thinking",)),
        (LEVEL, {"reasoning_effort": "low"}, {"includeThoughts": True, "thinkingLevel": "low"}, ()),
        (LEVEL, {"reasoning_effort": "none"}, {"thinkingLevel": "minimal"}, ("reasoning_effort",)),
        (LEVEL, {"reasoning": {"enabled": False}}, {"thinkingLevel": "minimal"}, ("thinking",)),
        (LEVEL, {"reasoning": {"effort": "high", "max_tokens": 5}}, {"includeThoughts": True, "thinkingLevel": "high"}, ("thinking.budget_tokens",)),
        (LEVEL, {"reasoning": {"max_tokens": 5}}, {"includeThoughts": True, "thinkingBudget": 5}, ()),
        (UNKNOWN_LEVELS, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "high"}, ()),
        (UNKNOWN_LEVELS, {"reasoning_effort": "none"}, {"thinkingLevel": "low"}, ("reasoning_effort",)),
        (THOUGHTLESS, {"reasoning_effort": "low"}, None, ("reasoning_effort",)),
        (THOUGHTLESS, {"reasoning_effort": "none"}, None, ()),
        (BUDGET, {"thinking_config": {"thinking_budget": -1}, "reasoning_effort": "low"}, {"thinkingBudget": -1}, ("reasoning_effort",)),
        (BUDGET, {"thinkingConfig": 3}, None, ("thinking_config",)),
    ],
)  # fmt: skip
def test_thinking(traits: Traits, parameters: dict[str, Any], config: Any, dropped: tuple[str, ...]) -> None:
    assert of(traits, ask(**parameters)) == (makes(thinkingConfig=config) if config else told(), dropped)
