"""LiteLLM's configurations: what they become, field by field, and as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing import CASES, HOSTS, LITELLM, converted, digest_of, document, from_litellm, golden, outcome
from importing_checks import check_bodies, unreported
from penstock.importers.litellm import convert
from penstock.importers.report import Outcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["os.environ/KEY", "os.environ/", "openai/*", "azure/x", "*", "30d", "a/b", "1.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
PARAMS = (
    "model api_key api_base api_version rpm tpm rpd weight order tags timeout stream_timeout num_retries max_budget "
    "budget_duration custom_llm_provider input_cost_per_token aws_region_name vertex_credentials max_parallel_requests "
    "extra_headers litellm_credential_name additional_drop_params organization temperature"
).split()
SETTINGS = (
    "fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks num_retries request_timeout cache "
    "cache_params max_budget budget_duration success_callback callbacks allowed_fails cooldown_time routing_strategy "
    "model_group_alias enable_tag_filtering master_key global_max_parallel_requests max_end_user_budget retry_policy "
    "max_parallel_requests"
).split()


def members(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), JSON, max_size=6)


DEPLOYMENT = st.fixed_dictionaries(
    {},
    optional={
        "model_name": st.sampled_from(["a", "b", "openai/*", "*"]) | JSON,
        "litellm_params": st.fixed_dictionaries(
            {"model": st.sampled_from(["openai/x", "azure/y", "bedrock/z", "openai/*", "gpt-4o"]) | JSON}
        ).flatmap(lambda model: members(PARAMS).map(lambda rest: {**rest, **model}))
        | JSON,
        "model_info": members(["base_model", "blocked", "team_id", "access_groups", "order", "id"]) | JSON,
    },
)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "model_list": st.lists(DEPLOYMENT, max_size=4) | JSON,
        "litellm_settings": members(SETTINGS) | JSON,
        "router_settings": members(SETTINGS) | JSON,
        "general_settings": members(SETTINGS) | JSON,
        "credential_list": JSON,
        "environment_variables": JSON,
    },
)


@pytest.mark.parametrize("case", LITELLM, ids=lambda path: path.stem)
def test_a_case_becomes_what_it_became(case: Path) -> None:
    assert outcome(case) == golden(case).read_text()


@pytest.mark.parametrize("case", LITELLM, ids=lambda path: path.stem)
def test_no_field_is_dropped_in_silence(case: Path) -> None:
    assert unreported(document(case), converted(case).report) == []


@pytest.mark.parametrize("case", LITELLM, ids=lambda path: path.stem)
def test_bodies_are_what_limits_and_references_must_be(case: Path) -> None:
    check_bodies(converted(case).imported)


def test_there_are_thirty_cases() -> None:
    assert len(LITELLM) == 30
    assert CASES.is_dir()


@given(DOCUMENT | JSON)
def test_any_document_is_converted_or_told_of(values: Any) -> None:
    values = msgspec.json.decode(msgspec.json.encode(values))
    conversion = from_litellm(values)
    check_bodies(conversion.imported)
    msgspec.json.encode(conversion.imported.values())
    assert str(conversion.report)


def test_a_value_of_the_environment_never_gets_into_the_output() -> None:
    conversion = converted(CASES / "litellm" / "02-no-prefix.yaml")
    text = outcome(CASES / "litellm" / "02-no-prefix.yaml")
    [key] = conversion.imported.api_keys
    assert key["digest"] == f"sha256:{digest_of('LITELLM_MASTER_KEY')}"
    assert "sk-master-from-environment" not in text


def test_secrets_in_the_file_are_kept_out_of_the_output() -> None:
    case = CASES / "litellm" / "22-clear-secrets.yaml"
    imported = converted(case).imported
    assert "sk-clear" not in outcome(case)
    assert {name: secret.reveal() for name, secret in imported.secrets.items()} == {
        "IMPORTED_OPENAI_API_KEY": "sk-clear-text-one",
        "IMPORTED_OPENAI_API_KEY_2": "sk-clear-text-two",
    }
    assert "sk-clear" not in repr(imported)


def test_a_master_key_that_is_nowhere_needs_consent() -> None:
    values = {"model_list": [], "general_settings": {"master_key": "os.environ/MASTER"}}
    conversion = convert(values, HOSTS, lambda _: None)
    assert conversion.imported.api_keys == []
    assert any(line.needs_consent and "MASTER is not set" in line.text for line in conversion.report.lines)
    found = convert(values, HOSTS, lambda name: hashlib.sha256(name.encode()).hexdigest())
    [key] = found.imported.api_keys
    assert key["digest"] == f"sha256:{hashlib.sha256(b'MASTER').hexdigest()}"


def test_a_config_has_an_end_and_what_is_beyond_is_told_of() -> None:
    def listed(names: list[str]) -> Any:
        return {"model_list": [{"model_name": each, "litellm_params": {"model": f"openai/{each}"}} for each in names]}

    many = from_litellm(listed([f"m{number}" for number in range(1001)]))
    assert [str(line) for line in many.report.blocking] == [
        "✗ model_list: there are more than 1000 deployments: m1000 is left out"
    ]
    stars = from_litellm(listed([f"m{number}-*" for number in range(101)]))
    assert [str(line) for line in stars.report.blocking] == [
        "✗ model_list: there are more wildcards than a config can have: m100-* is left out"
    ]
    assert len(from_litellm(listed([f"{number}{'x' * 150}*" for number in range(20)])).report.blocking) == 7


def test_a_document_that_is_no_object_is_told_of() -> None:
    [line] = from_litellm([1]).report.lines
    assert (line.outcome, line.path) == (Outcome.LOST, "config.yaml")
