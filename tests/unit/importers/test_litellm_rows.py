"""Rows of LiteLLM's database: keys by their digest, and all that limits them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing import HOSTS, digest_of
from importing_checks import check_bodies
from penstock.importers.imported import Conversion, Imported
from penstock.importers.litellm import convert
from penstock.importers.litellm_rows import Rows

DIGEST = hashlib.sha256(b"sk-old-key").hexdigest()
FILE = {
    "model_list": [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_key": "os.environ/K"},
            "model_info": info,
        }
        for name, info in (("a", {}), ("b", {"access_groups": ["beta"]}), ("t", {"team_id": "team-1"}))
    ]
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from([DIGEST, "sk-x", "a", "team-1", "b-1", "30d", "all-team-models"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
COLUMNS = (
    "token key_alias spend expires models user_id team_id max_parallel_requests metadata blocked tpm_limit rpm_limit "
    "max_budget soft_budget budget_duration allowed_routes model_max_budget budget_id organization_id team_alias"
).split()
ROWS = st.lists(st.dictionaries(st.sampled_from(COLUMNS), JSON, max_size=8), max_size=3)


def imported(*keys: dict[str, Any], **tables: Any) -> Conversion:
    rows = Rows(keys=[{"token": DIGEST, "key_alias": "one", **key} for key in keys], **tables)
    return convert(FILE, HOSTS, digest_of, rows)


def key(*keys: dict[str, Any], **tables: Any) -> tuple[dict[str, Any], Imported]:
    conversion = imported(*keys, **tables)
    check_bodies(conversion.imported)
    [body] = conversion.imported.api_keys
    return body, conversion.imported


def names(conversion: Imported, config: str) -> list[str]:
    [body] = [each["config"] for each in conversion.configs if each["name"] == config]
    return [each["then"] for each in body["strategy"]["conditions"]]


def test_a_key_keeps_its_digest_and_has_the_config_of_all() -> None:
    body, _ = key({"models": []})
    assert body["digest"] == f"sha256:{DIGEST}"
    assert body["defaults"] == {"allow_config_override": False, "config_id": "litellm"}
    assert key({"token": "sk-old-key"})[0]["digest"] == f"sha256:{DIGEST}"


@pytest.mark.parametrize(
    ("models", "team", "expected"),
    [
        (["a"], None, ["a"]),
        (["beta"], None, ["b"]),
        (["all-proxy-models"], None, ["a", "b"]),
        ([], {"models": ["a"]}, ["a", ]),
        (["all-team-models"], {"models": ["b", "t"]}, ["b", "t"]),
        (["a", "b"], {"models": ["b"]}, ["b"]),
        ([], {"models": []}, ["a", "b", "t"]),
    ],
)  # fmt: skip
def test_models_are_those_of_the_key_and_of_its_team(models: list[str], team: Any, expected: list[str]) -> None:
    teams = [] if team is None else [{"team_id": "team-1", **team}]
    body, found = key({"models": models, "team_id": None if team is None else "team-1"}, teams=teams)
    assert names(found, body["defaults"]["config_id"]) == expected


def test_a_key_without_a_model_is_disabled_as_one_that_is_blocked_or_only_administers() -> None:
    assert key({"models": ["nothing"]})[0]["status"] == "disabled"
    assert key({"blocked": True})[0]["status"] == "disabled"
    assert key({"allowed_routes": ["management_routes"]})[0]["status"] == "disabled"
    assert key({"team_id": "x"}, teams=[{"team_id": "x", "blocked": True}])[0]["status"] == "disabled"
    assert "status" not in key({"allowed_routes": ["llm_api_routes"], "blocked": False})[0]


def test_limits_are_the_keys_or_those_of_the_budget_that_it_names() -> None:
    body, found = key(
        {"budget_id": "b-1", "rpm_limit": 5, "spend": 0.1234567891, "model_max_budget": {"a": {"budget_limit": 1}}},
        budgets=[{"budget_id": "b-1", "max_budget": 10.0, "soft_budget": 8, "budget_duration": "30d", "rpm_limit": 9}],
    )
    assert body["usage_limits"] == {
        "type": "cost", "credit_limit": 10, "periodic_reset": "monthly", "alert_threshold": 8,
    }  # fmt: skip
    assert body["rate_limits"] == [{"type": "requests", "unit": "rpm", "value": 5}]
    assert found.opening_balances == [{"level": "api_key", "owner": "one", "type": "cost", "amount": 0.123456789}]
    assert found.usage_policies[0]["conditions"] == [{"key": "api_key", "value": "one"}, {"key": "model", "value": "a"}]


def test_labels_are_forced_into_the_metadata() -> None:
    row = {"team_id": "x", "user_id": "u", "metadata": {"env": "prod", "n": 1}, "expires": "2027-01-01T00:00:00+00:00"}
    body, found = key(row, teams=[{"team_id": "x", "team_alias": "Search", "max_budget": 3, "tpm_limit": 7}])
    assert body["labels"] == {"user": "u", "team": "Search"}
    assert body["defaults"]["metadata"] == {"env": "prod", "user": "u", "team": "Search"}
    assert body["expires_at"] == "2027-01-01T00:00:00+00:00"
    assert found.usage_policies[0]["conditions"] == [{"key": "metadata.team", "value": "Search"}]
    assert found.rate_policies[0]["value"] == 7


def test_what_can_not_be_carried_over_needs_consent() -> None:
    conversion = imported(
        {"budget_id": "gone"},
        teams=[{"team_id": "x", "max_parallel_requests": 2}],
        end_users=[{"user_id": "bad", "blocked": True}, {"user_id": "u", "max_budget": 1}],
    )
    assert [line.path for line in conversion.report.lines if line.needs_consent] == [
        "teams.x.max_parallel_requests", "keys.one.budget_id", "end users.bad.blocked",
    ]  # fmt: skip


def test_keys_that_are_no_keys_are_left_out() -> None:
    conversion = imported({"token": "no digest"}, {"team_id": "litellm-dashboard"})
    assert conversion.imported.api_keys == []
    assert [line.outcome.value for line in conversion.report.lines if line.path == "keys.one"] == ["✗", "~"]


@given(ROWS, ROWS, ROWS, ROWS)
def test_any_rows_are_converted_or_told_of(keys: Any, teams: Any, budgets: Any, end_users: Any) -> None:
    tables = msgspec.json.decode(msgspec.json.encode([keys, teams, budgets, end_users]))
    conversion = convert(FILE, HOSTS, digest_of, Rows(*tables))
    check_bodies(conversion.imported)
    msgspec.json.encode(conversion.imported.values())
