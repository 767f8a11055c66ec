"""The settings of a provider under the names of Portkey's bodies."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.admin.provider_rules import provider_rules
from penstock.control.integrations.configurations import is_masked, names, option_name, read, shown
from penstock.control.redact import is_secret_name, mask
from penstock.control.refusal import Problems
from penstock.core.address import AddressPolicy
from penstock.core.secret import Secret
from penstock.providers.registry import PROVIDERS

RULES = provider_rules(AddressPolicy())


def settings(provider: str, **values: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Plain and secret settings that were read, and the problems by their pointer."""
    problems = Problems()
    found = read(PROVIDERS[provider], values, RULES.judge_host, "/configurations", problems)
    return found.plain, found.secret, {each.pointer: each.text for each in problems}


@pytest.mark.parametrize(
    ("provider", "values", "plain", "secret"),
    [
        ("openai", {"openai_organization": "org-1", "openaiProject": "p"},
         {"openai_organization": "org-1", "openai_project": "p"}, {}),
        ("azure-openai", {"azure_auth_mode": "default", "azure_resource_name": "r",
                          "azure_deployment_config": [{"azure_deployment_name": "gpt-4o", "azure_api_version": "2024-10-21",
                                                       "azure_model_slug": "gpt-4o", "alias": "chat", "is_default": True}]},
         {"azure_auth_mode": None, "azure_resource_name": "r", "azure_deployment_id": "gpt-4o",
          "azure_api_version": "2024-10-21", "azure_base_model": "gpt-4o"}, {}),
        ("azure-openai", {"resourceName": "r", "deploymentName": "d", "apiVersion": "v1"},
         {"azure_resource_name": "r", "azure_deployment_id": "d", "azure_api_version": "v1"}, {}),
        ("azure-openai", {"deploymentConfig": [{"deploymentName": "d", "apiVersion": "v1"}],
                          "azure_entra_client_secret": "very-secret-text"},
         {"azure_deployment_id": "d", "azure_api_version": "v1"},
         {"azure_entra_client_secret": Secret("very-secret-text")}),
        ("bedrock", {"aws_auth_type": "accessKey", "awsAccessKeyId": "AKIA", "aws_secret_access_key": "secret",
                     "aws_region": "eu-west-1"},
         {"aws_auth_type": None, "aws_access_key_id": "AKIA", "aws_region": "eu-west-1"},
         {"aws_secret_access_key": Secret("secret")}),
        ("bedrock", {"aws_auth_type": "serviceRole"}, {"aws_auth_type": "default"}, {}),
        ("vertex-ai", {"vertex_auth_type": "serviceAccount", "vertex_service_account_json": {"project_id": "p"}},
         {"vertex_auth_type": None}, {"vertex_service_account_json": Secret('{"project_id":"p"}')}),
        ("openai", {"custom_host": "https://llm.example/v1", "openai_project": ""},
         {"custom_host": "https://llm.example/v1", "openai_project": None}, {}),
        ("openai", {"custom_headers": {"X-Tenant": "acme"}, "masked_custom_headers": "*****"},
         {}, {"custom_headers": Secret('{"X-Tenant":"acme"}')}),
        ("openai", {"customHeaders": {}}, {}, {"custom_headers": None}),
        ("bedrock", {"masked_aws_secret_access_key": "ab*****xyz", "aws_secret_access_key": None},
         {}, {"aws_secret_access_key": None}),
    ],
)  # fmt: skip
def test_settings_are_read_under_every_name(
    provider: str, values: dict[str, Any], plain: dict[str, Any], secret: dict[str, Any]
) -> None:
    assert settings(provider, **values) == (plain, secret, {})


@pytest.mark.parametrize(
    ("provider", "values", "pointer", "text"),
    [
        ("openai", {"openai_organisation": "o"}, "/openai_organisation", "did you mean openai_organization?"),
        ("openai", {"zzz": "o"}, "/zzz", "openai takes custom_headers, custom_host, openai_beta, openai_organization, openai_project"),
        ("openai", {"openai_project": ["p"]}, "/openai_project", "expected a text of 1 to 65536 characters"),
        ("openai", {"openai_project": "\ud800"}, "/openai_project", "expected a text of 1 to 65536 characters"),
        ("azure-openai", {"azure_resource_name": {"\ud800": 1}}, "/azure_resource_name", "its value must match"),
        ("azure-openai", {"azure_resource_name": "evil.example/"}, "/azure_resource_name", "its value must match"),
        ("openai", {"custom_host": "http://10.0.0.1/v1"}, "/custom_host", "it is a private or reserved address"),
        ("openai", {"custom_host": "https://user:word@llm.example"}, "/custom_host", "user information"),
        ("huggingface", {"huggingface_base_url": "https://metadata.google.internal"}, "/huggingface_base_url", "metadata"),
        ("bedrock", {"aws_secret_access_key": "ab*****xyz"}, "/aws_secret_access_key", "this is the masked form"),
        ("openai", {"custom_headers": ["a"]}, "/custom_headers", "an object of at most 32 texts"),
        ("openai", {"custom_headers": {"a": 1}}, "/custom_headers/a", "expected a text"),
        ("openai", {"custom_headers": {"a": "b\r\nc: d"}}, "/custom_headers/a", "control character"),
        ("openai", {"custom_headers": {"Host": "evil.example"}}, "/custom_headers/Host", "belongs to the gateway"),
        ("openai", {"custom_headers": {"x-portkey-config": "c"}}, "/custom_headers/x-portkey-config", "to the gateway"),
        ("azure-openai", {"azure_deployment_config": [{"azure_deployment_name": "a"}, {"azure_deployment_name": "b"}]},
         "/azure_deployment_config", "an integration has one deployment here"),
        ("azure-openai", {"azure_deployment_config": [{"azure_deployment": "a"}]},
         "/azure_deployment_config/0/azure_deployment", "unknown member"),
        ("azure-openai", {"api_version": "v1", "azure_api_version": "v2"}, "/azure_api_version", "with another value"),
    ],
)  # fmt: skip
def test_a_setting_that_can_not_be_kept_is_a_problem(
    provider: str, values: dict[str, Any], pointer: str, text: str
) -> None:
    problems = settings(provider, **values)[2]
    assert list(problems) == [f"/configurations{pointer}"]
    assert text in problems[f"/configurations{pointer}"]


@pytest.mark.parametrize("slug", PROVIDERS)
def test_what_is_secret_of_a_provider_is_hidden_in_the_audit_log_by_its_name(slug: str) -> None:
    for option in PROVIDERS[slug].options:
        if option.secret or option.credential is not None:
            assert option.secret
            assert is_secret_name(option_name(option))


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_name_means_a_setting_of_the_provider(slug: str) -> None:
    row = PROVIDERS[slug]
    settings = {option_name(option) for option in row.options}
    assert set(names(row).values()) == {*settings, "custom_host", "custom_headers"}


def test_answers_show_secrets_masked_and_a_deployment_as_portkey_lists_it() -> None:
    plain = {"azure_resource_name": "r", "azure_deployment_id": "d", "azure_base_model": "gpt-4o"}
    assert shown(PROVIDERS["azure-openai"], plain, {"azure_entra_client_secret": "ab*****xyz"}) == {
        **plain,
        "masked_azure_entra_client_secret": "ab*****xyz",
        "azure_deployment_config": [
            {"azure_deployment_name": "d", "azure_model_slug": "gpt-4o", "is_default": True}
        ],
    }  # fmt: skip


@pytest.mark.parametrize("secret", ["short", "sk-0123456789abcdef"])
def test_what_is_shown_of_a_secret_is_known_as_a_mask(secret: str) -> None:
    assert is_masked(mask(secret))
    assert not is_masked(secret)
