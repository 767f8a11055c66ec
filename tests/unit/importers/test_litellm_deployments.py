"""LiteLLM's deployments, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from importing import from_litellm
from penstock.importers.litellm_deployments import is_usable_wildcard, read_budget, stripped_prefix
from penstock.importers.report import Report
from penstock.importers.section import Section


def target(model: str = "openai/m", info: Any = None, **params: Any) -> Any:
    deployment = {"model_name": "a", "litellm_params": {"model": model, "api_key": "os.environ/K", **params}}
    imported = from_litellm({"model_list": [{**deployment, "model_info": info}]}).imported
    [each] = imported.configs[0]["config"]["targets"]
    return {key: value for key, value in each.items() if key not in {"name", "virtual_key"}}


def test_a_target_says_what_the_deployment_says() -> None:
    assert target() == {"override_params": {"model": "m"}}
    assert target("azure/d", {"base_model": "azure/gpt-4o"}) == {
        "deployment_id": "d", "base_model": "gpt-4o", "override_params": {"model": "d"},
    }  # fmt: skip
    assert target(timeout=1.5, stream_timeout=3, num_retries=2, temperature=0) == {
        "request_timeout": 1500, "timeouts": {"idle": 3}, "retry": {"attempts": 2},
        "default_params": {"temperature": 0}, "override_params": {"model": "m"},
    }  # fmt: skip
    assert target(additional_drop_params=["user"])["drop_params"] == ["user"]
    assert target("bedrock/invoke/x.y")["override_params"] == {"model": "x.y"}
    assert target("vertex_ai/openai/123")["override_params"] == {"model": "endpoints.123"}


def test_rates_of_one_kind_are_the_tightest() -> None:
    params = {"model": "openai/m", "tpm": 100, "itpm": 50, "otpm": 70}
    imported = from_litellm({"model_list": [{"model_name": "a", "litellm_params": params}]}).imported
    assert imported.providers[0]["rate_limits"] == [{"type": "tokens", "unit": "rpm", "value": 50}]


@pytest.mark.parametrize(
    ("name", "model", "prefix"),
    [
        ("openai/*", "*", "openai/"),
        ("*", "*", ""),
        ("gpt-*", "gpt-*", ""),
        ("x/gpt-*", "gpt-*", "x/"),
        ("a*", "b*", None),
    ],
)
def test_the_beginning_that_a_provider_does_not_get(name: str, model: str, prefix: str | None) -> None:
    assert stripped_prefix(name, model) == prefix
    assert is_usable_wildcard(name, model) is (prefix is not None)


def test_wildcards_end_in_a_star() -> None:
    assert is_usable_wildcard("a", "b")
    assert is_usable_wildcard("a-*", "fixed")
    assert not is_usable_wildcard("a", "b-*")
    assert not is_usable_wildcard("*-a", "*-a")
    assert not is_usable_wildcard("*/*", "*/*")


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (
            {"max_budget": 1, "budget_duration": "1d"},
            ["= s.budget_duration: window of the budget", "= s.max_budget: t"],
        ),
        ({"budget_duration": "1d"}, ["~ s.budget_duration: of no effect without an amount"]),
        ({"max_budget": 0}, ["✗ s.max_budget: 0 allows nothing: the key or the provider is disabled in its place (!)"]),
        (
            {"max_budget": 1, "budget_duration": "soon"},
            ["~ s.budget_duration: it is no duration: the budget is never reset", "= s.max_budget: t"],
        ),
    ],
)
def test_budgets(values: dict[str, Any], lines: list[str]) -> None:
    section = Section(values, "s", Report())
    read_budget(section, "t")
    assert [str(line) for line in section.report.lines] == lines
