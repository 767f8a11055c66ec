"""How much to think, in each maker's words."""

from __future__ import annotations

from typing import Any

import pytest

from converse_requests import CLAUDE, KIMI, LEVELS, NOVA, enabled, sampled, told, with_fields, written
from matrix import (
    ask,
)
from penstock.core.chat import Owner
from penstock.core.traits import ANY_MODEL, Traits

ADAPTIVE = Traits(
    family="claude-4.6", owner=Owner.ANTHROPIC, thinking="adaptive", efforts={"low": "low", "high": "high"}
)


OSS = Traits(family="gpt-oss", thinking="effort", efforts=LEVELS, thinks_unasked=True, can_stop_thinking=False)


@pytest.mark.parametrize(
    ("traits", "parameters", "expected", "dropped"),
    [
        (CLAUDE, {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "reasoning_effort": "low"},
         sampled(maxTokens=64_000) | enabled(1024), ("temperature", "top_p", "top_k")),
        (CLAUDE, {"temperature": 1, "top_p": 0.95, "reasoning_effort": "low"},
         sampled(maxTokens=64_000, topP=0.95) | enabled(1024), ()),
        (CLAUDE, {"reasoning_effort": "low", "max_tokens": 1000}, sampled(maxTokens=1000), ("reasoning_effort",)),
        (ADAPTIVE, {"reasoning_effort": "low"},
         told(**with_fields(thinking={"type": "adaptive"}, output_config={"effort": "low"})), ()),
        (NOVA, {"reasoning_effort": "low", "max_tokens": 9, "temperature": 0.5},
         sampled(maxTokens=9, temperature=0.5)
         | with_fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"}), ()),
        (NOVA, {"reasoning_effort": "high", "max_tokens": 9, "temperature": 0.5, "top_p": 1, "top_k": 3},
         told(**with_fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"})),
         ("max_tokens", "temperature", "top_k")),
        (NOVA, {"reasoning_effort": "none"}, told(), ()),
        (NOVA, {"reasoning": {"enabled": True}},
         told(**with_fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "medium"})), ()),
        (NOVA, {"reasoning": {"max_tokens": 1000}}, told(), ("thinking",)),
        (NOVA, {"reasoning": {"max_tokens": 5000}},
         told(**with_fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "medium"})), ()),
        (NOVA, {"reasoning": {"max_tokens": 500_000}},
         told(**with_fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"})), ()),
        (OSS, {"reasoning_effort": "high"}, told(**with_fields(reasoning_effort="high")), ()),
        (OSS, {"reasoning_effort": "none"}, told(), ("reasoning_effort",)),
        (Traits(family="gpt", owner=Owner.OPENAI, thinking="effort", efforts={"none": "none", "low": "low"}),
         {"reasoning_effort": "none"}, told(**with_fields(reasoning={"effort": "none"})), ()),
        (KIMI, {"reasoning_effort": "high"}, told(), ("reasoning_effort",)),
        (ANY_MODEL, {"reasoning_effort": "high"}, told(), ("reasoning_effort",)),
        (ANY_MODEL, {"thinking": {"type": "enabled", "budget_tokens": 2048}}, told(**enabled(2048)), ()),
    ],
)  # fmt: skip
def test_how_much_to_think(
    traits: Traits, parameters: dict[str, Any], expected: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert written(ask(**parameters), traits) == (expected, dropped)
