"""The estimated size of a plan: shared parts count once, everything else wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.secret import Secret
from penstock.routing.conditions import compile_query
from penstock.routing.plan import Case, Choose, Fallback, Target
from penstock.routing.plan_size import weigh


def test_a_plan_weighs_more_than_its_targets() -> None:
    target = Target("config.targets[0]", "echo")
    assert weigh(Fallback("config", (target, target))) > 2 * weigh(target) > 0


@pytest.mark.parametrize(
    "part",
    [
        {"api_key": Secret("k" * 10_000)},
        {"options": {"a": "v" * 10_000}},
        {"override_params": {"a": b"1" * 10_000}},
        {"default_params": {"a" * 10_000: b"1"}},
        {"drop_params": (("a",) * 1000,)},
        {"drop_params": (("a" * 10_000,),)},
        {"forward_headers": ("x" * 10_000,)},
    ],
)
def test_every_part_counts(part: dict[str, Any]) -> None:
    assert weigh(Target("config", "echo", **part)) >= weigh(Target("config", "echo")) + 10_000


def test_shared_parameters_count_once_and_a_credential_for_each_target() -> None:
    parameters = {f"p{index}": b"1" for index in range(1000)}
    sharing = Fallback("config", tuple(Target("t", "echo", override_params=parameters) for _ in range(10)))
    own = Fallback("config", tuple(Target("t", "echo", override_params=dict(parameters)) for _ in range(10)))
    assert weigh(own) > weigh(sharing) + 9 * 100 * 1000
    keys = Fallback("config", tuple(Target("t", "echo", api_key=Secret("k" * 10_000)) for _ in range(10)))
    assert weigh(keys) > 10 * 10_000


def test_queries_count() -> None:
    condition = compile_query({"metadata.x": {"$regex": "[ab]{300}"}})
    assert condition.size > 300 * 300
    assert weigh(Choose("config", (), (Case(condition, "a", None),))) > condition.size
