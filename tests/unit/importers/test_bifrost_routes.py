"""What Bifrost's callers may use, as conditions."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.importers.bifrost_providers import Key
from penstock.importers.bifrost_routes import Scope, config, read_allowed, weighed_failover
from penstock.importers.report import Report


def key(slug: str, models: tuple[str, ...] | None = None, weight: float = 1, **members: Any) -> Key:
    return Key(slug, {"virtual_key": slug}, weight, models, members.get("denied", ()), members.get("aliases", {}), ())


def conditions(node: Any) -> list[Any]:
    return [each["query"]["params.model"] for each in node["strategy"]["conditions"]]


def test_a_key_serves_its_models_but_for_those_taken_away() -> None:
    assert [key("k", ("a",), denied=("b",), aliases={"x": "a"}).serves(name) for name in ("a", "x", "b", "c")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [key("k", denied=("b",)).serves(name) for name in ("a", "b")] == [True, False]


def test_a_model_is_asked_for_with_and_without_its_provider() -> None:
    node = config([Scope("openai", (key("k", ("a",), aliases={"x": "a"}),))])
    assert conditions(node) == [{"$in": ["openai/a", "a"]}, {"$in": ["openai/x", "x"]}]


def test_a_model_of_two_providers_is_balanced_where_no_provider_is_named() -> None:
    node = config([Scope("openai", (key("k", ("a",)),), 3), Scope("groq", (key("g", ("a",)),), 1)])
    assert conditions(node) == ["openai/a", "groq/a", "a"]
    assert node is not None
    balanced = node["targets"][2]
    assert [each.get("weight", 1) for each in balanced["targets"]] == [3, 1]
    assert [[leaf["virtual_key"] for leaf in each["targets"]] for each in balanced["targets"]] == [
        ["k", "g"],
        ["g", "k"],
    ]


def test_what_is_taken_away_is_reached_by_no_wildcard() -> None:
    node = config([Scope("openai", (key("k"),), denied=("secret",))])
    assert conditions(node) == [
        {"$nin": ["openai/secret"], "$regex": "^openai/"},
        {"$nin": ["secret", "openai/secret"]},
    ]
    assert node is not None
    assert "default" not in node["strategy"]


def test_nothing_allowed_is_no_config() -> None:
    assert config([]) is None
    assert config([Scope("openai", (key("k"),), allowed=())]) is None
    assert config([Scope("openai", (key("k", ("a",)),), allowed=("b",))]) is None


def test_many_providers_are_balanced_and_not_followed_by_all_others() -> None:
    nodes = [(1.0, {"virtual_key": str(number)}) for number in range(7)]
    assert all("strategy" not in each for each in weighed_failover(nodes)["targets"])
    assert weighed_failover(nodes[:1]) == {"virtual_key": "0"}


@pytest.mark.parametrize("pattern", ["regex:((", "regex:" + "a" * 200, "regex:a{9}", "regex:(?P<a"])
def test_a_pattern_that_can_not_be_used_allows_nothing(pattern: str) -> None:
    report = Report()
    assert read_allowed([pattern, "a"], "m", report) == (("a",), ())
    assert [str(line)[:6] for line in report.lines] == ["✗ m[0]"]


def test_a_pattern_is_of_the_whole_name() -> None:
    assert read_allowed(["regex:^gpt-.*$"], "m", Report()) == ((), ("gpt-.*",))
