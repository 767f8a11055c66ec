"""``penstock import``: the report, the file, and what needs consent."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands import run

GOOD = """
model_list:
  - model_name: a
    litellm_params: {model: openai/m, api_key: os.environ/OPENAI_API_KEY}
general_settings: {master_key: sk-0123456789abcdefghij}
"""
LOSING = GOOD + "litellm_settings: {success_callback: [langsmith]}\n"
LIMITED = GOOD.replace("api_key:", "rpm: 5, api_key:")


def test_a_dry_run_is_the_report() -> None:
    result = run("import", "litellm", "-", "--dry-run", stdin=GOOD)
    assert result.exit_code == 0
    assert "= model_list[0].litellm_params.model: openai, model m" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("4 exact (=), 1 near (~)")


def test_the_file_is_on_standard_output_alone() -> None:
    result = run("import", "litellm", "-", "--toml", stdin=GOOD)
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout)["virtual_keys"]["openai"]["credential"] == "env:OPENAI_API_KEY"
    assert "= model_list[0]" in result.stderr


@pytest.mark.parametrize("form", ["--dry-run", "--toml", "--json"])
def test_what_is_lost_needs_consent(form: str) -> None:
    result = run("import", "litellm", "-", form, stdin=LOSING)
    assert result.exit_code == 3
    assert "1 line needs your consent: add --accept" in result.stderr
    assert "[configs" not in result.stdout
    assert run("import", "litellm", "-", form, "--accept", stdin=LOSING).exit_code == 0


def test_limits_that_a_file_can_not_hold_need_consent() -> None:
    assert run("import", "litellm", "-", "--dry-run", stdin=LIMITED).exit_code == 0
    assert run("import", "litellm", "-", "--toml", stdin=LIMITED).exit_code == 3


def test_bodies_and_report_as_json() -> None:
    value = json.loads(run("import", "litellm", "-", "--json", stdin=GOOD).stdout)
    assert value["create"]["api_keys"][0]["name"] == "litellm-master"
    assert {line["outcome"] for line in value["report"]} == {"=", "~"}


def test_bifrost_and_a_folder_of_portkeys(tmp_path: Path) -> None:
    document = {"version": 2, "providers": {"openai": {"keys": [{"name": "o", "value": "env.K", "models": ["m"]}]}}}
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert "[virtual_keys.o]" in run("import", "bifrost", str(tmp_path / "config.json"), "--toml").stdout
    (tmp_path / "config.json").write_text('{"provider": "openai"}')
    assert '[configs.config]\nprovider = "openai"' in run("import", "portkey", str(tmp_path), "--toml").stdout
    (tmp_path / "config.json").unlink()
    assert run("import", "portkey", str(tmp_path), "--toml").exit_code == 1


@pytest.mark.parametrize("options", [[], ["--toml", "--json"], ["--accept"]])
def test_one_form_is_chosen(options: list[str]) -> None:
    assert run("import", "litellm", "-", *options, stdin=GOOD).exit_code == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "config.yaml:1: it is not valid YAML"),
        ("a: &a [*a]", "it holds what JSON can't"),
        ("? [1, 2]\n: 3", "it is not valid YAML"),
        ("a: " + "9" * 500, "config.yaml:1: it is not valid YAML"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ("a: !!python/object:os.system x", "it is not valid YAML"),
    ],
)
def test_what_is_no_yaml_within_bounds_is_told_of(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    result = run("import", "litellm", str(file), "--dry-run")
    assert result.exit_code == 1
    assert reason in result.stderr


def test_no_file_no_text_and_too_much_of_it(tmp_path: Path) -> None:
    assert "can't be read" in run("import", "bifrost", str(tmp_path / "none.json"), "--json").stderr
    (tmp_path / "a.json").write_bytes(b"\xff")
    assert "is not UTF-8 text" in run("import", "bifrost", str(tmp_path / "a.json"), "--json").stderr
    (tmp_path / "a.json").write_bytes(b" " * (5 << 20))
    assert "it is larger than" in run("import", "bifrost", str(tmp_path / "a.json"), "--json").stderr
    (tmp_path / "a.json").write_text("{")
    assert "it is not valid JSON" in run("import", "bifrost", str(tmp_path / "a.json"), "--json").stderr


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.text("a:[]{}&*!-? \n'\"|>%@`#,0.", max_size=40))
def test_any_text_is_read_or_told_of(text: str) -> None:
    assert run("import", "litellm", "-", "--dry-run", stdin=text).exit_code in {0, 1, 3}
    assert run("import", "bifrost", "-", "--dry-run", stdin=text).exit_code in {0, 1, 3}
