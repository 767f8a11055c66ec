"""Limits and policies in penstock.toml."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from penstock.limits.windows import CalendarWindow, WeekStart
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Definition
from penstock.stores.limit_definitions import limits_of, policies_of, with_limits


def definition(problems: list[str], section: str = "keys", name: str = "a", **values: Any) -> Definition:
    return Definition(section, name, values, problems, "in penstock.toml")


def test_limits_of_a_definition_are_ready_to_be_counted() -> None:
    problems: list[str] = []
    when = datetime.datetime(2026, 1, 5, tzinfo=datetime.UTC)
    usage = {"type": "cost", "credit_limit": 1.5, "periodic_reset_days": 7, "next_usage_reset_at": when}
    (applied,) = limits_of(definition(problems, usage_limits=usage, hash="…"), "api_key")
    assert (applied.limit.id, applied.limit.amount, problems) == ("api_key/a/usage/cost", 1_500_000_000, [])
    assert isinstance(applied.limit.window, CalendarWindow)
    assert applied.limit.window.days == 7


def test_problems_have_the_path_of_the_section() -> None:
    problems: list[str] = []
    limits_of(definition(problems, "virtual_keys", "v", rate_limits=[{"type": "requests"}]), "provider")
    assert problems[0].startswith("virtual_keys.v.rate_limits[0].unit in penstock.toml: ")


def test_keys_get_the_limits_of_their_definitions() -> None:
    keys = [GatewayKey("a", b"1"), GatewayKey("b", b"2")]
    limited, plain = with_limits(keys, [definition([], concurrency_limit=2), definition([], name="b")])
    assert [each.limit.amount for each in limited.limits] == [2]
    assert plain is keys[1]


def test_a_policy_is_a_budget_or_a_rate_by_its_members() -> None:
    problems: list[str] = []
    common: dict[str, Any] = {"conditions": [], "group_by": [], "type": "requests"}
    sections = [
        definition(problems, "policies", "b", credit_limit=5, **common),
        definition(problems, "policies", "r", unit="rpm", value=5, **common),
        definition(problems, "policies", "x", unit="rpm", **common),
    ]
    budget, rate = policies_of(sections)
    assert (budget.limit.is_budget, rate.limit.is_rate, budget.id) == (True, True, "b")
    assert problems == ["policies.x.value in penstock.toml: missing: a rate needs a number"]


@pytest.mark.parametrize(("week_starts", "of_key", "of_policy"), [
    (None, "sunday", "monday"), ("monday", "monday", "monday"), ("sunday", "sunday", "sunday"),
])  # fmt: skip
def test_weeks_begin_on_the_operators_day(week_starts: WeekStart | None, of_key: str, of_policy: str) -> None:
    weekly: dict[str, Any] = {"type": "cost", "credit_limit": 5, "periodic_reset": "weekly"}
    (key,) = limits_of(definition([], usage_limits=weekly), "api_key", week_starts)
    (policy,) = policies_of([definition([], "policies", conditions=[], group_by=[], **weekly)], week_starts)
    assert key.limit.window == CalendarWindow("week", of_key)  # type: ignore[arg-type]
    assert policy.limit.window == CalendarWindow("week", of_policy)  # type: ignore[arg-type]
