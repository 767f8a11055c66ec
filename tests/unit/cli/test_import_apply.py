"""``penstock import … --apply``: what it writes, says and refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from commands import run

GOOD = """
model_list:
  - model_name: a
    litellm_params: {model: openai/m, api_key: os.environ/OPENAI_API_KEY, rpm: 5}
general_settings: {master_key: sk-0123456789abcdefghij}
"""
LOSING = GOOD + "litellm_settings: {success_callback: [langsmith]}\n"
Apply = Callable[..., Result]


@pytest.fixture
def apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apply:
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", f"k:{base64.b64encode(bytes(32)).decode()}")
    store = f"sqlite:///{tmp_path / 'penstock.db'}"

    def do(text: str, *options: str) -> Result:
        return run("import", "litellm", "-", "--apply", "--store", store, *options, stdin=text)

    return do


def test_an_import_is_written_once(apply: Apply) -> None:
    first = apply(GOOD)
    assert first.exit_code == 0
    assert "created: provider a" in first.stdout
    assert "Variables that must be set where the gateway starts: OPENAI_API_KEY." in first.stdout
    assert first.stderr == "Written: 4 created, 0 replaced, 0 unchanged, 0 left alone, 0 left out.\n"
    second = apply(GOOD)
    assert (second.exit_code, second.stderr) == (0, "Nothing is changed: all of it is there already.\n")


def test_what_needs_consent_is_not_written(apply: Apply) -> None:
    refused = apply(LOSING)
    assert (refused.exit_code, refused.stderr) == (3, "1 line needs your consent: add --accept\n")
    assert "created" not in refused.stdout
    assert "created: provider a" in apply(LOSING, "--accept").stdout


def test_a_dry_run_tells_what_would_be_written(apply: Apply) -> None:
    for _ in range(2):
        told = apply(GOOD, "--dry-run")
        assert told.exit_code == 0
        assert told.stderr.startswith("Nothing is written. It would be: 4 created")
    told = apply(LOSING, "--dry-run")
    assert told.exit_code == 3
    assert "created: provider a" in told.stdout


def test_what_is_there_with_other_contents_needs_consent(apply: Apply) -> None:
    apply(GOOD)
    other = GOOD.replace("rpm: 5", "rpm: 6")
    refused = apply(other)
    assert refused.exit_code == 3
    assert "left alone: provider a (its limits differ)" in refused.stdout
    assert "Nothing is written: 1 thing is there with other contents." in refused.stderr
    assert "1 left alone" not in apply(other, "--accept").stderr
    assert "1 replaced" in apply(other, "--replace").stderr
    assert apply(other).stderr == "Nothing is changed: all of it is there already.\n"


def test_the_outcome_as_json(apply: Apply) -> None:
    value = json.loads(apply(GOOD, "--json").stdout)
    assert value["written"] is True
    assert value["variables_to_set"] == ["OPENAI_API_KEY"]
    assert {step["outcome"] for step in value["steps"]} == {"created"}
    refused = json.loads(apply(LOSING, "--json").stdout)
    assert (refused["written"], refused["steps"]) == (False, [])


@pytest.mark.parametrize(
    "options", [["--apply", "--toml"], ["--json", "--replace"], ["--json", "--store", "sqlite://"]]
)
def test_options_that_exclude_each_other(options: list[str]) -> None:
    assert run("import", "litellm", "-", *options, stdin=GOOD).exit_code == 2


def test_a_credential_without_a_key_to_encrypt_it(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_SECRET_KEYS")
    refused = apply(GOOD.replace("os.environ/OPENAI_API_KEY", "sk-in-clear"))
    assert refused.exit_code == 1
    assert "nothing is written" in refused.stderr
    assert "PENSTOCK_SECRET_KEYS" in refused.stderr
