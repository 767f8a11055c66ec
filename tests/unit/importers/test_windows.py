"""Limits of other gateways in Penstock's windows: the same, or stricter, or with the operator's consent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing_checks import check_limits
from penstock.importers.report import Report
from penstock.importers.windows import Converted, Span, bifrost_span, budget, litellm_span, rate, report_limit


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", Span(30, "s")), ("5m", Span(5, "m")), ("1h", Span(1, "h")), ("24h", Span(1, "d")), ("7d", Span(1, "w")),
        ("1w", Span(1, "w")), ("1mo", Span(1, "mo")), ("30d", Span(1, "mo")), ("31d", Span(31, "d")),
        ("monthly", Span(1, "mo")), ("daily", Span(1, "d")), ("2 weeks", Span(2, "w")), ("", None), ("soon", None),
        ("0d", None), ("1x", None), ("-1d", None),
    ],
)  # fmt: skip
def test_durations_of_litellm(text: str, span: Span | None) -> None:
    assert litellm_span(text) == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", Span(30, "s")), ("1m", Span(1, "m")), ("1M", Span(1, "mo")), ("3M", Span(1, "q")), ("1Q", Span(1, "q")),
        ("1Y", Span(1, "y")), ("12M", Span(1, "y")), ("30d", Span(30, "d")), ("1w", Span(1, "w")), ("M1", None),
    ],
)  # fmt: skip
def test_durations_of_bifrost(text: str, span: Span | None) -> None:
    assert bifrost_span(text) == span


@pytest.mark.parametrize(
    ("span", "members", "needs_consent"),
    [
        (None, {}, False),
        (Span(1, "d"), {"periodic_reset": "daily"}, False),
        (Span(1, "w"), {"periodic_reset": "weekly"}, False),
        (Span(1, "mo"), {"periodic_reset": "monthly"}, False),
        (Span(1, "q"), {"periodic_reset": "quarterly"}, False),
        (Span(1, "y"), {"periodic_reset": "yearly"}, False),
        (Span(10, "d"), {"periodic_reset_days": 10}, False),
        (Span(2, "w"), {"periodic_reset_days": 14}, False),
        (Span(2, "mo"), {"periodic_reset_days": 60}, False),
        (Span(2, "y"), {}, False),
        (Span(12, "h"), {"penstock_window": "12h"}, False),
        (Span(90, "m"), {"penstock_window": "90m"}, False),
        (Span(30, "m"), {"penstock_window": "1h", "credit_limit": 3}, True),
    ],
)
def test_budgets(span: Span | None, members: dict[str, Any], needs_consent: bool) -> None:
    converted = budget(1.5, span)
    assert converted.members == {"type": "cost", "credit_limit": 1.5, **members}
    assert converted.needs_consent is needs_consent


def test_a_budget_that_can_not_be_counted_is_no_budget() -> None:
    assert budget(0, None).members is None
    assert budget(1e300, Span(1, "d")).members is None
    assert budget(1e-12, None).members is None


@pytest.mark.parametrize(
    ("amount", "span", "window", "value", "needs_consent"),
    [
        (100, Span(1, "m"), {"unit": "rpm"}, 100, False),
        (100, Span(60, "s"), {"unit": "rpm"}, 100, False),
        (5, Span(1, "s"), {"unit": "rps"}, 5, False),
        (1000, Span(1, "d"), {"unit": "rpd"}, 1000, False),
        (7, Span(1, "w"), {"unit": "rpw"}, 7, False),
        (100, Span(5, "m"), {"penstock_window": "5m"}, 100, False),
        (1, Span(30, "s"), {"penstock_window": "30s"}, 1, False),
        (1000, Span(1, "mo"), {"penstock_window": "30d"}, 1000, False),
        (1000, Span(2, "y"), {"unit": "rpw"}, 9, True),
    ],
)
def test_rates(amount: float, span: Span, window: dict[str, str], value: int, needs_consent: bool) -> None:
    converted = rate("requests", amount, span)
    assert converted.members == {"type": "requests", **window, "value": value}
    assert converted.needs_consent is needs_consent


@given(
    st.floats(0, allow_infinity=False),
    st.builds(Span, st.integers(1, 10**6), st.sampled_from(["s", "m", "h", "d", "w", "mo", "q", "y"])),
)
def test_whatever_is_made_is_a_limit_and_looser_with_consent_only(amount: float, span: Span) -> None:
    cost, requests = budget(amount, span), rate("requests", amount, span)
    if cost.members is not None:
        check_limits({"usage_limits": cost.members})
    if requests.members is not None:
        check_limits({"rate_limits": [requests.members]})


def test_a_limit_is_told_of() -> None:
    report = Report()
    assert report_limit(report, "a", Converted({"x": 1}), "limit") == {"x": 1}
    assert report_limit(report, "b", Converted({"x": 1}, "differs", True), "limit") == {"x": 1}
    assert report_limit(report, "c", Converted(None, "too large"), "limit") is None
    assert [str(line) for line in report.lines] == ["= a: limit", "~ b: limit: differs (!)", "✗ c: too large (!)"]
