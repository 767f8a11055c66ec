"""The counts of one config, and where each ends."""

from __future__ import annotations

import itertools
import json
import sys
from types import FrameType
from typing import Any

import pytest

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.secret import Secret
from penstock.routing import budget as limits
from penstock.routing.budget import Budget, OverBudget, check_size
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import Plan

RULES = Rules(("openai", "echo", *(f"provider-{number}" for number in range(80))), AddressPolicy())
MOST_CALLS_A_TARGET = 200
"""A target without anything wrong takes about 120."""


def read(config: Any, **headers: Any) -> Plan | Failure:
    return parse(json.dumps(config).encode(), HeaderSettings(provider="echo", **headers), RULES)


def fallback(number: int, target: dict[str, Any], **outer: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback"}, **outer, "targets": [target] * number}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1] * limits.MOST_VALUES, "more than 50000 values"),
        ({"a": [[1] * 999] * 60}, "more than 50000 values"),
        (nested(101), "nested deeper than 100 levels"),
        (["x" * 1000] * 1100, "more than 1048576 characters"),
        ({"x" * (1 << 21): 1}, "more than 1048576 characters"),
    ],
)
def test_a_document_beyond_the_bounds(value: Any, reason: str) -> None:
    with pytest.raises(OverBudget, match=reason):
        check_size(value)


@pytest.mark.parametrize("value", [None, 1, [], nested(99), [1] * (limits.MOST_VALUES - 1), {"a": "x" * 1000}])
def test_a_document_within_the_bounds(value: Any) -> None:
    check_size(value)


def test_a_shared_value_counts_wherever_it_stands() -> None:
    """Nine levels of nine aliases: 387 million values, of which only the first ones are counted."""
    value: Any = ["x"] * 9
    for _ in range(9):
        value = [value] * 9
    with pytest.raises(OverBudget):
        check_size(value)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"strategy": {"mode": "fallback"}, "targets": [{}] * 1001}, "more than 1000 targets"),
        ({"strategy": {"mode": "fallback"}, "targets": [{}] * 20_000}, "more than 1000 targets"),
        (fallback(999, fallback(1, fallback(1, {}))), "2000 with the groups of targets"),
        ({f"zq{index}xq": 1 for index in range(101)}, "more than 100 settings that no config has"),
        ({"retry": {"attempts": 1, **{f"zq{index}": 1 for index in range(101)}}}, "more than 100 settings"),
        (fallback(1000, {"override_params": {"a": 1}}, override_params={f"p{index}": 1 for index in range(60)}),
         "more than 50000 settings, with those that they inherit"),
        (fallback(1000, {"openai_a": 1}, **{f"openai_b{index}": 1 for index in range(60)}),
         "more than 50000 settings, with those that they inherit"),
        (fallback(1000, {"drop_params": ["a"]}, drop_params=["b"] * 99), "more than 50000 settings"),
        (fallback(1000, {}, api_key="k" * 20_000, provider="openai"), "more than 16 MB, with what they inherit"),
    ],
)  # fmt: skip
def test_a_config_beyond_the_bounds(config: Any, reason: str) -> None:
    failure = read(config)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "config")
    assert reason in failure.message
    assert failure.message.endswith("make it smaller.")


def test_what_headers_add_to_every_target_counts() -> None:
    options = {f"o{index}": "x" * 100 for index in range(500)}
    failure = read(fallback(1000, {}), options=options, authorization=Secret("k"))
    assert isinstance(failure, Failure)
    assert "16 MB" in failure.message


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"drop_params": ["a"] * 101}, "config.drop_params"),
        ({"drop_params": ["a" + "[0]" * 16]}, "config.drop_params[0]"),
        ({"forward_headers": ["x-a"] * 101}, "config.forward_headers"),
        ({"strategy": {"mode": "loadbalance", "sticky": {"hash_fields": ["params.a"] * 21}}, "targets": [{}]},
         "config.strategy.sticky.hash_fields"),
    ],
)  # fmt: skip
def test_lists_that_each_request_pays_for(config: Any, param: str) -> None:
    failure = read(config)
    assert isinstance(failure, Failure)
    assert failure.param == param


@pytest.mark.parametrize(
    "config",
    [
        fallback(1000, {}, override_params={f"p{index}": 1 for index in range(1500)}),
        fallback(1000, {}, retry={"attempts": 1, "on_status_codes": [500] * 9000}),
        fallback(1000, {}, **{f"zq{index}xq": "v" for index in range(100)}),
        fallback(1000, {}, drop_params=["a.b"] * 100, forward_headers=["x-a"] * 100),
    ],
)
def test_what_many_targets_inherit_costs_no_more_than_for_one(config: Any) -> None:
    assert not isinstance(read(config), Failure)


def test_a_count_ends_at_its_limit() -> None:
    budget = Budget()
    budget.nodes(limits.MOST_NODES)
    budget.inherited(limits.MOST_INHERITED)
    for count in (budget.nodes, budget.inherited):
        with pytest.raises(OverBudget):
            count(1)


def test_an_unknown_key_is_looked_up_once() -> None:
    budget = Budget()
    known = frozenset({"provider"})
    for _ in range(limits.MOST_LOOKUPS * 3):
        assert budget.nearest("provder", known, 0.8) == "provider"
        assert budget.nearest("zzz", known, 0.8) is None


def calls_of(config: Any) -> int:
    """The calls of Python's functions that reading a config takes."""
    calls = itertools.count()

    def note(_: FrameType, event: str, __: object) -> None:
        if event == "call":
            next(calls)

    sys.setprofile(note)
    try:
        read(config)
    finally:
        sys.setprofile(None)
    return next(calls)


@pytest.mark.parametrize(
    "inherited",
    [
        {"provider": "opena"},
        {"provider": "o" * 5000},
        {"virtual_key": "prod"},
        {"virtual_key": "p" * 5000},
        {"override_params": {"model": "@opena/m"}},
        {"provider": "openai", "custom_host": "file:///x"},
        {"provider": "openai", "custom_host": "http://127.0.0.1:1/" + "%41" * 5000},
        {"cache": {"mode": "sipmle"}},
        {"cache": {"max_age": "1"}},
        {"retry": {"attempts": "1", "on_status_codes": ["x"] * 15}},
        {"timeouts": {"idel": 1}},
        {"cb_config": {"failure_treshold": 1}},
        {"forward_headers": [1] * 15},
        {"drop_params": ["a["] * 15},
        {"override_params": 1, "default_params": 1, "request_timeout": "1", "strict_open_ai_compliance": 1},
        {"stream_rescue": {"on": 1}, "unsupported_params": "x"},
    ],
)
def test_what_is_wrong_in_a_setting_that_many_targets_inherit_is_worked_out_once(inherited: dict[str, Any]) -> None:
    """Their problems have one place, so that the bound on problems ends nothing. The work is counted, not timed."""
    config = fallback(1000, {}, **inherited)
    assert isinstance(read(config), Failure)  # modules are loaded, memos of the process filled
    assert calls_of(config) < MOST_CALLS_A_TARGET * 1000
