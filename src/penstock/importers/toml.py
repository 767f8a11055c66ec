"""What is imported as a penstock.toml, for gateways without a database. What such a file can't hold is a line of the
report: limits, prices and policies are in the database alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.importers.imported import Body, Conversion
from penstock.importers.report import Report

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LIMITS: Final = ("usage_limits", "rate_limits", "concurrency_limit")
_NO_LIMITS: Final = "penstock.toml holds no limits: the database does"
_MOST_LABELS: Final = 20
_LONGEST_LABEL: Final = 64


def settings_text(conversion: Conversion, source: str) -> str:
    """The text of a penstock.toml. ``source`` is what it is made of, for its first line. Adds to the report."""
    imported, report = conversion.imported, conversion.report
    lines = [f"# Made by penstock import of {source}."]
    variables = sorted({*imported.secrets, *imported.variables})
    if variables:
        lines.append(f"# Variables that must be set where the gateway starts: {', '.join(variables)}.")
    if imported.to_create:
        lines.append(f"# Virtual keys that these configs name, to be written here: {', '.join(imported.to_create)}.")
    lines.append("")
    if imported.default_config is not None:
        lines += _section("routing", {"default_config": imported.default_config})
    if imported.identities:
        lines += _section("providers", {"gateway_identity": True})
    integrations = {each["slug"]: each for each in imported.integrations}
    models = {each["integration"]: each["body"] for each in imported.models}
    for provider in imported.providers:
        slug = provider["integration_id"]
        virtual_key = _virtual_key(provider, integrations[slug], models.get(slug), report)
        lines += _section(f"virtual_keys.{_key(provider['slug'])}", virtual_key)
    for config in imported.configs:
        lines += _section(f"configs.{_key(config['name'])}", config["config"])
    keys = [(each["name"], _gateway_key(each, imported.identities, report)) for each in imported.api_keys]
    for name, key in keys:
        if key is not None:
            lines += _section(f"keys.{_key(name)}", key)
    if imported.blocks_callers and not any(key for _, key in keys):
        text = "no gateway key is left: without one, whoever reaches the port may call; make one with penstock key"
        report.lost("penstock.toml", text, needs_consent=True)
    _lose_policies(conversion)
    return "\n".join(lines)


def _virtual_key(provider: Body, integration: Body, models: Body | None, report: Report) -> Body:
    path = f"penstock.toml virtual_keys.{provider['slug']}"
    _lose_limits(provider, path, report)
    settings = dict(integration.get("configurations", {}))
    key: Body = {"provider": integration["ai_provider_id"]}
    if "key" in integration:
        key["credential"] = integration["key"]
    headers = settings.pop("custom_headers", None)
    if headers is not None:
        key["headers"] = headers
    base_url = settings.pop("custom_host", None)
    if base_url is not None:
        key["base_url"] = base_url
    if models is not None:
        if any("pricing_config" in each for each in models["models"]):
            report.near(path, "penstock.toml holds no prices: the database does")
        enabled = [each["slug"] for each in models["models"] if each["enabled"]]
        disabled = [each["slug"] for each in models["models"] if not each["enabled"]]
        if not models["allow_all_models"]:
            key["models"] = enabled
        elif disabled:
            report.lost(path, f"penstock.toml can't take single models away: {', '.join(disabled)}", needs_consent=True)
    return {**key, **settings}


def _gateway_key(api_key: Body, identities: list[str], report: Report) -> Body | None:
    path = f"penstock.toml keys.{api_key['name']}"
    if api_key.get("status") == "disabled":
        report.exact(path, "left out: it is disabled")
        return None
    _lose_limits(api_key, path, report)
    if "expires_at" in api_key:
        report.lost(
            path, f"penstock.toml holds no expiry: remove the key at {api_key['expires_at']}", needs_consent=True
        )
    if api_key["scopes"] != ["completions.write"]:
        report.near(path, "it calls models alone: keys of penstock.toml have no scopes")
    config = api_key["defaults"].get("config_id")
    key: Body = {"hash": api_key["digest"], "virtual_keys": []}
    key["configs"] = [] if config is None else [config]
    if config is not None:
        key["config"] = config
    key["providers"] = api_key["allowed_providers"]
    if api_key.get("allowed_models") is not None:
        key["models"] = api_key["allowed_models"]
    key |= {"inline_configs": False, "custom_hosts": False}
    if identities:
        key["lend"] = identities
    labels = _labels({**api_key["defaults"].get("metadata", {}), **api_key.get("labels", {})}, path, report)
    if labels:
        key["labels"] = labels
    return key


def _labels(values: Mapping[str, str], path: str, report: Report) -> dict[str, str]:
    labels = {name: value for name, value in values.items() if name and max(len(name), len(value)) <= _LONGEST_LABEL}
    labels = dict(list(labels.items())[:_MOST_LABELS])
    if len(labels) < len(values):
        report.near(path, f"labels are {_MOST_LABELS} at most, of {_LONGEST_LABEL} characters")
    return labels


def _lose_limits(body: Body, path: str, report: Report) -> None:
    names = [name for name in _LIMITS if body.get(name)]
    if names:
        report.lost(path, f"{', '.join(names)}: {_NO_LIMITS}", needs_consent=True)


def _lose_policies(conversion: Conversion) -> None:
    imported, report = conversion.imported, conversion.report
    for policy in (*imported.usage_policies, *imported.rate_policies):
        report.lost(f"penstock.toml policy {policy['name']}", _NO_LIMITS, needs_consent=True)
    _lose_limits(imported.workspace, "penstock.toml", report)
    if imported.opening_balances:
        report.near("penstock.toml", "what was used before counts for limits alone, which the database holds")


# TOML: https://toml.io/en/v1.0.0


def _section(name: str, members: Body) -> list[str]:
    return [f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in _said(members)), ""]


def _said(members: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members but for null, which TOML does not have."""
    return ((key, value) for key, value in members.items() if value is not None)


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _text(text)


def _value(value: Any, depth: int = 0) -> str:
    if isinstance(value, dict):
        members = ", ".join(f"{_key(key)} = {_value(inner, depth + 1)}" for key, inner in _said(value))
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list):
        items = [_value(inner, depth + 1) for inner in value if inner is not None]
        if depth == 0 and any(isinstance(inner, dict) for inner in value):
            return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
