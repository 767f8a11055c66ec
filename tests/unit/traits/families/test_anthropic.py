"""What a Claude is told: temperatures, efforts as budgets."""

from __future__ import annotations

from penstock.traits import resolve


def test_efforts_cost_a_claude_what_they_cost_at_portkey() -> None:
    budgets = resolve("claude-sonnet-4-5").budgets
    assert [budgets[effort] for effort in ("low", "medium", "high", "xhigh")] == [1024, 8192, 16384, 32768]


def test_claude_is_told_a_temperature_up_to_one_or_none_at_all() -> None:
    assert resolve("claude-3-haiku-20240307").max_temperature == 1.0
    assert resolve("claude-opus-4-6").max_temperature == 1.0
    assert resolve("claude-opus-4-7").refuses == {"temperature", "top_p", "top_k"}


def test_a_claude_that_thinks_by_budget_is_not_sampled_meanwhile() -> None:
    assert resolve("claude-3-7-sonnet-latest").refuses_thinking == {"temperature", "top_k"}
