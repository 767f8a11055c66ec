"""Bifrost's providers and their keys as integrations and providers.

Source: https://docs.getbifrost.ai/deployment-guides/config-json/providers.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.importers.accounts import Account, Accounts, References
from penstock.importers.imported import Body, Hosts, Imported
from penstock.importers.report import Report
from penstock.importers.routes import Node, retry
from penstock.importers.section import Section

_ENVIRONMENT: Final = "env."
_OTHER_NAMES: Final = {"sgl": "openai"}
_DEFAULT_TIMEOUT: Final = 30
_DEFAULT_IDLE: Final = 60
_AZURE_RESOURCE: Final = re.compile(r"https://([A-Za-z0-9-]+)\.openai\.azure\.com/?")
_CLOUDS: Final = {
    "azure_key_config": {
        "api_version": "api_version",
        "client_id": "azure_entra_client_id",
        "client_secret": "azure_entra_client_secret",
        "tenant_id": "azure_entra_tenant_id",
    },
    "vertex_key_config": {
        "project_id": "vertex_project_id",
        "region": "vertex_region",
        "auth_credentials": "vertex_service_account_json",
    },
    "bedrock_key_config": {
        "access_key": "aws_access_key_id",
        "secret_key": "aws_secret_access_key",
        "session_token": "aws_session_token",
        "region": "aws_region",
        "role_arn": "aws_role_arn",
        "external_id": "aws_external_id",
    },
}
"""Members of a cloud's configuration as settings of Penstock."""
_SECRETS: Final = frozenset({"client_secret", "auth_credentials", "access_key", "secret_key", "session_token"})
_SERVERS: Final = ("vllm_key_config", "ollama_key_config", "sgl_key_config")
_KEY: Final = {
    "use_for_batch_api": "a batch goes to the provider that the request names",
    "config_hash": "an identifier of Bifrost's",
    "description": "providers have no descriptions",
}
_NETWORK: Final = {
    "retry_backoff_initial": "waits begin at a second and double",
    "retry_backoff_max": "waits begin at a second and double",
    "retry_backoff_initial_ms": "waits begin at a second and double",
    "retry_backoff_max_ms": "waits begin at a second and double",
    "insecure_skip_verify": "certificates are always verified: ca_file in [upstream] names further authorities",
    "ca_cert_pem": "ca_file in [upstream] names further authorities",
    "max_conns_per_host": "max_connections in [upstream]",
    "enforce_http2": "requests are sent with HTTP/1.1",
    "keep_alive_timeout_in_seconds": "idle_connection_seconds in [upstream]",
}
_PROVIDER: Final = {
    "send_back_raw_request": "answers don't hold the provider's request",
    "send_back_raw_response": "strict_open_ai_compliance = false adds the provider's own words",
    "store_raw_request_response": "contents are not stored",
    "config_hash": "an identifier of Bifrost's",
    "status": "a state of Bifrost's",
    "name": "the member's name says it",
    "meta_config": "an older form: the key's own configuration says it",
}


class _Common(msgspec.Struct, frozen=True):
    """What all keys of a provider have: members of their targets, the base URL, headers, limits."""

    target: Node
    base_url: str | None
    headers: tuple[tuple[str, str], ...]
    limits: Body


class Key(msgspec.Struct, frozen=True):
    """One usable key of a provider. ``target`` leads to it; ``models`` are the names that it serves, None for all;
    ``aliases`` are the provider's models by the names that callers use. ``ids`` are what virtual keys call it.
    ``deployments``: the provider takes a deployment's name with the address."""

    slug: str
    target: Node
    weight: float
    models: tuple[str, ...] | None
    denied: tuple[str, ...]
    aliases: dict[str, str]
    ids: tuple[str, ...]
    deployments: bool = False

    def serves(self, model: str) -> bool:
        """Whether the key is used for a model."""
        return model not in self.denied and (self.models is None or model in self.models or model in self.aliases)


def variable_in(text: str) -> str | None:
    """The environment variable that a value of Bifrost's names."""
    return text.removeprefix(_ENVIRONMENT) if text.startswith(_ENVIRONMENT) else None


def plain(value: Any) -> Any:
    """A value of Bifrost's, which may be an object that tells where it is from."""
    if isinstance(value, dict):
        variable = value.get("env_var")
        return variable if isinstance(variable, str) and variable else value.get("value")
    return value


class ProviderReader:
    """Reads ``providers``. ``empty_means_all``: an empty list allows everything, as in version 1."""

    def __init__(
        self, hosts: Hosts, imported: Imported, report: Report, references: References, *, empty_means_all: bool
    ) -> None:
        self._hosts = hosts
        self._imported = imported
        self._report = report
        self._references = references
        self._accounts = Accounts(imported)
        self._empty_means_all = empty_means_all

    def read(self, root: Section) -> dict[str, list[Key]]:
        """The usable keys by the provider's name at Bifrost."""
        return {name: self._provider(name, section) for name, section in root.named_sections("providers")}

    def _provider(self, name: str, section: Section) -> list[Key]:
        custom = section.section("custom_provider_config")
        kind = custom.text("base_provider_type") or name
        slug = self._hosts.slug(_OTHER_NAMES.get(kind, kind))
        if slug is None:
            section.met.update(section.values)
            self._report.lost(section.path, f"Penstock has no provider {kind}: requests for {name}/… are refused")
            return []
        is_keyless = bool(custom.switch("is_key_less")) or not self._hosts.by_slug[slug].needs_key
        if custom.values:
            self._report.near(custom.path, f"{slug} at another address")
            custom.lose({"allowed_requests": "endpoints can't be forbidden for one provider"}, needs_consent=True)
            custom.finish()
        network = section.section("network_config")
        common = _Common(
            self._attempts(network), self._base(slug, network), self._headers(slug, network), self._concurrency(section)
        )
        sections = list(section.sections("keys"))
        if not sections and is_keyless:
            sections = [Section({"models": ["*"]}, section.path, self._report)]
        elif not sections:
            self._report.near(section.path, f"without a key: requests for {name}/… are refused")
        keys = [self._key(name, slug, each, common) for each in sections]
        proxy = section.section("proxy_config")
        proxy.finish_near("one proxy for all providers: proxy in [upstream]")
        network.skip(_NETWORK)
        network.finish()
        section.skip(_PROVIDER)
        section.finish()
        return [key for key in keys if key is not None]

    def _attempts(self, network: Section) -> Node:
        """What all targets of a provider have, written out where Bifrost's default differs from Penstock's."""
        timeout = network.number("default_request_timeout_in_seconds")
        idle = network.number("stream_idle_timeout_in_seconds")
        path, seconds = network.at("default_request_timeout_in_seconds"), timeout or _DEFAULT_TIMEOUT
        self._report.exact(path, f"request_timeout {int(seconds * 1000)} ms{'' if timeout else ', the default there'}")
        path = network.at("stream_idle_timeout_in_seconds")
        self._report.exact(path, f"timeouts.idle {idle or _DEFAULT_IDLE}{'' if idle else ', the default there'}")
        common: Node = {"request_timeout": int(seconds * 1000), "timeouts": {"idle": idle or _DEFAULT_IDLE}}
        retries = network.number("max_retries")
        if retries:
            common["retry"] = retry(self._report, network.at("max_retries"), retries)
        elif retries == 0:
            self._report.exact(network.at("max_retries"), "no retry")
        return common

    def _concurrency(self, section: Section) -> Body:
        sizes = section.section("concurrency_and_buffer_size")
        concurrency = sizes.number("concurrency")
        sizes.skip({"buffer_size": "requests beyond the limit are refused and wait nowhere"})
        sizes.finish()
        if not concurrency:
            return {}
        self._report.near(sizes.at("concurrency"), "concurrency_limit of each key, beyond which requests are refused")
        return {"concurrency_limit": int(concurrency)}

    # One key.

    def _key(self, name: str, slug: str, section: Section, common: _Common) -> Key | None:
        label, ids = self._ids(name, section)
        is_enabled = section.switch("enabled")
        account = self._account(slug, section, common, label)
        models, aliases = self._models(section), self._aliases(section)
        denied = tuple(section.texts("blacklisted_models"))
        if denied:
            self._report.exact(section.at("blacklisted_models"), "left out of the models")
        weight = section.number("weight")
        if weight is not None:
            self._report.exact(section.at("weight"), "weight")
        section.skip(_KEY)
        section.finish()
        if is_enabled is False:
            self._report.exact(section.at("enabled"), "left out: it is switched off")
            return None
        if is_enabled:
            self._report.exact(section.at("enabled"), "in use")
        has_all = models is None and account.provider == "azure-openai"
        if has_all:
            account = msgspec.structs.replace(
                account, settings=tuple(sorted({**dict(account.settings), "api_version": "v1"}.items()))
            )
            self._report.near(section.path, "api_version v1, which takes the deployment's name as the model")
        integration = self._accounts.integration(account, label)
        if models is not None:
            named = list(dict.fromkeys(aliases.get(model, model) for model in (*models, *aliases)))
            listed: list[Body] = [{"slug": model, "enabled": True} for model in named]
            self._accounts.models(integration, listed, allow_all=False)
        provider = self._accounts.provider(integration, label, common.limits)
        target = {"virtual_key": provider, **common.target}
        deployments = account.provider == "azure-openai" and not has_all
        return Key(provider, target, 1 if weight is None else weight, models, denied, aliases, ids, deployments)

    def _ids(self, name: str, section: Section) -> tuple[str, tuple[str, ...]]:
        """The name of a key, and all that virtual keys may call it."""
        label, id_ = section.text("name"), section.text("id")
        if label is not None:
            self._report.exact(section.at("name"), "name of the provider")
        if id_ is not None:
            self._report.near(section.at("id"), "virtual keys of the file find the key by it")
        return label or name, tuple(each for each in (label, id_) if each)

    def _models(self, section: Section) -> tuple[str, ...] | None:
        """The models of a key, None for all."""
        models = section.texts("models")
        if "models" in section:
            is_all = "*" in models or (not models and self._empty_means_all)
            text = "all models" if is_all else f"{len(models)} models" if models else "no model"
            self._report.exact(section.at("models"), text)
            return None if is_all else tuple(dict.fromkeys(models))
        return None if self._empty_means_all else ()

    def _aliases(self, section: Section) -> dict[str, str]:
        aliases: dict[str, str] = {}
        sources = [section.section("aliases")]
        sources += [section.section(cloud).section("deployments") for cloud in _CLOUDS if cloud in section]
        for source in sources:
            for alias, model in source.values.items():
                found = model.get("model") or model.get("deployment") if isinstance(model, dict) else model
                if isinstance(found, str):
                    aliases[alias] = found
                    self._report.near(source.at(alias), f"the model {found} in the config")
                else:
                    self._report.lost(source.at(alias), "expected the name of a model")
        return aliases

    # Accounts.

    def _account(self, slug: str, section: Section, common: _Common, label: str) -> Account:
        settings: dict[str, str] = {}
        base: str | None = None
        for cloud in _CLOUDS:
            if cloud in section:
                base = self._cloud(cloud, slug, section.section(cloud), settings) or base
        for server in _SERVERS:
            if server in section:
                base = self._server(slug, section.section(server)) or base
        credential = self._credential(section, label)
        return Account(slug, credential, base or common.base_url, tuple(sorted(settings.items())), common.headers)

    def _cloud(self, cloud: str, slug: str, section: Section, settings: dict[str, str]) -> str | None:
        """Read a cloud's settings; its base URL, if it has one."""
        for member, setting in _CLOUDS[cloud].items():
            value, path = plain(section.value(member)), section.at(member)
            if value is None:
                continue
            if member in _SECRETS:
                secret = self._references.secret(value, path, f"{slug}_{member}")
                if secret is not None:
                    settings[setting] = secret[0]
                    (self._report.near if secret[1] else self._report.exact)(path, secret[1] or f"setting {setting}")
                continue
            text = self._references.setting(value, path)
            if text is not None:
                settings[setting] = text
                self._report.exact(path, f"setting {setting}")
        if "azure_entra_client_secret" in settings:
            settings["azure_auth_mode"] = "entra"
        if "aws_role_arn" in settings:
            settings["aws_auth_type"] = "assumedRole"
        is_signed = cloud == "vertex_key_config" or cloud == "bedrock_key_config"
        if is_signed and not settings.keys() & {"aws_access_key_id", "aws_role_arn", "vertex_service_account_json"}:
            self._identity(slug, section)
        base = self._endpoint(section, settings)
        section.skip({"arn": "name models by their ARN", "project_number": "the project's name says it"})
        section.value("deployments")
        section.finish()
        return base

    def _identity(self, slug: str, section: Section) -> None:
        if slug not in self._imported.identities:
            self._imported.identities.append(slug)
        self._report.near(section.path, f"without credentials, {slug} is signed for with the gateway's own identity")

    def _endpoint(self, section: Section, settings: dict[str, str]) -> str | None:
        endpoint = plain(section.value("endpoint"))
        if endpoint is None:
            return None
        path = section.at("endpoint")
        text = self._references.setting(endpoint, path)
        resource = None if text is None else _AZURE_RESOURCE.fullmatch(text)
        if resource is not None:
            settings["resource_name"] = resource[1]
            self._report.exact(path, "setting resource_name")
            return None
        self._report.near(path, "base URL, with the path of Azure OpenAI after it")
        return None if text is None else f"{text.rstrip('/').removesuffix('/openai')}/openai"

    def _server(self, slug: str, section: Section) -> str | None:
        url = plain(section.value("url"))
        text = None if url is None else self._references.setting(url, section.at("url"))
        section.skip({"model_name": "the model's name is the request's"})
        section.finish()
        if text is None:
            return None
        self._report.exact(section.at("url"), "base URL")
        return self._dialects_base(slug, text)

    def _dialects_base(self, slug: str, url: str) -> str:
        """The base URL for Penstock's path: Bifrost appends ``/v1/chat/completions``, or the path of its dialect."""
        root = url.rstrip("/").removesuffix("/v1").removesuffix("/v1beta")
        is_below_version = self._hosts.by_slug[slug].chat_path in {"/chat/completions", "/messages"}
        return f"{root}/v1" if is_below_version else root

    def _base(self, slug: str, network: Section) -> str | None:
        if "base_url" not in network:
            return None
        url, path = plain(network.value("base_url")), network.at("base_url")
        text = self._references.setting(url, path)
        if text is None:
            return None
        self._report.exact(path, "base URL")
        return self._dialects_base(slug, text)

    def _credential(self, section: Section, label: str) -> str | None:
        value = plain(section.value("value"))
        if value is None or value == "":
            return None
        secret = self._references.secret(value, section.at("value"), f"{label}_api_key")
        if secret is None:
            return None
        reference, remark = secret
        (self._report.near if remark else self._report.exact)(section.at("value"), remark or f"credential {reference}")
        return reference

    def _headers(self, slug: str, network: Section) -> tuple[tuple[str, str], ...]:
        headers = network.section("extra_headers")
        found = []
        for name in headers.values:
            secret = self._references.secret(plain(headers.value(name)), headers.at(name), f"{slug}_{name}")
            if secret is not None:
                (self._report.near if secret[1] else self._report.exact)(
                    headers.at(name), secret[1] or "custom_headers"
                )
                found.append((name, secret[0]))
        return tuple(sorted(found))
