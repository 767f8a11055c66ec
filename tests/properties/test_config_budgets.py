"""What any config costs: random configs within the header limit, written so as to be as dear as their bytes allow.

Work is counted, not timed: calls of functions while the config is read, and the bytes that are allocated. A regression
that multiplies something by the number of targets shows in either. ``TEST_CONFIG_TREES=50000`` runs so many trees, each
for itself, and writes the slowest and the largest to standard output; no time decides a test.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES, AddressPolicy
from penstock.core.failure import Failure
from penstock.core.secret import Secret
from penstock.pipeline.compile import _settings
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import Key
from penstock.routing.parse import HeaderSettings, Rules, parse
from penstock.routing.plan import Plan
from penstock.routing.weight import weigh

EACH: Final = 10
"""Of many trees, one in so many has its memory traced, which takes ten times as long as reading it."""
TREES: Final = int(os.environ.get("TEST_CONFIG_TREES", "0"))
LARGEST: Final = 64 << 10
MOST_BYTES: Final = 20 << 20
MOST_CALLS: Final = 600_000
"""Calls for one config: about a tenth of a second without the counting."""
RULES: Final = Rules(
    PROVIDERS.keys(),
    AddressPolicy(LOOPBACK_NAMES),
    {},
    _settings(PROVIDERS),
    frozenset(slug for slug, row in PROVIDERS.items() if row.key is not Key.REQUIRED),
)
HEADERS: Final = HeaderSettings(provider="echo", authorization=Secret("sk-" + "a" * 40))


def read(config: bytes) -> Plan | Failure:
    return parse(config, HEADERS, RULES)


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


def allocated(work: Callable[[], object]) -> tuple[int, int]:
    """The bytes that are left when the work is done, and the most that there were."""
    tracemalloc.start()
    try:
        result = work()
        kept, most = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return kept, most


# Configs are made of few draws: what makes a config dear is repetition.

COUNTS = st.sampled_from([1, 2, 5, 20, 60, 100, 250, 500, 1000, 3000, 10_000])
VALUES = st.sampled_from([1, "x", None, True, 1.5, [], {}, [1, 2], {"a": 1}, "y" * 200, "z" * 5000])
PATTERNS = st.sampled_from(
    ["a", "(?:a+)+b", "(?:[ab]{300}){300}", "[ab]{99}", "(a|b|cd)+" * 20, "a{0000000000300}" * 9, "(?i)a", "x" * 400, "(" * 99,
     "(?=a)*b{50}"]
)  # fmt: skip
OPERATORS = st.sampled_from(["$eq", "$in", "$gt", "$regex", "$nin", "$foo"])


@st.composite
def queries(draw: st.DrawFn) -> Any:
    operator, number = draw(OPERATORS), draw(COUNTS)
    operand: Any = draw(PATTERNS) if operator == "$regex" else [1, "a"] * number if operator.endswith("in") else 1
    leaf = {
        draw(st.sampled_from(["metadata.x", "params.messages", "params.model", "url.pathname"])): {operator: operand}
    }
    group = draw(st.sampled_from(["$and", "$or"]))
    return {group: [leaf] * draw(st.sampled_from([1, 5, 20, 21, 100, 900]))} if draw(st.booleans()) else leaf


@st.composite
def strategies(draw: st.DrawFn) -> Any:
    mode = draw(st.sampled_from(["fallback", "loadbalance", "conditional", "single", "x"]))
    strategy: dict[str, Any] = {"mode": mode}
    if mode == "conditional":
        condition = {"query": draw(queries()), "then": "a"}
        strategy["conditions"] = [condition] * draw(st.sampled_from([1, 5, 20, 100, 101]))
    if mode == "fallback" and draw(st.booleans()):
        strategy["on_status_codes"] = [500] * draw(COUNTS)
        strategy["hedge"] = {"delay": 1}
    if mode == "loadbalance" and draw(st.booleans()):
        strategy["sticky"] = {"hash_fields": ["params.messages"] * draw(st.sampled_from([1, 20, 200]))}
    return strategy


SETTINGS: Final[list[Callable[[int, Any], dict[str, Any]]]] = [
    lambda number, value: {f"zq{index}xq": value for index in range(number)},
    lambda number, value: {f"openai_{index}": value for index in range(number)},
    lambda number, value: {"override_params": {f"p{index}": value for index in range(number)}},
    lambda number, value: {"default_params": {f"p{index}": value for index in range(number)}},
    lambda number, _: {"drop_params": ["tools[*].a.b[0]"] * number},
    lambda number, _: {"forward_headers": ["x-a"] * number},
    lambda number, _: {"retry": {"attempts": 5, "on_status_codes": [500] * number}},
    lambda number, _: {"retry": {"attempts": 5, **{f"zq{index}": 1 for index in range(number)}}},
    lambda number, _: {"cb_config": {"failure_threshold": 1, "failure_status_codes": [500] * number}},
    lambda number, value: {"vertex_service_account_json": {f"k{index}": value for index in range(number)}},
    lambda number, _: {"timeouts": {"total": 5, "idle": number}, "cache": "simple"},
    lambda number, _: {"metadata": {"aB": [1] * number}},
    lambda number, _: {"api_key": "k" * number, "provider": "openai"},
    lambda _, value: {"override_params": {"model": value}},
    lambda number, _: {"provider": "opena" * number},
    lambda number, _: {"deep": json.loads("[" * min(number, 900) + "]" * min(number, 900))},
]


def written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@st.composite
def members(draw: st.DrawFn, room: int) -> dict[str, Any]:
    """Settings that take about ``room`` bytes at most."""
    chosen: dict[str, Any] = {}
    for setting in draw(st.lists(st.sampled_from(SETTINGS), max_size=3)):
        value, number = draw(VALUES), draw(COUNTS)
        size = len(written(setting(2, value))) - len(written(setting(1, value)))
        added = setting(min(number, max(1, room // max(1, size))), value)
        if len(written(added)) <= room:
            chosen |= added
            room -= len(written(added))
    return chosen


@st.composite
def trees(draw: st.DrawFn, room: int, depth: int = 3) -> dict[str, Any]:
    """A config of about ``room`` bytes at most: its own settings, and one target many times."""
    node = draw(members(room // 2))
    if depth and draw(st.integers(0, 3)):
        strategy = draw(strategies())
        room -= len(written({**node, "strategy": strategy}))
        child = draw(trees(room // draw(st.sampled_from([2, 20, 400, 10_000])), depth - 1)) if room > 0 else {}
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 10, 31, 40]))):
            child = {"strategy": {"mode": "loadbalance"}, "targets": [child]}
        number = min(draw(COUNTS), max(1, room // (len(written(child)) + 1)))
        node |= {"strategy": strategy, "targets": [child] * number}
    return node


CONFIGS: Final = trees(LARGEST).map(written).filter(lambda config: len(config) <= LARGEST)


FEW: Final = settings(max_examples=60, phases=[Phase.generate])
"""A large config is what fails: to make it smaller would take minutes, and hide what it was."""


@FEW
@given(CONFIGS)
def test_no_config_takes_more_work_than_a_bound(config: bytes) -> None:
    assert calls(lambda: read(config)) <= MOST_CALLS


@FEW
@given(CONFIGS)
def test_no_config_takes_more_memory_than_a_bound_and_a_plan_weighs_what_it_takes(config: bytes) -> None:
    plans: list[Plan | Failure] = []
    kept, most = allocated(lambda: plans.append(read(config)))
    assert kept <= most <= MOST_BYTES
    if not isinstance(plans[0], Failure):
        assert weigh(plans[0]) + 2 * len(config) >= kept / 2


@pytest.mark.skipif(not TREES, reason="TEST_CONFIG_TREES says how many trees")
def test_many_trees() -> None:
    dearest: list[tuple[float, bytes]] = []
    largest: list[tuple[int, bytes]] = []
    number = 0

    @settings(max_examples=TREES, phases=[Phase.generate], derandomize=False)
    @given(CONFIGS)
    def measure(config: bytes) -> None:
        nonlocal number
        number += 1
        started = time.process_time()
        read(config)
        dearest.append((time.process_time() - started, config))
        if number % EACH == 0:
            largest.append((allocated(lambda: read(config))[1], config))
        dearest.sort(reverse=True)
        largest.sort(reverse=True)
        del dearest[5:], largest[5:]

    measure()
    lines = [f"\n{number} trees"]
    lines += [f"{1000 * seconds:.0f} ms CPU, {len(config)} bytes: {config[:150]!r}" for seconds, config in dearest]
    lines += [f"{size / 1e6:.1f} MB, {len(config)} bytes: {config[:150]!r}" for size, config in largest]
    sys.stdout.write("\n".join(lines))
    assert largest[0][0] <= MOST_BYTES


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
