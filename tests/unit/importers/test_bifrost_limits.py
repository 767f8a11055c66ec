"""Bifrost's limits: found beside their owner, by a name of theirs, or by the owner's."""

from __future__ import annotations

from typing import Any

from penstock.importers.bifrost_limits import LimitReader
from penstock.importers.imported import Imported
from penstock.importers.report import Report
from penstock.importers.section import Section

MONTHLY = {"max_limit": 10, "reset_duration": "1M"}


def limits(owner: dict[str, Any], **governance: Any) -> tuple[dict[str, Any], Imported, list[str]]:
    imported, report = Imported(), Report()
    reader = LimitReader(Section(governance, "g", report), imported, report)
    found = reader.limits(Section(owner, "o", report), "team_id", "it", {"owner": "o"})
    reader.finish()
    return found, imported, [str(line) for line in report.lines]


def test_a_budget_is_found_in_each_of_four_places() -> None:
    budget = {"type": "cost", "credit_limit": 10, "periodic_reset": "monthly"}
    assert limits({"budget": MONTHLY})[0] == {"usage_limits": budget}
    assert limits({"budgets": [MONTHLY]})[0] == {"usage_limits": budget}
    assert limits({"budget_id": "b"}, budgets=[{"id": "b", **MONTHLY}])[0] == {"usage_limits": budget}
    assert limits({"id": "t"}, budgets=[{"team_id": "t", **MONTHLY}])[0] == {"usage_limits": budget}


def test_a_rate_is_found_beside_its_owner_and_by_its_name() -> None:
    rate = {"request_max_limit": 5, "request_reset_duration": "1m", "token_max_limit": 7}
    found = [
        {"type": "requests", "unit": "rpm", "value": 5},
        {"type": "tokens", "unit": "rpm", "value": 7},
    ]
    assert limits({"rate_limit": rate})[0] == {"rate_limits": found}
    assert limits({"rate_limit_id": "r"}, rate_limits=[{"id": "r", **rate}])[0] == {"rate_limits": found}


def test_limits_that_are_missing_need_consent_and_those_that_nobody_has_none() -> None:
    found, _, lines = limits({"budget_id": "x", "rate_limit_id": "y"}, budgets=[{"id": "b", **MONTHLY}])
    assert found == {}
    assert lines == [
        "✗ o.budget_id: there is no budget x (!)",
        "✗ o.rate_limit_id: there is no rate limit y (!)",
        "~ g.budgets[0]: nothing in the file has this limit",
    ]


def test_of_several_budgets_the_tightest_is_kept_with_consent() -> None:
    daily = {"max_limit": 5, "reset_duration": "1d"}
    found, _, lines = limits({"budgets": [daily, MONTHLY]})
    assert found["usage_limits"] == [{"type": "cost", "credit_limit": 10, "periodic_reset": "monthly"}]
    assert "✗ o: one budget of 2 is kept, the tightest in a day (!)" in lines


def test_what_was_used_is_an_opening_balance() -> None:
    _, imported, _ = limits({"budget": {**MONTHLY, "current_usage": 1.5}})
    assert imported.opening_balances == [{"owner": "o", "type": "cost", "amount": 1.5}]
