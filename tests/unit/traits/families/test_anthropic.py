"""What a Claude is told: temperatures, efforts as budgets."""

from __future__ import annotations

from penstock.traits import resolve


def test_efforts_cost_a_claude_what_they_cost_at_portkey() -> None:
    budgets = resolve("claude-sonnet-4-5").budgets
    assert [budgets[effort] for effort in ("low", "medium", "high", "xhigh")] == [1024, 8192, 16384, 32768]


def test_some_claudes_are_told_no_temperature() -> None:
    assert "temperature" not in resolve("claude-opus-4-6").refuses
    assert resolve("claude-opus-4-7").refuses == {"temperature", "top_p", "top_k"}


def test_a_claude_that_thinks_by_budget_is_not_sampled_meanwhile() -> None:
    assert resolve("claude-3-7-sonnet-latest").refuses_thinking == {"temperature", "top_k"}


def test_at_bedrock_some_claudes_keep_to_a_schema() -> None:
    named = {name: resolve(name, "bedrock").json_schema for name in ("claude-sonnet-4-5", "claude-opus-4-7")}
    assert named == {"claude-sonnet-4-5": True, "claude-opus-4-7": False}
    assert resolve("claude-opus-4-7").json_schema
