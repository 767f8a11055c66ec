"""Medians, ratios and budgets of benchmark rows."""

from __future__ import annotations

import pytest
from bench.results import Budget, Figure, Metric, Of, Row, rows

CPU = Metric("cpu", "CPU per request", "µs", Budget(6, Of.RATIO))
START = Metric("seconds", "first answer after", "s", Budget(0.6, Of.VALUE))
RATE = Metric("rate", "requests per second", "", compared=False)


def row(metric: Metric, **medians: float) -> Row:
    return Row("chat", metric, {name: Figure((value,)) for name, value in medians.items()}, "nginx")


def test_rows_keep_every_sample_and_show_the_median() -> None:
    samples = {"nginx": [{"cpu": 20.0}, {"cpu": 10.0}, {"cpu": 90.0}], "penstock": [{"cpu": 80.0}]}
    (found,) = rows("chat", [CPU], samples, "nginx")
    assert found.figures["nginx"].samples == (20.0, 10.0, 90.0)
    assert found.ratio("penstock") == 80 / 20


def test_metrics_that_nobody_took_are_left_out() -> None:
    samples = {"nginx": [{"cpu": 20.0}], "penstock": [{"cpu": 80.0, "rate": 1.0}], "portkey": []}
    found = rows("chat", [CPU, RATE, START], samples, "nginx")
    assert [(one.metric.key, list(one.figures)) for one in found] == [
        ("cpu", ["nginx", "penstock"]),
        ("rate", ["penstock"]),
    ]


@pytest.mark.parametrize(
    "without",
    [
        row(RATE, nginx=1, penstock=2),
        row(CPU, nginx=0, penstock=2),
        row(CPU, nginx=-0.1, penstock=2),
        row(CPU, penstock=2),
        row(CPU, nginx=2),
    ],
    ids=["not compared", "divisor zero", "divisor negative", "no reference", "not taken"],
)
def test_there_is_no_ratio_where_it_says_nothing(without: Row) -> None:
    assert without.ratio("penstock") is None
    assert without.within_budget("penstock") is None


def test_the_reference_has_no_ratio_to_itself() -> None:
    assert row(CPU, nginx=20).ratio("nginx") is None


@pytest.mark.parametrize(("penstock", "within"), [(119.0, True), (120.0, True), (121.0, False)])
def test_a_budget_may_bound_the_ratio(penstock: float, within: bool) -> None:
    assert row(CPU, nginx=20, penstock=penstock).within_budget("penstock") is within


@pytest.mark.parametrize(("penstock", "within"), [(0.6, True), (0.61, False)])
def test_a_budget_may_bound_the_value(penstock: float, within: bool) -> None:
    assert row(START, penstock=penstock).within_budget("penstock") is within


@pytest.mark.parametrize(("budget", "text"), [(Budget(2.5, Of.RATIO), "≤ 2.5×"), (Budget(60, Of.VALUE), "≤ 60")])
def test_a_budget_reads_as_in_the_table(budget: Budget, text: str) -> None:
    assert str(budget) == text
