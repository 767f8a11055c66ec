"""LiteLLM's names of providers and their addresses."""

from __future__ import annotations

from typing import Any

import pytest

from importing import HOSTS
from penstock.importers.accounts import Account, References
from penstock.importers.imported import Imported
from penstock.importers.litellm_hosts import AccountReader, provider_and_model, variable_in
from penstock.importers.report import Report
from penstock.importers.section import Section


@pytest.mark.parametrize(
    ("model", "custom", "has_base", "slug", "bare"),
    [
        ("openai/gpt-4o", None, False, "openai", "gpt-4o"),
        ("azure/dep", None, False, "azure-openai", "dep"),
        ("together_ai/meta-llama/L", None, False, "together-ai", "meta-llama/L"),
        ("gemini/g", None, False, "google", "g"),
        ("vertex_ai_beta/g", None, False, "vertex-ai", "g"),
        ("text-completion-openai/x", None, False, "openai", "x"),
        ("gpt-4o", None, False, "openai", "gpt-4o"),
        ("o3-mini", None, False, "openai", "o3-mini"),
        ("claude-3-opus", None, False, "anthropic", "claude-3-opus"),
        ("us.anthropic.claude-3", None, False, "bedrock", "us.anthropic.claude-3"),
        ("command-r", None, False, "cohere", "command-r"),
        ("something", None, False, None, "something"),
        ("something", None, True, "openai", "something"),
        ("org/something", None, True, "openai", "org/something"),
        ("replicate/x", None, False, None, "replicate/x"),
        ("x", "groq", False, "groq", "x"),
        ("groq/x", "groq", False, "groq", "x"),
        ("meta/x", "groq", False, "groq", "meta/x"),
        ("x", "nobody", False, None, "x"),
    ],
)
def test_the_provider_of_a_model(model: str, custom: str | None, has_base: bool, slug: str | None, bare: str) -> None:
    assert provider_and_model(model, custom, HOSTS, has_base=has_base) == (slug, bare)


def account(slug: str, **params: Any) -> tuple[Account, list[str]]:
    imported, report = Imported(), Report()
    reader = AccountReader(HOSTS, References(imported, report, variable_in))
    found = reader.account(slug, Section(params, "p", report))
    return found, [str(line) for line in report.lines]


@pytest.mark.parametrize(
    ("slug", "base", "provider", "url", "settings"),
    [
        ("openai", "https://x/v1/", "openai", "https://x/v1", {}),
        ("openai", "https://x/v1/chat/completions", "openai", "https://x/v1", {}),
        ("openrouter", "https://openrouter.ai/api/v1", "openrouter", "https://openrouter.ai/api", {}),
        ("openrouter", "https://x/none", "openai", "https://x/none", {}),
        ("openrouter", "os.environ/B", "openai", "env:B", {}),
        ("anthropic", "https://x", "anthropic", "https://x/v1", {}),
        ("anthropic", "https://x/v1/messages", "anthropic", "https://x/v1", {}),
        ("ollama", "http://o:11434", "ollama", "http://o:11434", {}),
        ("azure-openai", "https://res.openai.azure.com/", "azure-openai", None, {"resource_name": "res"}),
        ("azure-openai", "https://proxy/x", "azure-openai", "https://proxy/x/openai", {}),
        ("azure-openai", "os.environ/B", "azure-openai", "env:B/openai", {}),
        ("azure-ai", "https://a.example/models", "azure-ai", None, {"azure_foundry_url": "https://a.example/models"}),
        ("databricks", "https://d.example/serving-endpoints", "databricks", None, {"databricks_host": "d.example"}),
        ("huggingface", "https://h.example/v1/", "huggingface", None, {"huggingface_base_url": "https://h.example"}),
        ("watsonx", "https://eu-de.ml.cloud.ibm.com", "watsonx", None, {"watsonx_region": "eu-de"}),
        ("workers-ai", "https://c/accounts/acc/ai/run/", "workers-ai", None, {"workers_ai_account_id": "acc"}),
        ("cortex", "https://acc.snowflakecomputing.com/api", "cortex", None, {"snowflake_account": "acc"}),
    ],
)
def test_addresses(slug: str, base: str, provider: str, url: str | None, settings: dict[str, str]) -> None:
    found, lines = account(slug, api_base=base, api_key="os.environ/K")
    assert (found.provider, found.base_url, dict(found.settings)) == (provider, url, settings)
    assert found.credential == "env:K"
    assert len(lines) == 2


def test_a_key_that_is_not_named_is_in_the_usual_variable() -> None:
    assert account("openai")[0].credential == "env:OPENAI_API_KEY"
    assert account("together-ai")[0].credential == "env:TOGETHERAI_API_KEY"
    assert account("ollama")[0].credential is None
    assert account("bedrock")[0].credential is None
    assert account("openai", base_url="http://own/v1")[0].credential is None
    assert account("azure-openai")[0].base_url == "env:AZURE_API_BASE/openai"
    assert dict(account("vertex-ai")[0].settings) == {"vertex_project_id": "env:VERTEXAI_PROJECT"}
    assert account("vllm")[0].base_url == "env:HOSTED_VLLM_API_BASE"


def test_credentials_that_sign() -> None:
    found, lines = account(
        "azure-openai", tenant_id="t", client_id="c", client_secret="in-clear", api_base="https://r.openai.azure.com"
    )
    assert dict(found.settings)["azure_auth_mode"] == "entra"
    assert dict(found.settings)["azure_entra_client_secret"] == "env:IMPORTED_AZURE_OPENAI_CLIENT_SECRET"
    assert any(line.startswith("~ p.client_secret") for line in lines)
    found, _ = account("vertex-ai", vertex_credentials="/secret/a.json")
    assert dict(found.settings)["vertex_service_account_json"] == "file:/secret/a.json"
    found, _ = account("vertex-ai", vertex_credentials='{"type": "service_account"}')
    assert dict(found.settings)["vertex_service_account_json"].startswith("env:IMPORTED_")
    found, _ = account("bedrock", aws_role_name="arn:x", aws_region_name="eu-west-1")
    assert dict(found.settings)["aws_auth_type"] == "assumedRole"
    assert dict(account("azure-ai", api_base="https://x", api_version="v")[0].settings)["azure_api_version"] == "v"


def test_headers_of_the_operators_are_references() -> None:
    found, _ = account("openai", extra_headers={"x-b": "os.environ/B", "x-a": "text", "x-c": 1})
    assert found.headers == (("x-a", "env:IMPORTED_OPENAI_X_A"), ("x-b", "env:B"))
