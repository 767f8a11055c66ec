"""What an effort costs a Gemini."""

from __future__ import annotations

from penstock.traits import resolve


def test_efforts_cost_a_gemini_no_more_than_it_can_spend() -> None:
    flash, pro = resolve("gemini-2.5-flash").budgets, resolve("gemini-2.5-pro").budgets
    assert [flash[effort] for effort in ("low", "medium", "high", "xhigh")] == [1024, 8192, 24576, 24576]
    assert pro["xhigh"] == 32768
