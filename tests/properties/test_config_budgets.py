"""What any config costs: random configs within the header limit, written so as to be as dear as their bytes allow.

Work is counted, not timed: calls of functions while the config is read, and the bytes that are allocated. A regression
that multiplies something by the number of targets shows in either. ``python -m bench.fuzz`` reads many more of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import pytest
from bench.config_trees import CONFIGS
from bench.fuzz import MOST_BYTES, read, traced_bytes
from hypothesis import Phase, given, settings

from penstock.core.failure import Failure
from penstock.routing.plan_size import weigh

MOST_CALLS: Final = 600_000
"""Calls for one config: about a tenth of a second without the counting."""


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, in Python and in C."""
    number = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return number


FEW: Final = settings(max_examples=60, phases=[Phase.generate])
"""A large config is what fails: to make it smaller would take minutes, and hide what it was."""


@FEW
@given(CONFIGS)
def test_no_config_takes_more_work_than_a_bound(config: bytes) -> None:
    assert calls(lambda: read(config)) <= MOST_CALLS


@FEW
@given(CONFIGS)
def test_no_config_takes_more_memory_than_a_bound_and_a_plan_weighs_what_it_takes(config: bytes) -> None:
    # What a first reading leaves in the process (modules, patterns) is no part of the plan.
    read(config)
    kept, most = min(traced_bytes(config), traced_bytes(config))
    assert kept <= most <= MOST_BYTES
    plan = read(config)
    if not isinstance(plan, Failure):
        assert weigh(plan) + 2 * len(config) >= kept / 2


# Growth: keys times targets.


@pytest.mark.parametrize(
    "keys",
    [
        lambda number: {f"zq{index:04d}xq": 1 for index in range(number)},
        lambda number: {"override_params": {f"p{index}": 1 for index in range(number)}},
        lambda number: {"retry": {"attempts": 1, "on_status_codes": [500] * number}},
        lambda number: {"drop_params": ["a.b"] * min(number, 100)},
        lambda number: {"vertex_service_account_json": {f"k{index}": 1 for index in range(number)}},
    ],
    ids=["unknown keys", "parameters", "status codes", "dropped parameters", "an account"],
)
def test_keys_are_read_once_however_many_targets_inherit_them(keys: Callable[[int], dict[str, Any]]) -> None:
    """Twice the keys and twice the targets are at most a little more than twice the work: nothing is multiplied."""

    def work(number: int) -> int:
        config = {"strategy": {"mode": "fallback"}, "provider": "echo", **keys(number), "targets": [{}] * number}
        return calls(lambda: read(json.dumps(config).encode()))

    work(10)
    assert work(200) <= 2.2 * work(100)


@pytest.mark.parametrize("number", [80, 150, 300, 500, 1000])
def test_keys_times_targets(number: int) -> None:
    config = {"strategy": {"mode": "fallback"}, "provider": "echo", **{f"zq{index}": 1 for index in range(number)}}
    config["targets"] = [{}] * number
    assert calls(lambda: read(json.dumps(config).encode())) <= 200_000


INHERITED: dict[str, Callable[[int], dict[str, Any]]] = {
    "a custom host": lambda size: {"custom_host": f"http://models.example.com/{'a' * min(size, 2000)}"},
    "an api_key": lambda size: {"api_key": "k," * (size // 2)},
    "a setting": lambda size: {"openai_x": "k," * (size // 2)},
    "an account": lambda size: {"vertex_service_account_json": {f"k{number}": "v" for number in range(size // 12)}},
    "paths": lambda size: {"drop_params": [".".join("abcdefghijklmn")] * min(45, size // 30)},
    "codes": lambda size: {"cb_config": {"failure_threshold": 1, "failure_status_codes": [*range(200, 600)]}},
}


@pytest.mark.parametrize("name", INHERITED)
@pytest.mark.parametrize("own", [{}, {"a": 1}, {"drop_params": ["x"]}], ids=["nothing", "a setting", "a path"])
def test_what_is_inherited_is_read_once_by_a_guarded_gateway(name: str, own: dict[str, Any]) -> None:
    """A long value is no dearer for a thousand targets than a short one, whether they have settings of their own or not:
    here, too, where every value is looked at for gateway keys."""

    def work(size: int) -> int:
        config = {
            "strategy": {"mode": "fallback"},
            "provider": "openai",
            **INHERITED[name](size),
            "targets": [own] * 900,
        }
        return calls(lambda: read(json.dumps(config).encode()))

    work(2000)
    assert work(20_000) <= 1.6 * work(2000) + 60_000
    assert work(20_000) <= MOST_CALLS
