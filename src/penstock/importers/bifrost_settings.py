"""What Bifrost's file says of the gateway itself: its callers, its plugins, its prices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from penstock.importers.imported import Body, Imported
from penstock.importers.section import Section

_TOKENS_OF_PRICE: Final = 1_000_000
"""A custom price of an integration's model is in dollars for so many tokens."""
_PRICES: Final = {
    "input_cost_per_token": "request_token",
    "output_cost_per_token": "response_token",
    "cache_read_input_token_cost": "cache_read_input_token",
    "cache_creation_input_token_cost": "cache_write_input_token",
}
_CLIENT: Final = {
    "enable_logging": "the request log keeps a row of each request: [logs]",
    "disable_content_logging": "contents are logged only where content in [logs] or a key says so",
    "log_retention_days": "set retention_days in [logs]",
    "drop_excess_requests": "requests beyond a limit are refused and wait nowhere",
    "initial_pool_size": "memory is taken as it is needed",
    "prometheus_labels": "labels of keys are in the access log",
    "allow_direct_keys": "callers may bring providers' keys where no gateway key is set",
    "allowed_origins": "set cors_origins in [server]",
    "allowed_headers": "set cors_origins in [server]",
    "max_request_body_size_mb": "set max_body_bytes in [server]",
    "enable_litellm_fallbacks": "fallbacks are in the config",
    "compat": "requests are made to fit the model",
    "header_filter_config": "forward_headers of a config",
    "async_job_result_ttl": "jobs are not served",
    "logging_headers": "headers are not logged",
    "hide_deleted_virtual_keys_in_filters": "a setting of Bifrost's own page",
}


_ENFORCED: Final = ("enforce_auth_on_inference", "enforce_governance_header")


def read_client(client: Section, imported: Imported) -> None:
    """Whether callers need a key, by the newer name of the two or the older one. Penstock asks everybody for one as
    soon as there is one."""
    report = client.report
    keys = [key for key in _ENFORCED if key in client] or [_ENFORCED[0]]
    is_enforced, path = client.switch(keys[0]), client.at(keys[0])
    for older in keys[1:]:
        client.switch(older)
        report.near(client.at(older), f"{keys[0]} says it")
    if is_enforced:
        imported.blocks_callers = True
        report.exact(path, "every request needs a gateway key")
    elif imported.api_keys:
        text = "Bifrost lets callers without a key in; here each needs one as soon as one key is set"
        report.near(path, text, needs_consent=True)
    else:
        report.near(path, "Bifrost asks nobody for a key; Penstock then serves this machine only")
    if is_enforced and not imported.api_keys:
        report.lost(path, "no key of the file can be taken over: without one nobody is asked", needs_consent=True)
    client.skip(_CLIENT)
    client.finish()


def read_plugins(root: Section, imported: Imported) -> None:
    """The plugins: those that are part of the gateway, the cache, and those that are not there."""
    report = root.report
    for plugin in root.sections("plugins"):
        name = plugin.text("name") or ""
        if plugin.switch("enabled") is False:
            report.exact(plugin.path, "left out: it is switched off")
        elif name in {"semantic_cache", "semanticcache"}:
            _cache(plugin, imported)
        elif name in {"governance", "logging", "telemetry"}:
            report.near(plugin.path, f"{name} is part of the gateway")
        else:
            report.lost(plugin.path, f"the plugin {name} has no counterpart")


def _cache(plugin: Section, imported: Imported) -> None:
    ttl = plugin.section("config").number("ttl_seconds")
    cache: Body = {"mode": "semantic"} if ttl is None else {"mode": "semantic", "max_age": ttl}
    for each in imported.configs:
        each["config"]["cache"] = cache
    plugin.report.near(plugin.path, "cache of the configs, served as exact matches; store = redis in [cache] shares it")


def read_prices(governance: Section, imported: Imported, slugs: Mapping[str, Sequence[str]]) -> None:
    """Prices of one's own. ``slugs`` are the providers here by the provider's name at Bifrost."""
    for section in governance.sections("pricing_overrides"):
        kind, pattern = section.text("match_type") or "exact", section.text("pattern")
        provider = section.text("provider_id") or section.text("provider")
        prices = _prices(section)
        section.met.update(section.values)
        if kind != "exact" or pattern is None or not prices:
            text = "only prices for tokens of one model, named exactly, can be taken over"
            section.report.lost(section.path, text)
            continue
        wanted = {slug for name, known in slugs.items() if provider in {None, name} for slug in known}
        pricing = {"type": "static", "pay_as_you_go": prices}
        entry = {"slug": pattern, "enabled": True, "is_custom": True, "pricing_config": pricing}
        for integration in dict.fromkeys(
            each["integration_id"] for each in imported.providers if each["slug"] in wanted
        ):
            _set_price(imported, integration, entry)
        section.report.near(section.path, f"custom price of {pattern}, for all callers")


def _set_price(imported: Imported, integration: str, entry: Body) -> None:
    """Give a model of an integration its price. A model that the integration does not allow stays as it is."""
    for each in imported.models:
        if each["integration"] == integration:
            body = each["body"]
            known = [model for model in body["models"] if model["slug"] == entry["slug"]]
            if known or body["allow_all_models"]:
                body["models"] = [*(model for model in body["models"] if model not in known), entry]
            return
    imported.models.append({"integration": integration, "body": {"models": [entry], "allow_all_models": True}})


def _prices(section: Section) -> Body:
    """Prices in dollars for a token as prices in dollars for a million. Empty if there are others among them."""
    patch: Any = section.value("pricing_patch") or {}
    if isinstance(patch, str):
        try:
            patch = json.loads(patch)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(patch, dict) or not patch.keys() <= _PRICES.keys():
        return {}
    values = Section(patch, section.at("pricing_patch"), section.report)
    prices = {name: values.number(key) for key, name in _PRICES.items()}
    return {
        name: {"price": float(Decimal(repr(price)) * _TOKENS_OF_PRICE)}
        for name, price in prices.items()
        if price is not None
    }
