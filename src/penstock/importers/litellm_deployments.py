"""LiteLLM's ``model_list`` as targets. Source: https://docs.litellm.ai/docs/proxy/configs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from penstock.importers.accounts import Account, Accounts, References
from penstock.importers.imported import Body, Hosts, Imported
from penstock.importers.litellm_hosts import AccountReader, provider_and_model
from penstock.importers.report import Report
from penstock.importers.routes import LONGEST_PATTERN, Node, retry
from penstock.importers.section import Section
from penstock.importers.windows import Span, budget, litellm_span, rate, report_limit

_STAR: Final = "*"
_MINUTE, _DAY = Span(1, "m"), Span(1, "d")
_RATES: Final = {
    "rpm": ("requests", _MINUTE),
    "rpd": ("requests", _DAY),
    "tpm": ("tokens", _MINUTE),
    "tpd": ("tokens", _DAY),
}
_SPLIT_RATES: Final = {"itpm": "input", "otpm": "output"}
_PRICES: Final = {
    "input_cost_per_token": "request_token",
    "output_cost_per_token": "response_token",
    "cache_read_input_token_cost": "cache_read_input_token",
    "cache_creation_input_token_cost": "cache_write_input_token",
    "input_cost_per_audio_token": "request_audio_token",
    "output_cost_per_audio_token": "response_audio_token",
}
_TOKENS_OF_PRICE: Final = 1_000_000
"""A custom price of an integration's model is in dollars for so many tokens."""
_ROUTING: Final = {
    "litellm_credential_name": "merged from credential_list",
    "use_in_pass_through": "pass-through endpoints are not served",
    "mock_response": "the provider echo answers without a provider",
    "merge_reasoning_content_in_choices": "reasoning stays in its own member",
    "use_litellm_proxy": "the address says who is called",
}
_LOST: Final = {
    "guardrails": "guardrails are set up anew: docs/guardrails.md has the checks",
    "configurable_clientside_auth_params": "callers name no credential for a model of the operator's",
    "auto_router_config": "routing by meaning is not built",
}
_INFO: Final = {
    "id": "an identifier of LiteLLM's",
    "mode": "the caller's endpoint says it",
    "db_model": "an identifier of LiteLLM's",
    "description": "configs have no descriptions",
    "litellm_provider": "the model's name says it",
}
_FAMILY: Final = "what a model accepts is known from its family"


class Deployment(msgspec.Struct, frozen=True):
    """One entry of the list. ``target`` is the config's target, without its name and weight; ``model`` the provider's
    name of the model, which ends in ``*`` where callers name it. ``team`` may use it alone. ``group``: access groups.
    """

    name: str
    model: str
    target: Node
    provider: str
    order: float | None = None
    weights: tuple[float | None, float | None, float | None] = (None, None, None)
    tags: tuple[str, ...] = ()
    team: str | None = None
    groups: tuple[str, ...] = ()


class _Entry(msgspec.Struct, frozen=True):
    name: str
    model: str
    params: Section
    info: Section


class DeploymentReader:
    """Reads the list. ``credentials`` are the values of ``credential_list`` by name. ``concurrency`` is the number of
    requests at a time of every deployment that has none of its own."""

    def __init__(self, hosts: Hosts, imported: Imported, report: Report, references: References) -> None:
        self._hosts = hosts
        self._imported = imported
        self._report = report
        self._accounts = Accounts(imported)
        self._reader = AccountReader(hosts, references)
        self.credentials: dict[str, dict[str, Any]] = {}
        self.concurrency: int | float | None = None

    def read(self, root: Section) -> list[Deployment]:
        """The deployments that Penstock has a provider for."""
        found = (self._deployment(entry) for entry in root.sections("model_list"))
        return [each for each in found if each is not None]

    def _deployment(self, section: Section) -> Deployment | None:
        name = section.text("model_name")
        info, params = section.section("model_info"), self._params(section)
        model = params.text("model")
        if name is None or model is None:
            self._report.lost(section.path, "a deployment needs model_name and litellm_params.model")
            return None
        section.finish()
        custom = params.text("custom_llm_provider")
        if custom is not None:
            self._report.exact(params.at("custom_llm_provider"), "provider")
        if info.switch("blocked"):
            self._report.exact(section.path, f"left out of {name}: it is blocked")
            return None
        has_base = "api_base" in params or "base_url" in params
        slug, bare = provider_and_model(model, custom, self._hosts, has_base=has_base)
        if slug is None:
            self._report.lost(section.path, f"Penstock has no provider for {model}: {name} goes without it")
            return None
        bare = _provider_model(slug, bare)
        if not is_usable_wildcard(name, bare):
            text = f"a wildcard ends in *, and the provider gets what follows: {name} can't become {bare}"
            self._report.lost(section.path, text)
            return None
        if name.endswith(_STAR):
            self._report.near(section.at("model_name"), "condition with a regular expression; the model is passed on")
        else:
            self._report.exact(section.at("model_name"), "branch of the config litellm")
        return self._read_entry(_Entry(name, bare, params, info), slug)

    def _params(self, section: Section) -> Section:
        """The parameters, with those of the credential that they name."""
        params = section.section("litellm_params")
        name = params.values.get("litellm_credential_name")
        if isinstance(name, str):
            if name not in self.credentials:
                self._report.lost(params.at("litellm_credential_name"), "there is no such credential in the file")
            params.values = {**self.credentials.get(name, {}), **params.values}
        return params

    def _read_entry(self, entry: _Entry, slug: str) -> Deployment:
        params, info = entry.params, entry.info
        account = self._reader.account(slug, params)
        slug, model = account.provider, entry.model
        if slug == "azure-openai" and model.endswith("*"):
            account = self._any_deployment(account, params)
        self._report.exact(params.at("model"), f"{slug}, model {model}")
        target: Node = {}
        self._azure(account, model, target, info)
        limits, custom = self._limits(params), self._custom_model(model, params, info)
        key = "" if custom is None else f"{entry.name} {model}"
        integration = self._accounts.integration(account, entry.name if custom else "", key)
        if custom is not None:
            self._accounts.models(integration, [custom], allow_all=True)
        target["virtual_key"] = self._accounts.provider(integration, entry.name if limits else "", limits)
        if account.provider in {"bedrock", "vertex-ai", "sagemaker"} and _uses_identity(account):
            self._identity(account.provider, params)
        self._attempts(params, target)
        weights = (params.number("weight"), params.values.get("rpm"), params.values.get("tpm"))
        if weights[0] is not None:
            self._report.exact(params.at("weight"), "weight")
        deployment = Deployment(
            name=entry.name,
            model=model,
            target=target,
            provider=slug,
            order=self._order(params, info),
            weights=(weights[0], _number(weights[1]), _number(weights[2])),
            tags=self._tags(params),
            team=self._team(info),
            groups=self._groups(info),
        )
        self._rest(params, info, target, is_wildcard=model.endswith("*"), model=model)
        return deployment

    def _identity(self, slug: str, params: Section) -> None:
        if slug not in self._imported.identities:
            self._imported.identities.append(slug)
            self._report.near(
                params.path, f"no credential: requests to {slug} are signed with the gateway's own identity"
            )

    def _any_deployment(self, account: Account, params: Section) -> Account:
        """The account at which a request's model is the deployment's name: the API version v1 reads it there."""
        self._report.near(params.at("model"), "api_version v1, which takes the deployment's name as the model")
        settings = {**dict(account.settings), "api_version": "v1"}
        return msgspec.structs.replace(account, settings=tuple(sorted(settings.items())))

    def _azure(self, account: Account, model: str, target: Node, info: Section) -> None:
        base = info.text("base_model")
        if account.provider == "azure-openai" and not model.endswith("*"):
            target["deployment_id"] = model
        if base is None:
            return
        base = base.partition("/")[2] or base
        if account.provider in {"azure-openai", "azure-ai"}:
            target["base_model"] = base
            self._report.exact(info.at("base_model"), f"base_model {base}")
        else:
            self._report.near(info.at("base_model"), "the price and the traits of the model are those of its own name")

    # Limits and prices.

    def _limits(self, params: Section) -> Body:
        limits: Body = {}
        rates = [self._rate(key, kind, span, params) for key, (kind, span) in _RATES.items() if key in params]
        for key, direction in _SPLIT_RATES.items():
            if key in params:
                rates.append(self._rate(key, "tokens", _MINUTE, params, f"of {direction} and output tokens together"))
        usable = [each for each in rates if each is not None]
        if usable:
            limits["rate_limits"] = _tightest(usable)
        concurrency = self._concurrency(params)
        if concurrency:
            limits["concurrency_limit"] = concurrency
        usage = self._budget(params)
        if usage is not None:
            limits["usage_limits"] = usage
        return limits

    def _concurrency(self, params: Section) -> int:
        own = params.number("max_parallel_requests", needs_consent=True)
        if own:
            self._report.exact(params.at("max_parallel_requests"), f"concurrency_limit {int(own)}")
        return int(own or self.concurrency or 0)

    def _rate(self, key: str, kind: str, span: Span, params: Section, remark: str = "") -> Body | None:
        amount = params.number(key, needs_consent=True)
        if amount is None:
            return None
        converted = rate(kind, amount, span)
        return report_limit(self._report, params.at(key), converted, "rate_limits of the provider", remark)

    def _budget(self, params: Section) -> Body | None:
        return read_budget(params, "usage_limits of the provider")

    def _custom_model(self, model: str, params: Section, info: Section) -> Body | None:
        """The prices of the deployment, in dollars for a million tokens; None without any."""
        prices: Body = {}
        for key, price in _PRICES.items():
            for section in (info, params):
                value = section.number(key) if key in section else None
                if value is not None:
                    section.report.exact(section.at(key), f"price of {price}")
                    prices[price] = {"price": float(Decimal(repr(value)) * _TOKENS_OF_PRICE)}
        if not prices:
            return None
        pricing = {"type": "static", "pay_as_you_go": prices}
        return {"slug": model, "enabled": True, "is_custom": True, "pricing_config": pricing}

    # What a target has of its own.

    def _attempts(self, params: Section, target: Node) -> None:
        report = self._report
        timeout = params.number("timeout") if "timeout" in params else params.number("request_timeout")
        if timeout:
            target["request_timeout"] = int(timeout * 1000)
            key = "timeout" if "timeout" in params else "request_timeout"
            report.exact(params.at(key), f"request_timeout {int(timeout * 1000)} ms")
        idle = params.number("stream_timeout")
        if idle:
            target["timeouts"] = {"idle": idle}
            report.near(params.at("stream_timeout"), "the longest silence of a stream, not its whole time")
        for key in ("num_retries", "max_retries"):
            retries = params.number(key)
            if retries is not None:
                target["retry"] = retry(report, params.at(key), retries)

    def _order(self, params: Section, info: Section) -> float | None:
        section = params if "order" in params else info
        order = section.number("order")
        if order is not None:
            self._report.exact(section.at("order"), "place among the fallbacks")
        return order

    def _tags(self, params: Section) -> tuple[str, ...]:
        tags = tuple(params.texts("tags"))
        if tags:
            self._report.near(params.at("tags"), "condition on metadata.tags, if tag filtering is on")
        return tags

    def _groups(self, info: Section) -> tuple[str, ...]:
        groups = tuple(info.texts("access_groups"))
        if groups:
            self._report.near(info.at("access_groups"), "keys with this group get the model by a config of their own")
        return groups

    def _team(self, info: Section) -> str | None:
        team = info.text("team_id")
        if team is not None:
            self._report.near(info.at("team_id"), "only keys of this team get the model")
        return team

    def _rest(self, params: Section, info: Section, target: Node, *, is_wildcard: bool, model: str) -> None:
        """Every other parameter is a default of requests; other members of ``model_info`` tell what a model accepts."""
        params.skip(_ROUTING)
        params.lose(_LOST, needs_consent=True)
        drop = params.texts("additional_drop_params")
        if drop:
            target["drop_params"] = drop
            self._report.exact(params.at("additional_drop_params"), "drop_params")
        if params.value("drop_params") is not None:
            self._report.near(params.at("drop_params"), "what a model can't be told is always left out, and named")
        defaults = {}
        for key in params.values:
            if key not in params.met:
                defaults[key] = params.value(key)
                self._report.exact(params.at(key), "default_params")
        if defaults:
            target["default_params"] = defaults
        if not is_wildcard:
            target["override_params"] = {"model": model}
        info.skip(_INFO)
        info.finish_near(_FAMILY)


def stripped_prefix(name: str, model: str) -> str | None:
    """What the provider does not get of a model's name: ``openai/`` for the name ``openai/*`` and the model ``*``. None
    if the provider's name is not the caller's without its beginning."""
    before, asked = model.removesuffix(_STAR), name.removesuffix(_STAR)
    return asked.removesuffix(before) if asked.endswith(before) else None


def is_usable_wildcard(name: str, model: str) -> bool:
    """Whether the model that a wildcard's caller names can be made the provider's."""
    if _STAR not in name and _STAR not in model:
        return True
    is_star = name.endswith(_STAR) and name.count(_STAR) == 1 and len(name) <= LONGEST_PATTERN
    if _STAR not in model:
        return is_star
    fits = stripped_prefix(name, model) is not None
    return is_star and model.endswith(_STAR) and model.count(_STAR) == 1 and fits


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _provider_model(slug: str, model: str) -> str:
    """The model as the provider names it: without the API that LiteLLM chooses by a part of the name."""
    if slug == "bedrock":
        for part in ("converse/", "invoke/", "converse_like/", "llama/", "deepseek_r1/"):
            model = model.removeprefix(part)
    if slug == "vertex-ai" and model.startswith("openai/"):
        return f"endpoints.{model.removeprefix('openai/')}"
    return model.removeprefix("responses/") if slug in {"openai", "azure-openai"} else model


def _uses_identity(account: Account) -> bool:
    own = {"aws_access_key_id", "aws_role_arn", "vertex_service_account_json"}
    return account.credential is None and not own & {name for name, _ in account.settings}


def _tightest(rates: list[Body]) -> list[Body]:
    """One rate for each type and unit: the smallest."""
    found: dict[tuple[str, str], Body] = {}
    for each in rates:
        key = (each["type"], each["unit"])
        if key not in found or each["value"] < found[key]["value"]:
            found[key] = each
    return list(found.values())


def read_budget(section: Section, text: str) -> Body | None:
    """A budget in dollars: ``max_budget``, and after how long it begins anew, ``budget_duration``."""
    amount = section.number("max_budget", needs_consent=True)
    duration = section.text("budget_duration")
    span = None if duration is None else litellm_span(duration)
    if amount is None:
        if duration is not None:
            section.report.near(section.at("budget_duration"), "of no effect without an amount")
        return None
    if duration is not None and span is None:
        section.report.near(section.at("budget_duration"), "it is no duration: the budget is never reset")
    elif duration is not None:
        section.report.exact(section.at("budget_duration"), "window of the budget")
    return report_limit(section.report, section.at("max_budget"), budget(amount, span), text)
