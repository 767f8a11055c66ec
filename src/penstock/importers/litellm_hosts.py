"""LiteLLM's providers as Penstock's: names, credentials, addresses. Source: https://docs.litellm.ai/docs/providers."""

from __future__ import annotations

import re
from typing import Final

from penstock.importers.accounts import Account, References
from penstock.importers.imported import Hosts
from penstock.importers.section import Section

ENVIRONMENT: Final = "os.environ/"
_OTHER_NAMES: Final = {
    "azure_text": "azure-openai",
    "vertex_ai_beta": "vertex-ai",
    "bedrock_converse": "bedrock",
    "text-completion-openai": "openai",
    "custom_openai": "openai",
    "openai_like": "openai",
    "litellm_proxy": "openai",
    "vercel_ai_gateway": "vercel",
    "zai": "z-ai",
}
_BY_MODEL: Final = (
    (re.compile(r"(gpt-|o\d|chatgpt-|text-embedding-|ft:|codex-|computer-use)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"(command|embed-|rerank-)"), "cohere"),
    (re.compile(r"gemini-"), "vertex-ai"),
    (re.compile(r"([a-z]{2,6}\.)?(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai)\."), "bedrock"),
)
"""Providers of models that LiteLLM knows without a provider's name before them."""
_VARIABLES: Final = {
    "azure-openai": "AZURE_API_KEY",
    "together-ai": "TOGETHERAI_API_KEY",
    "perplexity-ai": "PERPLEXITYAI_API_KEY",
    "fireworks-ai": "FIREWORKS_API_KEY",
    "huggingface": "HUGGINGFACE_API_KEY",
    "nvidia": "NVIDIA_NIM_API_KEY",
    "workers-ai": "CLOUDFLARE_API_KEY",
    "databricks": "DATABRICKS_API_KEY",
    "github": "GITHUB_API_KEY",
    "novita-ai": "NOVITA_API_KEY",
}
"""Where LiteLLM looks for a key that its configuration does not name, where that is not Penstock's first variable."""
_SIGNED: Final = frozenset({"bedrock", "sagemaker", "vertex-ai"})
"""Providers whose requests are signed: without a credential, with the identity of the machine."""
_SIGNS_IN: Final = frozenset({"azure_ad_token", "azure_entra_client_secret"})
_ROOT: Final = frozenset({"ollama", "cohere", "bedrock", "google", "vertex-ai", "sagemaker"})
"""Providers whose address is the same at LiteLLM and here: both append the dialect's whole path."""
_SETTINGS: Final = {
    "organization": ("openai_organization", ("openai",)),
    "project": ("openai_project", ("openai",)),
    "api_version": ("api_version", ("azure-openai",)),
    "azure_ad_token": ("azure_ad_token", ("azure-openai", "azure-ai")),
    "tenant_id": ("azure_entra_tenant_id", ("azure-openai", "azure-ai")),
    "client_id": ("azure_entra_client_id", ("azure-openai", "azure-ai")),
    "client_secret": ("azure_entra_client_secret", ("azure-openai", "azure-ai")),
    "azure_scope": ("azure_entra_scope", ("azure-openai", "azure-ai")),
    "vertex_project": ("vertex_project_id", ("vertex-ai",)),
    "vertex_ai_project": ("vertex_project_id", ("vertex-ai",)),
    "vertex_location": ("vertex_region", ("vertex-ai",)),
    "vertex_ai_location": ("vertex_region", ("vertex-ai",)),
    "vertex_credentials": ("vertex_service_account_json", ("vertex-ai",)),
    "vertex_ai_credentials": ("vertex_service_account_json", ("vertex-ai",)),
    "aws_access_key_id": ("aws_access_key_id", ("bedrock", "sagemaker")),
    "aws_secret_access_key": ("aws_secret_access_key", ("bedrock", "sagemaker")),
    "aws_session_token": ("aws_session_token", ("bedrock", "sagemaker")),
    "aws_region_name": ("aws_region", ("bedrock", "sagemaker")),
    "aws_profile_name": ("aws_profile", ("bedrock", "sagemaker")),
    "aws_role_name": ("aws_role_arn", ("bedrock", "sagemaker")),
    "aws_external_id": ("aws_external_id", ("bedrock", "sagemaker")),
    "watsonx_region_name": ("watsonx_region", ("watsonx",)),
    "project_id": ("watsonx_project_id", ("watsonx",)),
    "space_id": ("watsonx_space_id", ("watsonx",)),
}
"""Parameters of LiteLLM as settings of Penstock, and the providers that have them."""
_SECRETS: Final = frozenset(
    {"azure_ad_token", "client_secret", "aws_secret_access_key", "aws_session_token", "vertex_credentials"}
    | {"vertex_ai_credentials", "aws_access_key_id"}
)
_WITHOUT_COUNTERPART: Final = {"aws_session_name": "sessions are named by the gateway"}
_AZURE_RESOURCE: Final = re.compile(r"https://([A-Za-z0-9-]+)\.openai\.azure\.com/?")
_PLACEHOLDERS: Final = frozenset(
    "none null dummy fake fake-key empty na n/a not-needed not_needed no-key no-key-needed placeholder anything key "
    "ollama lm-studio sk-none sk-fake sk-dummy sk-no-key-required xxx".split()
)
ENDINGS: Final = ("/chat/completions", "/v1/messages", "/messages", "/completions", "/embeddings")


def variable_in(text: str) -> str | None:
    """The environment variable that a value of LiteLLM's names."""
    return text.removeprefix(ENVIRONMENT) if text.startswith(ENVIRONMENT) else None


def provider_and_model(model: str, custom: str | None, hosts: Hosts, *, has_base: bool) -> tuple[str | None, str]:
    """The slug of a deployment's provider, None if Penstock has none, and the model without the provider's name."""
    first, slash, rest = model.partition("/")
    named = _slug(first, hosts) if slash and rest else None
    if custom is not None:
        slug = _slug(custom, hosts)
        return slug, rest if named is not None and named == slug else model
    if named is not None:
        return named, rest
    if slash and not has_base:
        return None, model
    inferred = next((slug for pattern, slug in _BY_MODEL if pattern.match(model)), "openai" if has_base else None)
    return (inferred if inferred is None else hosts.slug(inferred)), model


def _slug(name: str, hosts: Hosts) -> str | None:
    return hosts.slug(_OTHER_NAMES.get(name, name))


class AccountReader:
    """Reads the account of a deployment from its parameters."""

    def __init__(self, hosts: Hosts, references: References) -> None:
        self._hosts = hosts
        self._references = references

    def account(self, slug: str, params: Section) -> Account:
        """The account that a deployment of this provider is called with."""
        settings = dict(self._settings(slug, params))
        slug, base_url = self._address(slug, params, settings)
        credential = self._credential(slug, params, settings, base_url)
        if "azure_entra_client_secret" in settings:
            settings["azure_auth_mode"] = "entra"
        if "aws_role_arn" in settings:
            settings["aws_auth_type"] = "assumedRole"
        return Account(slug, credential, base_url, tuple(sorted(settings.items())), self._headers(slug, params))

    def _headers(self, slug: str, params: Section) -> tuple[tuple[str, str], ...]:
        """Headers of the operator's for the provider; their values may be credentials."""
        headers = params.section("extra_headers")
        found = []
        for name in headers.values:
            secret = self._references.secret(headers.value(name), headers.at(name), f"{slug}_{name}")
            if secret is not None:
                (headers.report.near if secret[1] else headers.report.exact)(
                    headers.at(name), secret[1] or "custom_headers"
                )
                found.append((name, secret[0]))
        return tuple(sorted(found))

    def _settings(self, slug: str, params: Section) -> list[tuple[str, str]]:
        found = []
        for key, (setting, slugs) in _SETTINGS.items():
            if key not in params or slug not in slugs:
                continue
            value = self._setting(slug, key, params)
            if value is not None:
                found.append((setting, value))
        if slug == "azure-ai" and "api_version" in params:
            version = self._references.setting(params.value("api_version"), params.at("api_version"))
            if version is not None:
                params.report.exact(params.at("api_version"), "setting azure_api_version")
                found.append(("azure_api_version", version))
        params.skip(_WITHOUT_COUNTERPART)
        return found

    def _setting(self, slug: str, key: str, params: Section) -> str | None:
        value, path = params.value(key), params.at(key)
        is_file = key.endswith("_credentials") and isinstance(value, str) and not value.lstrip().startswith("{")
        if is_file and variable_in(value) is None:
            params.report.exact(path, "the file is read where the gateway starts")
            return f"file:{value}"
        if key not in _SECRETS:
            setting = self._references.setting(value, path)
            if setting is not None:
                params.report.exact(path, f"setting {_SETTINGS[key][0]}")
            return setting
        secret = self._references.secret(value, path, f"{slug}_{key}")
        if secret is None:
            return None
        reference, remark = secret
        if not remark and key.endswith("_credentials"):
            remark = "the variable must hold the JSON document itself, not a path"
        (params.report.near if remark else params.report.exact)(path, remark or f"setting {_SETTINGS[key][0]}")
        return reference

    # Credentials.

    def _credential(self, slug: str, params: Section, settings: dict[str, str], base_url: str | None) -> str | None:
        host, path = self._hosts.by_slug[slug], params.at("api_key")
        if "api_key" not in params:
            return self._usual_credential(slug, settings, base_url)
        value = params.value("api_key")
        if isinstance(value, str) and value.lower() in _PLACEHOLDERS and (base_url or not host.needs_key):
            params.report.near(path, "a placeholder: no credential is sent")
            return None
        secret = self._references.secret(value, path, f"{slug}_api_key")
        if secret is None:
            return None
        reference, remark = secret
        (params.report.near if remark else params.report.exact)(path, remark or f"credential {reference}")
        return reference

    def _usual_credential(self, slug: str, settings: dict[str, str], base_url: str | None) -> str | None:
        """The variable in which LiteLLM looks for a key that is not named."""
        host = self._hosts.by_slug[slug]
        is_signed = slug in _SIGNED or not _SIGNS_IN.isdisjoint(settings)
        if is_signed or not host.needs_key or (base_url is not None and slug == "openai"):
            return None
        variable = _VARIABLES.get(slug) or next(iter(host.variables), None)
        return None if variable is None else self._references.setting(ENVIRONMENT + variable, "")

    # Addresses.

    def _address(self, slug: str, params: Section, settings: dict[str, str]) -> tuple[str, str | None]:
        """The provider and its base URL, None for the provider's own. Some providers have the address as a setting."""
        key = "api_base" if "api_base" in params else "base_url"
        if slug == "bedrock" and "aws_bedrock_runtime_endpoint" in params:
            key = "aws_bedrock_runtime_endpoint"
        path = params.at(key)
        if key not in params:
            return slug, self._usual_base(slug, settings)
        base = self._references.setting(params.value(key), path)
        if base is None:
            return slug, None
        if slug == "azure-openai":
            return slug, self._azure(base, path, params, settings)
        setting = _account_setting(slug, base)
        if setting is not None:
            settings.update(setting)
            params.report.exact(path, f"setting {next(iter(setting))}")
            return slug, None
        return self._dialects_base(slug, base, path, params)

    def _usual_base(self, slug: str, settings: dict[str, str]) -> str | None:
        """The address in LiteLLM's variables, for providers that have none of their own."""
        if slug == "azure-openai":
            self._references.setting(f"{ENVIRONMENT}AZURE_API_BASE", "")
            return "env:AZURE_API_BASE/openai"
        if slug == "vllm":
            return self._references.setting(f"{ENVIRONMENT}HOSTED_VLLM_API_BASE", "")
        if slug == "vertex-ai" and not {"vertex_project_id", "vertex_service_account_json"} & settings.keys():
            settings["vertex_project_id"] = self._references.setting(f"{ENVIRONMENT}VERTEXAI_PROJECT", "") or ""
        return None

    def _azure(self, base: str, path: str, params: Section, settings: dict[str, str]) -> str | None:
        resource = _AZURE_RESOURCE.fullmatch(base)
        if resource is not None:
            settings["resource_name"] = resource[1]
            params.report.exact(path, "setting resource_name")
            return None
        params.report.near(path, "base URL, with the path of Azure OpenAI after it")
        return f"{base.rstrip('/').removesuffix('/openai')}/openai"

    def _dialects_base(self, slug: str, base: str, path: str, params: Section) -> tuple[str, str | None]:
        """The base URL for Penstock's path: LiteLLM appends ``/chat/completions`` for OpenAI's wire."""
        base = base.rstrip("/")
        for ending in ENDINGS:
            base = base.removesuffix(ending).rstrip("/")
        chat_path = self._hosts.by_slug[slug].chat_path
        if slug == "anthropic":
            params.report.near(path, "base URL, with the path of Anthropic's API")
            return slug, f"{base.removesuffix('/v1')}/v1"
        if slug in _ROOT:
            params.report.exact(path, "base URL")
            return slug, base.removesuffix("/v1")
        if base.startswith("env:"):
            params.report.near(path, "base URL; the variable must end before /chat/completions")
            return (slug if chat_path == "/chat/completions" else "openai"), base
        address = f"{base}/chat/completions"
        if address.endswith(chat_path):
            params.report.exact(path, "base URL")
            return slug, address.removesuffix(chat_path)
        params.report.near(path, "base URL of an OpenAI-compatible server")
        return "openai", base


def _account_setting(slug: str, base: str) -> dict[str, str] | None:
    """The setting that holds the address of providers that have one."""
    host = base.partition("://")[2].partition("/")[0]
    match slug:
        case "azure-ai":
            return {"azure_foundry_url": base.rstrip("/").removesuffix("/chat/completions")}
        case "databricks" if host:
            return {"databricks_host": host}
        case "huggingface":
            return {"huggingface_base_url": base.rstrip("/").removesuffix("/v1")}
        case "watsonx" if host.endswith(".ml.cloud.ibm.com"):
            return {"watsonx_region": host.partition(".")[0]}
        case "workers-ai" if "/accounts/" in base:
            return {"workers_ai_account_id": base.partition("/accounts/")[2].partition("/")[0]}
        case "cortex" if host.endswith(".snowflakecomputing.com"):
            return {"snowflake_account": host.removesuffix(".snowflakecomputing.com")}
        case _:
            return None
