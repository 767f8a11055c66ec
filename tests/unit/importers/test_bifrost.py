"""Bifrost's configurations: what they become, field by field, and as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing import BIFROST, CASES, converted, document, from_bifrost, golden, outcome
from importing_checks import check_bodies, unreported
from penstock.importers.report import Outcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["env.KEY", "env.", "*", "regex:a.*", "regex:(", "1M", "30s", "a/b", "openai"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={name: each | JSON for name, each in optional.items()}) | JSON


NAMES = st.sampled_from(["openai", "azure", "vertex", "ollama", "own", "x", "b-1", "r-1", "t-1"])
MODELS = st.lists(st.sampled_from(["*", "gpt-4o", "o3", "regex:gpt.*"]), max_size=3)
LIMIT = some(id=NAMES, max_limit=st.floats(), reset_duration=st.sampled_from(["1M", "1h", "5m"]), team_id=NAMES)
KEY = some(
    name=NAMES, value=NAMES, models=MODELS, blacklisted_models=MODELS, weight=st.floats(), enabled=st.booleans(),
    azure_key_config=some(endpoint=NAMES, deployments=JSON), vertex_key_config=some(), ollama_key_config=some(url=NAMES),
)  # fmt: skip
PROVIDER = some(
    keys=st.lists(KEY, max_size=3),
    network_config=some(base_url=NAMES, extra_headers=JSON, max_retries=JSON),
    custom_provider_config=some(base_provider_type=NAMES),
)
SCOPE = some(
    provider=NAMES,
    weight=st.floats(),
    allowed_models=MODELS,
    blacklisted_models=MODELS,
    key_ids=MODELS,
    budget_id=NAMES,
)
VIRTUAL_KEY = some(
    id=NAMES, name=NAMES, value=NAMES, is_active=st.booleans(), provider_configs=st.lists(SCOPE, max_size=3),
    team_id=NAMES, budget_id=NAMES, budgets=st.lists(LIMIT, max_size=2), rate_limit_id=NAMES,
)  # fmt: skip
RULE = some(
    cel_expression=st.sampled_from(["model == 'x'", 'model == "a" && provider == "openai"', "true"]),
    targets=st.lists(some(provider=NAMES, model=NAMES, weight=st.floats()), max_size=2),
    fallbacks=st.lists(st.sampled_from(["openai/gpt-4o", "x"]), max_size=2),
)
DOCUMENT = some(
    version=st.sampled_from([1, 2]),
    providers=st.dictionaries(NAMES, PROVIDER, max_size=3),
    governance=some(
        virtual_keys=st.lists(VIRTUAL_KEY, max_size=3),
        budgets=st.lists(LIMIT, max_size=3),
        rate_limits=st.lists(some(id=NAMES, request_max_limit=JSON, request_reset_duration=NAMES), max_size=2),
        teams=st.lists(some(id=NAMES, name=NAMES, customer_id=NAMES), max_size=2),
        customers=st.lists(some(id=NAMES), max_size=2),
        routing_rules=st.lists(RULE, max_size=2),
        pricing_overrides=st.lists(some(pattern=NAMES, pricing_patch=JSON), max_size=2),
        model_configs=st.lists(some(model_name=NAMES, budget_id=NAMES), max_size=2),
        providers=st.lists(some(name=NAMES, budget_id=NAMES), max_size=2),
    ),
    client=some(enforce_auth_on_inference=st.booleans()),
    plugins=st.lists(some(name=st.sampled_from(["semantic_cache", "otel"]), config=JSON), max_size=2),
)


@pytest.mark.parametrize("case", BIFROST, ids=lambda path: path.stem)
def test_a_case_becomes_what_it_became(case: Path) -> None:
    assert outcome(case) == golden(case).read_text()


@pytest.mark.parametrize("case", BIFROST, ids=lambda path: path.stem)
def test_no_field_is_dropped_in_silence(case: Path) -> None:
    assert unreported(document(case), converted(case).report) == []


@pytest.mark.parametrize("case", BIFROST, ids=lambda path: path.stem)
def test_bodies_are_what_limits_and_references_must_be(case: Path) -> None:
    check_bodies(converted(case).imported)


def test_there_are_fifteen_cases() -> None:
    assert len(BIFROST) == 15


@given(DOCUMENT)
def test_any_document_is_converted_or_told_of(values: Any) -> None:
    values = msgspec.json.decode(msgspec.json.encode(values))
    conversion = from_bifrost(values)
    check_bodies(conversion.imported)
    msgspec.json.encode(conversion.imported.values())
    assert str(conversion.report)


def test_old_keys_are_taken_over_by_their_digest() -> None:
    keys = {each["name"]: each for each in converted(CASES / "bifrost" / "06-virtual-keys.json").imported.api_keys}
    assert keys["platform"]["digest"] == f"sha256:{hashlib.sha256(b'sk-bf-platform-0123456789').hexdigest()}"
    assert keys["from-environment"]["digest"] == f"sha256:{hashlib.sha256(b'sk-bf-from-environment').hexdigest()}"
    assert keys["pinned"]["expires_at"] == "2027-01-01T00:00:00Z"
    assert keys["off"]["status"] == "disabled"


@pytest.mark.parametrize(("version", "is_open"), [(1, True), (2, False), (None, False), (3, False), ("1", True)])
def test_an_empty_list_allows_all_in_version_1_and_nothing_in_version_2(version: Any, is_open: bool) -> None:
    values = {
        "version": version,
        "providers": {"openai": {"keys": [{"name": "o", "value": "env.K", "models": ["*"]}]}},
        "governance": {
            "virtual_keys": [
                {
                    "name": "empty",
                    "value": "sk-bf-1",
                    "provider_configs": [{"provider": "openai", "allowed_models": []}],
                },
                {"name": "none", "value": "sk-bf-2", "provider_configs": []},
            ]
        },
    }
    imported = from_bifrost(values).imported
    assert [each.get("status") for each in imported.api_keys] == [None if is_open else "disabled"] * 2
    assert [each["defaults"].get("config_id") for each in imported.api_keys] == ["bifrost" if is_open else None] * 2


@pytest.mark.parametrize(("version", "models"), [(1, True), (2, False)])
def test_a_key_without_models_serves_all_in_version_1_and_none_in_version_2(version: int, models: bool) -> None:
    values = {"version": version, "providers": {"openai": {"keys": [{"name": "o", "value": "env.K", "models": []}]}}}
    imported = from_bifrost(values).imported
    assert bool(imported.configs) is models
    assert [each["body"]["allow_all_models"] for each in imported.models] == ([] if models else [False])


def test_opening_balances_are_rounded_to_the_nanodollar() -> None:
    balances = converted(CASES / "bifrost" / "09-budgets.json").imported.opening_balances
    assert [each["amount"] for each in balances] == [4.25, 0.123456789]


def test_callers_without_a_key_are_shut_out_with_consent_only() -> None:
    report = converted(CASES / "bifrost" / "14-plugins-and-open.json").report
    [line] = [line for line in report.lines if line.path == "client.enforce_auth_on_inference"]
    assert (line.outcome, line.needs_consent) == (Outcome.NEAR, True)


def test_a_document_that_is_no_object_is_told_of() -> None:
    [line] = from_bifrost("text").report.lines
    assert (line.outcome, line.path) == (Outcome.LOST, "config.json")
