"""Bifrost's routing rules as conditions."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.importers.bifrost_providers import Key
from penstock.importers.bifrost_routes import Scope
from penstock.importers.bifrost_rules import read_rules
from penstock.importers.report import Report
from penstock.importers.section import Section

TARGET = {"provider": "openai", "model": "a", "weight": 1}


def rules(*values: dict[str, Any]) -> tuple[list[Any], list[str]]:
    report = Report()
    return read_rules(Section({"routing_rules": list(values)}, "g", report), report), [
        str(each) for each in report.lines
    ]


@pytest.mark.parametrize(
    ("expression", "models"),
    [
        ('model == "x"', ("x",)),
        ("model=='x'", ("x",)),
        ('model == "x" && provider == "openai"', ("openai/x",)),
        ('provider == "openai"', None),
        ('model != "x"', None),
        ('model == "x" || model == "y"', None),
        ('model == "x" && tokens == "1"', None),
        ('model == "x" && model == "y"', None),
        ("", None),
    ],
)
def test_expressions(expression: str, models: tuple[str, ...] | None) -> None:
    found, lines = rules({"cel_expression": expression, "targets": [TARGET]})
    assert [rule.models for rule in found] == ([] if models is None else [models])
    assert any(line.startswith("✗" if models is None else "= g.routing_rules[0]:") for line in lines)


def test_the_lowest_priority_number_comes_first() -> None:
    found, _ = rules(
        {"name": "b", "priority": 2, "cel_expression": "model == 'x'", "targets": [TARGET]},
        {"name": "a", "priority": 1, "cel_expression": "model == 'x'", "targets": [TARGET], "fallbacks": ["openai/b"]},
        {"name": "off", "enabled": False, "cel_expression": "model == 'x'", "targets": [TARGET]},
    )
    assert [rule.name for rule in found] == ["a", "b"]


def test_a_rule_leads_to_what_the_caller_may_use_only() -> None:
    [rule], _ = rules({"name": "r", "cel_expression": "model == 'x'", "targets": [TARGET], "fallbacks": ["openai/b"]})
    keys = (Key("k", {"virtual_key": "k"}, 1, ("a", "b"), (), {}, ()),)
    whole = rule.branch([Scope("openai", keys)])
    assert [each["override_params"]["model"] for each in whole.node["targets"]] == ["a", "b"]
    assert rule.branch([Scope("openai", keys, allowed=("b",))]) is None
    assert rule.branch([Scope("openai", keys, denied=("a",))]) is None
    assert rule.branch([]) is None
