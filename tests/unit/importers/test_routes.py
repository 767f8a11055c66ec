"""Configs of importers: what stands alone needs no group, and groups have at most a hundred conditions."""

from __future__ import annotations

import re

from penstock.importers.report import Report
from penstock.importers.routes import Branch, balance, begins_with, choose, fallback, names_one_of, retry


def test_what_stands_alone_needs_no_group() -> None:
    assert balance([{"provider": "a"}], [3]) == {"provider": "a"}
    assert fallback([{"provider": "a"}]) == {"provider": "a"}
    assert choose([]) is None
    assert choose([], {"provider": "a"}) == {"provider": "a"}


def test_weights_are_written_where_they_are_not_1() -> None:
    node = balance([{"provider": "a"}, {"provider": "b"}], [1, 0.5], policy="least_busy")
    assert node["strategy"] == {"mode": "loadbalance", "policy": "least_busy"}
    assert node["targets"] == [{"provider": "a"}, {"provider": "b", "weight": 0.5}]


def test_queries_are_exact_or_by_the_beginning() -> None:
    assert names_one_of(["a"]) == {"params.model": "a"}
    assert names_one_of(["a", "b"]) == {"params.model": {"$in": ["a", "b"]}}
    pattern = begins_with("a.b/(c)*")["params.model"]["$regex"]
    assert re.match(pattern, "a.b/(c)*d")
    assert not re.match(pattern, "axb/(c)*d")


def test_more_than_a_hundred_conditions_are_groups_in_the_default() -> None:
    branches = [Branch(f"m{number}", names_one_of([f"m{number}"]), {"provider": "a"}) for number in range(201)]
    node = choose(branches, {"provider": "z"})
    sizes = []
    while node is not None and "strategy" in node:
        sizes.append(len(node["strategy"]["conditions"]))
        default = node["strategy"]["default"]
        node = next(each for each in node["targets"] if each["name"] == default)
    assert sizes == [100, 100, 1]
    assert node == {"name": "other models", "provider": "z"}


def test_names_of_branches_are_told_apart() -> None:
    same = [Branch("other models", names_one_of([model]), {"provider": model}) for model in ("a", "b")]
    node = choose(same, {"provider": "c"})
    assert node is not None
    assert len({each["name"] for each in node["targets"]}) == 3
    assert node["strategy"]["conditions"][1]["then"] == node["targets"][1]["name"]


def test_retries_are_five_at_most() -> None:
    report = Report()
    assert [retry(report, "a", number) for number in (0, 5, 9)] == [{"attempts": 0}, {"attempts": 5}, {"attempts": 5}]
    assert [line.outcome.value for line in report.lines] == ["=", "=", "~"]
