"""The config of LiteLLM's names: for all callers, and for some of the names."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.importers.litellm_branches import Branches, Routing, fallbacks_of
from penstock.importers.litellm_deployments import Deployment
from penstock.importers.report import Report


def deployment(name: str, model: str = "m", **members: Any) -> Deployment:
    return Deployment(name, model, {"provider": model}, "openai", **members)


def branches(*deployments: Deployment, **routing: Any) -> Branches:
    return Branches(deployments, Routing(**routing), Report())


def names(node: Any) -> list[str]:
    return [each["then"] for each in node["strategy"]["conditions"]]


def test_a_config_may_hold_some_of_the_names() -> None:
    found = branches(deployment("a"), deployment("b"), deployment("*", "*"))
    assert found.names == ("a", "b", "*")
    whole, part = found.config(), found.config(["a"])
    assert whole is not None
    assert part is not None
    assert (names(whole), whole["strategy"]["default"]) == (["a", "b"], "other models")
    assert (names(part), part["strategy"].get("default")) == (["a"], None)
    assert found.config([]) is None


def test_a_list_of_models_allows_names_other_names_groups_and_beginnings() -> None:
    found = branches(
        deployment("a"), deployment("b", groups=("beta",)), deployment("x/c"), deployment("d", team="t"),
        aliases={"other": "a"},
    )  # fmt: skip
    assert found.allowed(["other", "beta", "x/*", "d"], None) == ("a", "b", "x/c")
    assert found.allowed(["d"], "t") == ("d",)
    team = found.config(team="t")
    assert team is not None
    assert names(team) == ["a", "b", "x/c", "d"]


def test_fallbacks_of_fallbacks_are_followed_once_each() -> None:
    found = branches(
        deployment("a", "1"), deployment("b", "2"), deployment("c", "3"),
        fallbacks={"a": ["b"], "b": ["c"], "c": ["a"]},
    )  # fmt: skip
    config = found.config()
    assert config is not None
    first = config["targets"][0]
    assert [each["provider"] for each in first["targets"]] == ["1", "2", "3"]


def test_a_wildcard_is_no_fallback_of_another_name() -> None:
    config = branches(deployment("a", "1"), deployment("x/*", "*"), fallbacks={"a": ["x/*"]}).config()
    assert config is not None
    assert config["targets"][0] == {"name": "a", "provider": "1"}


@pytest.mark.parametrize(
    ("value", "found", "marks"),
    [
        ([{"a": ["b"]}], {"a": ["b"]}, "="),
        ({"a": ["b"]}, {"a": ["b"]}, "="),
        ([{"*": ["b"]}], {"*": ["b"]}, "="),
        ([{"a": ["x"]}], {"a": []}, "✗"),
        ([{"x": ["a"]}], {"x": ["a"]}, "✗"),
        ([{"a": "b"}], {"a": []}, "✗"),
        ([{"a": [{"model": "b"}]}], {"a": []}, "✗"),
        (["a"], {}, "✗"),
        (7, {}, "✗"),
    ],
)
def test_fallbacks_are_names_by_name(value: Any, found: dict[str, list[str]], marks: str) -> None:
    report = Report()
    assert fallbacks_of(value, "f", report, {"a", "b"}) == found
    assert "".join(line.outcome.value for line in report.lines) == marks
