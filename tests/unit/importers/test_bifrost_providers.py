"""Bifrost's providers, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from importing import from_bifrost
from penstock.importers.bifrost_providers import plain, variable_in
from penstock.importers.imported import Imported


def imported(name: str, provider: dict[str, Any], version: int = 2) -> Imported:
    return from_bifrost({"version": version, "providers": {name: provider}}).imported


@pytest.mark.parametrize(
    ("name", "url", "base"),
    [
        ("openai", "https://x", "https://x/v1"),
        ("openai", "https://x/v1/", "https://x/v1"),
        ("anthropic", "https://x", "https://x/v1"),
        ("openrouter", "https://openrouter.ai/api", "https://openrouter.ai/api"),
        ("gemini", "https://g/v1beta", "https://g"),
        ("ollama", "env.OLLAMA", "env:OLLAMA"),
        ("groq", "env.GROQ", "env:GROQ/v1"),
    ],
)
def test_addresses(name: str, url: str, base: str) -> None:
    provider = {"keys": [{"name": "k", "value": "env.K", "models": ["*"]}], "network_config": {"base_url": url}}
    [integration] = imported(name, provider).integrations
    assert integration["configurations"]["custom_host"] == base


def test_defaults_that_differ_are_written_out() -> None:
    found = imported("openai", {"keys": [{"name": "k", "value": "env.K", "models": ["m"]}]})
    [target] = found.configs[0]["config"]["targets"]
    assert (target["request_timeout"], target["timeouts"]) == (30_000, {"idle": 60})
    assert "retry" not in target


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ({"value": "a"}, "a"), ({"value": "", "env_var": "env.K"}, "env.K"), ({}, None), (7, 7)],
)
def test_values_may_tell_where_they_are_from(value: Any, text: Any) -> None:
    assert plain(value) == text


def test_a_variable_is_named_after_a_dot() -> None:
    assert [variable_in(text) for text in ("env.K", "env:K", "K")] == ["K", None, None]


def test_a_provider_without_a_key_is_used_where_none_is_needed() -> None:
    assert imported("openai", {"keys": []}).providers == []
    assert [each["slug"] for each in imported("ollama", {}).providers] == ["ollama"]
    own = {"custom_provider_config": {"base_provider_type": "openai", "is_key_less": True}}
    assert [each["slug"] for each in imported("own", own).providers] == ["own"]


def test_models_of_a_key_are_those_of_its_integration() -> None:
    key = {"name": "k", "value": "env.K", "models": ["a", "b"], "aliases": {"b": "c"}}
    [models] = imported("openai", {"keys": [key]}).models
    assert models["body"] == {
        "models": [{"slug": "a", "enabled": True}, {"slug": "c", "enabled": True}], "allow_all_models": False,
    }  # fmt: skip


def test_azure_takes_the_deployment_with_the_address_or_any_in_version_v1() -> None:
    cloud = {"endpoint": "https://r.openai.azure.com", "api_version": "2024-10-21"}
    one = imported("azure", {"keys": [{"name": "k", "value": "env.K", "models": ["m"], "azure_key_config": cloud}]})
    assert one.configs[0]["config"]["targets"][0]["deployment_id"] == "m"
    every = imported("azure", {"keys": [{"name": "k", "value": "env.K", "models": ["*"], "azure_key_config": cloud}]})
    assert every.integrations[0]["configurations"] == {"resource_name": "r", "api_version": "v1"}
