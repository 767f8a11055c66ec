"""What OpenAI's reasoning models refuse."""

from __future__ import annotations

from penstock.traits import resolve


def test_o1_mini_has_no_system_role() -> None:
    """docs/quirks.md#q119."""
    assert not resolve("o1-mini").system_role
    assert resolve("o1").system_role


def test_reasoning_models_refuse_more_than_sampling() -> None:
    assert "parallel_tool_calls" in resolve("o3-mini").refuses
    assert "stop" in resolve("o4-mini").refuses
    assert resolve("grok-4-0709").refuses == {"presence_penalty", "frequency_penalty", "stop", "reasoning_effort"}
    assert "reasoning_effort" not in resolve("grok-4.5").refuses
