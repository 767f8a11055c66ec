"""LiteLLM's settings. Source: https://docs.litellm.ai/docs/proxy/config_settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from penstock.importers.imported import Imported
from penstock.importers.litellm_branches import Routing, fallbacks_of
from penstock.importers.litellm_deployments import read_budget
from penstock.importers.report import Report
from penstock.importers.routes import retry
from penstock.importers.section import Section
from penstock.importers.windows import budget, litellm_span, report_limit

_DEFAULT_RETRIES: Final = 2
"""Retries of LiteLLM's router where the file says nothing (openai.DEFAULT_MAX_RETRIES)."""
_CACHE: Final = "in the gateway's memory, or with store = redis in [cache] in the Redis of [store]"
_LOCAL_TTL: Final = 600
"""Seconds that LiteLLM's cache in memory keeps an answer where the file says nothing."""
_STRATEGIES: Final = {
    "simple-shuffle": ({}, ""),
    "least-busy": ({"policy": "least_busy"}, "the fewest running requests for its weight"),
    "latency-based-routing": ({"policy": "least_latency"}, "the faster of two random targets"),
    "usage-based-routing": ({}, "by weight: usage is not compared"),
    "usage-based-routing-v2": ({}, "by weight: usage is not compared"),
    "cost-based-routing": ({}, "by weight: prices are not compared"),
}
_NO_COUNTERPART: Final = "it needs no counterpart"
_LOGGING: Final = "the request log is the gateway's own, without contents: [logs]"
_PAGE: Final = "a setting of LiteLLM's own page"
_QUIET: Final = {
    "set_verbose": _LOGGING,
    "json_logs": _LOGGING,
    "turn_off_message_logging": _LOGGING,
    "redact_user_api_key_info": _LOGGING,
    "suppress_debug_info": _LOGGING,
    "log_raw_request_response": _LOGGING,
    "drop_params": "what a model can't be told is always left out, and named",
    "modify_params": "requests are made to fit the model",
    "telemetry": "nothing is sent anywhere",
    "force_ipv4": "addresses of both kinds are tried side by side",
    "num_workers": "the setting workers",
    "enable_preview_features": _NO_COUNTERPART,
    "return_response_headers": "x-penstock-* and the provider's rate limits are answered",
    "add_function_to_prompt": _NO_COUNTERPART,
    "disable_end_user_cost_tracking": _NO_COUNTERPART,
    "store_audit_logs": "changes are always logged",
    "enable_json_schema_validation": _NO_COUNTERPART,
    "ssl_verify": "certificates are always verified; ca_file names further authorities",
    "default_internal_user_params": "there are no internal users yet",
    "service_callbacks": _LOGGING,
    "default_redis_batch_cache_expiry": _NO_COUNTERPART,
    "cache_kwargs": "the settings of the store",
}
_GENERAL: Final = {
    "database_url": "the source for keys: penstock import litellm --database",
    "database_connection_pool_limit": "the database is Penstock's own",
    "database_connection_timeout": "the database is Penstock's own",
    "database_type": "the database is Penstock's own",
    "allow_requests_on_db_unavailable": "what happens without the database is said in docs/control-plane.md",
    "proxy_batch_write_at": _NO_COUNTERPART,
    "store_model_in_db": "models are configs and providers",
    "disable_spend_logs": _LOGGING,
    "disable_error_logs": _LOGGING,
    "store_prompts_in_spend_logs": _LOGGING,
    "maximum_spend_logs_retention_period": _LOGGING,
    "background_health_checks": "circuit breakers watch real requests",
    "health_check_interval": "circuit breakers watch real requests",
    "health_check_details": "circuit breakers watch real requests",
    "completion_model": _NO_COUNTERPART,
    "infer_model_from_keys": "every model has a provider",
    "ui_access_mode": _PAGE,
    "proxy_base_url": _PAGE,
    "disable_master_key_return": _PAGE,
    "use_redis_transaction_buffer": _NO_COUNTERPART,
    "user_header_name": "a header may name the user: x-portkey-metadata",
    "forward_openai_org_id": "a virtual key's forward_headers",
    "key_management_system": "credentials are references to variables, files or a keyring",
}
_GENERAL_LOST: Final = {
    "alerting": "alerts are set up anew: [alerts], docs/alerts.md",
    "alerting_threshold": "alerts are set up anew: [alerts], docs/alerts.md",
    "alert_types": "alerts are set up anew: [alerts], docs/alerts.md",
    "alerting_args": "alerts are set up anew: [alerts], docs/alerts.md",
    "pass_through_endpoints": "endpoints of other APIs are not passed through",
    "key_management_settings": "credentials are references to variables, files or a keyring",
}
_GENERAL_OPENED: Final = {
    "custom_auth": "code of one's own is not run",
    "custom_key_generate": "code of one's own is not run",
    "custom_sso": "code of one's own is not run",
    "allowed_routes": "keys have scopes in their place",
    "allowed_ips": "an address list for all keys is not built",
    "enforce_user_param": "requests need no user",
    "max_request_size_mb": "set max_body_bytes in [server]",
    "max_response_size_mb": "answers have no limit of size",
    "enforced_params": "requests need no parameters of their own",
    "enable_jwt_auth": "tokens of other issuers are not taken",
    "litellm_jwtauth": "tokens of other issuers are not taken",
}
_ROUTER: Final = {
    "routing_strategy_args": "strategies have no such settings",
    "enable_pre_call_checks": "a fallback on context_length does it",
    "model_group_retry_policy": "retries are the same for all models",
    "cache_responses": "the cache is set in litellm_settings",
    "set_verbose": _LOGGING,
    "debug_level": _LOGGING,
    "redis_url": "the setting of the shared store",
    "redis_host": "the setting of the shared store",
    "redis_port": "the setting of the shared store",
    "redis_password": "the setting of the shared store",
    "redis_db": "the setting of the shared store",
    "polling_interval": _NO_COUNTERPART,
    "default_litellm_params": "set them in each deployment",
    "max_fallbacks": "fallbacks of fallbacks are followed five times",
    "client_ttl": _NO_COUNTERPART,
    "optional_pre_call_checks": "a fallback on context_length does it",
}
_EACH_USER: Final = {"max_end_user_budget": "end user", "max_user_budget": "user", "max_internal_user_budget": "user"}
_NEW_KEYS: Final = {
    "default_key_generate_params": "it applies to keys that are made later: give each new key its limits",
    "default_team_settings": "it applies to teams that are made later",
    "default_team_params": "it applies to teams that are made later",
}
_OTLP: Final = frozenset(
    """
    agentops arize arize_phoenix langfuse langfuse_otel langtrace levo logfire opentelemetry otel traceloop weave_otel
    """.split()
)
"""Receivers of LiteLLM's callbacks that take spans as OTLP over HTTP.

https://docs.litellm.ai/docs/observability/opentelemetry_integration
"""
_LITELLM_LOST: Final = {
    "guardrails": "guardrails are set up anew: docs/guardrails.md has the checks",
    "callback_settings": "there are no callbacks",
    "langfuse_default_tags": "there are no callbacks",
    "s3_callback_params": "there are no callbacks",
    "post_call_rules": "code of one's own is not run",
    "upperbound_key_generate_params": "keys that are made later have no upper bound",
    "custom_provider_map": "code of one's own is not run",
    "mcp_servers": "tools of MCP servers are not served",
    "public_routes": "keys are needed at all endpoints of models",
}


class SettingsReader:
    """Reads everything but the list of models; ``known`` are the names of models."""

    def __init__(self, imported: Imported, report: Report, known: Collection[str]) -> None:
        self._imported = imported
        self._report = report
        self._known = known
        self.routing = Routing()

    def read(self, root: Section) -> Routing:
        """The routing that the settings say; limits go to what is imported."""
        settings, router = root.section("litellm_settings"), root.section("router_settings")
        general = root.section("general_settings")
        for section in (settings, router):
            self._fallbacks(section)
            self._attempts(section)
            self._breaker(section)
        if "retry" not in self.routing.outer:
            self.routing.outer["retry"] = {"attempts": _DEFAULT_RETRIES}
            text = f"retry.attempts {_DEFAULT_RETRIES}: what LiteLLM does where the file says nothing"
            self._report.exact("router_settings.num_retries", text)
        self._aliases(router)
        self._strategy(router)
        self._cache(settings)
        self._limits(settings, general)
        self._callbacks(settings)
        settings.skip({**_QUIET, **_NEW_KEYS})
        settings.lose(_LITELLM_LOST, needs_consent=True)
        settings.finish()
        router.skip(_ROUTER)
        router.finish()
        general.value("master_key")
        general.lose(_GENERAL_OPENED, needs_consent=True)
        general.lose(_GENERAL_LOST)
        general.skip({**_GENERAL, **_QUIET})
        general.finish()
        return self.routing

    # Fallbacks and attempts.

    def _fallbacks(self, section: Section) -> None:
        routing = self.routing
        aliases = section.values.get("model_group_alias")
        known = {*self._known, *(aliases if isinstance(aliases, dict) else ()), *routing.aliases}
        for key, names in (
            ("fallbacks", routing.fallbacks),
            ("context_window_fallbacks", routing.context_fallbacks),
            ("content_policy_fallbacks", routing.content_fallbacks),
        ):
            value = section.value(key)
            if value is not None:
                names.update(fallbacks_of(value, section.at(key), self._report, known))
        routing.default_fallbacks += routing.fallbacks.pop("*", [])
        defaults = section.texts("default_fallbacks")
        if defaults:
            missing = [name for name in defaults if name not in known]
            if missing:
                self._report.lost(section.at("default_fallbacks"), f"the file has no model {', '.join(missing)}")
            else:
                self._report.exact(section.at("default_fallbacks"), "fallback of every model without one of its own")
            routing.default_fallbacks += [name for name in defaults if name in known]

    def _attempts(self, section: Section) -> None:
        outer = self.routing.outer
        retries = section.number("num_retries")
        if retries is not None:
            outer["retry"] = retry(self._report, section.at("num_retries"), retries)
        for key in ("request_timeout", "timeout"):
            seconds = section.number(key)
            if seconds:
                outer["request_timeout"] = int(seconds * 1000)
                self._report.exact(section.at(key), f"request_timeout {int(seconds * 1000)} ms")
        idle = section.number("stream_timeout")
        if idle:
            outer["timeouts"] = {"idle": idle}
            self._report.near(section.at("stream_timeout"), "the longest silence of a stream, not its whole time")
        for key in ("retry_after", "retry_policy"):
            if section.value(key) is not None:
                text = (
                    "waits follow the provider's Retry-After" if key == "retry_after" else "one number for all errors"
                )
                self._report.near(section.at(key), text)

    def _breaker(self, section: Section) -> None:
        fails, seconds = section.number("allowed_fails"), section.number("cooldown_time")
        policy = section.value("allowed_fails_policy")
        if policy is not None:
            self._report.near(section.at("allowed_fails_policy"), "one number for all errors")
        if fails is None and seconds is None:
            return
        breaker = self.routing.strategy.setdefault("cb_config", {"failure_threshold": 4, "cooldown_interval": 5000})
        if fails is not None:
            breaker["failure_threshold"] = int(fails) + 1
            self._report.near(
                section.at("allowed_fails"), f"cb_config.failure_threshold {int(fails) + 1}, within a minute"
            )
        if seconds is not None:
            breaker["cooldown_interval"] = max(1, int(seconds * 1000))
            self._report.near(section.at("cooldown_time"), "cb_config.cooldown_interval; then one request tries first")

    def _aliases(self, router: Section) -> None:
        aliases = router.section("model_group_alias")
        for name, value in aliases.values.items():
            target = value.get("model") if isinstance(value, dict) else value
            if not isinstance(target, str) or target not in self._known:
                self._report.lost(aliases.at(name), "expected the name of a model of the file")
                continue
            self.routing.aliases[name] = target
            if isinstance(value, dict) and value.get("hidden"):
                self._report.near(aliases.at(name), f"another name of {target}; GET /v1/models lists it")
            else:
                self._report.exact(aliases.at(name), f"another name of {target}")

    def _strategy(self, router: Section) -> None:
        name = router.text("routing_strategy")
        if name is not None:
            strategy, remark = _STRATEGIES.get(name, ({}, f"by weight: {name} is not built"))
            self.routing.strategy = {**strategy, **self.routing.strategy}
            if remark:
                self._report.near(router.at("routing_strategy"), remark)
            else:
                self._report.exact(router.at("routing_strategy"), "load balancing by weight")
        if router.switch("enable_tag_filtering"):
            self.routing.filters_tags = True
            self._report.near(router.at("enable_tag_filtering"), "conditions on one tag, metadata.tags, of the request")

    def _cache(self, settings: Section) -> None:
        is_on = settings.switch("cache")
        params = settings.section("cache_params")
        kind = params.text("type") or "local"
        ttl = params.number("ttl")
        mode = params.text("mode")
        if "cache" in settings:
            is_on = bool(is_on) and mode != "default_off"
            text = f"cache {kind}: in each process's memory, for each gateway key alone" if is_on else "no cache"
            self._report.near(settings.at("cache"), text)
        if is_on:
            age = ttl if ttl is not None else _LOCAL_TTL if kind == "local" else None
            semantic = "semantic" in kind
            self.routing.outer["cache"] = {
                "mode": "semantic" if semantic else "simple",
                **({} if age is None else {"max_age": age}),
            }
            text = "served as exact matches" if semantic else _CACHE
            self._report.near(params.at("type"), text)
        if ttl is not None:
            self._report.exact(params.at("ttl"), f"cache.max_age {ttl}")
        params.finish_near(_CACHE)

    # Limits and what is watched.

    def _limits(self, settings: Section, general: Section) -> None:
        for section in (settings, general):
            usage = read_budget(section, "usage_limits of the workspace")
            if usage is not None:
                self._imported.workspace.setdefault("usage_limits", []).append(usage)
        for key, whose in _EACH_USER.items():
            self._each_user(key, whose, settings)
        for section, key in ((general, "global_max_parallel_requests"), (settings, "global_max_parallel_requests")):
            number = section.number(key, needs_consent=True)
            if number:
                self._imported.workspace["concurrency_limit"] = int(number)
                self._report.exact(section.at(key), "concurrency_limit of the workspace")

    def _each_user(self, key: str, whose: str, settings: Section) -> None:
        amount = settings.number(key, needs_consent=True)
        if amount is None:
            return
        duration = settings.text("internal_user_budget_duration") if whose == "user" else None
        span = None if duration is None else litellm_span(duration)
        usage = report_limit(
            self._report, settings.at(key), budget(amount, span), f"policy for each {whose}, who is the body's user"
        )
        if usage is not None:
            self._imported.usage_policies.append(
                {
                    "name": key,
                    "conditions": [{"key": "metadata._user", "value": "*"}],
                    "group_by": [{"key": "metadata._user"}],
                    **usage,
                }
            )

    def _callbacks(self, settings: Section) -> None:
        for key in ("success_callback", "failure_callback", "callbacks"):
            for index, name in enumerate(settings.texts(key)):
                path = f"{settings.at(key)}[{index}]"
                if name in _OTLP:
                    self._report.near(path, f"set endpoint in [telemetry] to the OTLP receiver of {name}")
                elif name == "prometheus":
                    self._report.near(path, "the gateway's metrics are at /metrics, under names of their own")
                else:
                    self._report.lost(path, f"nothing is sent to {name}: the request log has each request")


def default_concurrency(root: Section) -> tuple[str, float] | None:
    """LiteLLM's number of requests at a time for each deployment, and where it stands."""
    for name in ("general_settings", "litellm_settings"):
        values = root.values.get(name)
        number: Any = values.get("max_parallel_requests") if isinstance(values, dict) else None
        if isinstance(number, int | float) and not isinstance(number, bool) and number >= 1:
            return f"{name}.max_parallel_requests", float(number)
    return None
