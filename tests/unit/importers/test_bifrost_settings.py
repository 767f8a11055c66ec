"""What Bifrost's file says of callers, plugins and prices."""

from __future__ import annotations

from typing import Any

import pytest

from importing import from_bifrost

OPENAI = {"openai": {"keys": [{"name": "o", "value": "env.K", "models": ["m"]}]}}
KEY = {"name": "v", "value": "sk-bf-x", "provider_configs": [{"provider": "openai", "allowed_models": ["m"]}]}


@pytest.mark.parametrize(
    ("client", "keys", "mark", "needs_consent"),
    [
        ({"enforce_auth_on_inference": True}, [KEY], "=", False),
        ({"enforce_governance_header": True}, [KEY], "=", False),
        ({"enforce_auth_on_inference": False}, [KEY], "~", True),
        ({}, [KEY], "~", True),
        ({}, [], "~", False),
        ({"enforce_auth_on_inference": True}, [], "✗", True),
    ],
)
def test_callers_without_a_key(client: Any, keys: list[Any], mark: str, needs_consent: bool) -> None:
    report = from_bifrost({"providers": OPENAI, "client": client, "governance": {"virtual_keys": keys}}).report
    last = [line for line in report.lines if line.path.startswith("client.enforce")][-1]
    assert (last.outcome.value, last.needs_consent) == (mark, needs_consent)


@pytest.mark.parametrize("is_enforced", [True, False])
def test_of_two_names_the_newer_one_says_whether_callers_need_a_key(is_enforced: bool) -> None:
    client = {"enforce_governance_header": not is_enforced, "enforce_auth_on_inference": is_enforced}
    report = from_bifrost({"providers": OPENAI, "client": client, "governance": {"virtual_keys": [KEY]}}).report
    lines = {line.path: line for line in report.lines if line.path.startswith("client.enforce")}
    assert lines["client.enforce_auth_on_inference"].needs_consent is not is_enforced
    assert lines["client.enforce_governance_header"].outcome.value == "~"


def test_plugins() -> None:
    plugins = [
        {"name": "semantic_cache", "enabled": True, "config": {"ttl_seconds": 5}}, {"name": "telemetry"},
        {"name": "own"}, {"name": "own", "enabled": False},
    ]  # fmt: skip
    conversion = from_bifrost({"providers": OPENAI, "plugins": plugins})
    assert conversion.imported.configs[0]["config"]["cache"] == {"mode": "semantic", "max_age": 5}
    marks = {line.path: line.outcome.value for line in conversion.report.lines}
    assert [marks[f"plugins[{index}]"] for index in range(4)] == ["~", "~", "✗", "="]


@pytest.mark.parametrize(
    ("override", "price"),
    [
        ({"pattern": "m", "pricing_patch": '{"input_cost_per_token": 0.0000025}'}, 2.5),
        ({"pattern": "m", "pricing_patch": {"input_cost_per_token": 0.0000025}, "provider_id": "openai"}, 2.5),
        ({"pattern": "m", "pricing_patch": {"input_cost_per_token": 1}, "provider_id": "other"}, None),
        ({"pattern": "m", "match_type": "regex", "pricing_patch": {"input_cost_per_token": 1}}, None),
        ({"pattern": "m", "pricing_patch": {"image_cost": 1}}, None),
        ({"pattern": "m", "pricing_patch": "no JSON"}, None),
        ({"pattern": "not-allowed", "pricing_patch": {"input_cost_per_token": 1}}, None),
    ],
)
def test_prices_are_dollars_for_a_million_tokens(override: Any, price: float | None) -> None:
    imported = from_bifrost({"providers": OPENAI, "governance": {"pricing_overrides": [override]}}).imported
    [models] = imported.models
    prices = [each["pricing_config"]["pay_as_you_go"] for each in models["body"]["models"] if "pricing_config" in each]
    assert prices == ([] if price is None else [{"request_token": {"price": price}}])
    assert models["body"]["allow_all_models"] is False
