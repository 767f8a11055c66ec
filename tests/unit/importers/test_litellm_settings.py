"""LiteLLM's settings: routing, cache, limits, and what has no counterpart."""

from __future__ import annotations

from typing import Any

import pytest

from importing import from_litellm

MODELS = [{"model_name": "a", "litellm_params": {"model": "openai/m", "api_key": "os.environ/K"}}]


def config(**sections: Any) -> Any:
    return from_litellm({"model_list": MODELS, **sections}).imported.configs[0]["config"]


@pytest.mark.parametrize(
    ("settings", "cache"),
    [
        ({}, None),
        ({"cache": False}, None),
        ({"cache": True}, {"mode": "simple", "max_age": 600}),
        ({"cache": True, "cache_params": {"type": "redis"}}, {"mode": "simple"}),
        ({"cache": True, "cache_params": {"type": "redis", "ttl": 5}}, {"mode": "simple", "max_age": 5}),
        ({"cache": True, "cache_params": {"type": "qdrant-semantic"}}, {"mode": "semantic"}),
        ({"cache": True, "cache_params": {"mode": "default_off"}}, None),
    ],
)
def test_the_cache(settings: dict[str, Any], cache: Any) -> None:
    assert config(litellm_settings=settings).get("cache") == cache


def test_attempts_are_written_out_where_the_file_says_nothing() -> None:
    assert config()["retry"] == {"attempts": 2}
    assert config(litellm_settings={"num_retries": 0})["retry"] == {"attempts": 0}
    assert config(router_settings={"num_retries": 3, "timeout": 2})["request_timeout"] == 2000


@pytest.mark.parametrize(
    ("name", "strategy"),
    [("simple-shuffle", {}), ("least-busy", {"policy": "least_busy"}), ("cost-based-routing", {}), ("odd", {})],
)
def test_strategies(name: str, strategy: dict[str, Any]) -> None:
    values = {"model_list": MODELS * 2, "router_settings": {"routing_strategy": name, "cooldown_time": 1}}
    imported = from_litellm(values).imported
    [target] = imported.configs[0]["config"]["targets"]
    breaker = {"failure_threshold": 4, "cooldown_interval": 1000}
    assert target["strategy"] == {"mode": "loadbalance", **strategy, "cb_config": breaker}


def test_limits_of_everybody_are_the_workspaces_and_those_of_each_user_a_policy() -> None:
    imported = from_litellm(
        {
            "model_list": MODELS,
            "litellm_settings": {"max_budget": 5, "max_internal_user_budget": 1, "internal_user_budget_duration": "1d"},
            "general_settings": {"global_max_parallel_requests": 9, "max_parallel_requests": 3},
        }
    ).imported
    assert imported.workspace == {"usage_limits": [{"type": "cost", "credit_limit": 5}], "concurrency_limit": 9}
    [policy] = imported.usage_policies
    assert (policy["group_by"], policy["periodic_reset"]) == ([{"key": "metadata._user"}], "daily")
    assert imported.providers[0]["concurrency_limit"] == 3


@pytest.mark.parametrize("name", ["custom_auth", "enable_jwt_auth", "enforced_params", "allowed_ips"])
def test_what_kept_callers_out_and_is_not_there_needs_consent(name: str) -> None:
    report = from_litellm({"model_list": MODELS, "general_settings": {name: True}}).report
    [line] = [line for line in report.lines if line.path == f"general_settings.{name}"]
    assert (line.outcome.value, line.needs_consent) == ("✗", True)
