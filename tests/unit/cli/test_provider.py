"""``penstock provider``: the service layer of credentials, on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from commands import run as run_command
from penstock.stores.sql.keyring import new_key

KEY = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", new_key("first", bytes(range(32))))


def run(*arguments: str, stdin: str | None = None) -> Result:
    return run_command("provider", *arguments, "--database", "sqlite:///penstock.db", stdin=stdin)


def done(*arguments: str, stdin: str | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def shown(slug: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("show", slug, "--json").stdout)
    return found


def test_a_credential_comes_from_standard_input_and_is_shown_masked() -> None:
    made = done(
        "create",
        "prod",
        "--provider",
        "openai",
        "--key",
        "-",
        "--budget",
        "5",
        "--rpm",
        "60",
        "--tag",
        "eu",
        "--tag",
        "search",
        stdin=f"{KEY}\n",
    )
    assert made.stdout == "@prod is there.\n"
    found = shown("prod")
    assert (found["masked_api_key"], found["key"], found["provider"]) == ("sk*****def", "", "openai")
    assert found["usage_limits"]["credit_limit"] == 5
    assert found["tags"] == ["eu", "search"]
    assert found["rate_limits"] == [{"type": "requests", "unit": "rpm", "value": 60}]
    listed = done("list")
    assert [line.split()[:4] for line in listed.stdout.splitlines()[1:]] == [["prod", "prod", "openai", "active"]]
    assert KEY not in listed.output + done("show", "prod").output
    assert KEY.encode() not in Path("penstock.db").read_bytes()


def test_a_credential_in_the_command_line_is_kept_with_a_warning() -> None:
    result = done("create", "prod", "--provider", "openai", "--key", KEY)
    assert "a key in the command line is seen by everybody" in result.stderr
    assert KEY not in result.output


def test_references_are_kept_as_references(tmp_path: Path) -> None:
    account = f"vertex_service_account_json=file:{tmp_path / 'account.json'}"
    result = done("create", "v", "--provider", "vertex", "--key", "env:VERTEX", "--setting", account)
    assert result.stderr == ""
    assert shown("v")["masked_api_key"] == ""
    refused = run("create", "w", "--provider", "openai", "--key", "env:PENSTOCK_SECRET_KEYS")
    assert refused.exit_code == 1
    assert "PENSTOCK_SECRET_KEYS is the gateway's own variable" in refused.stderr


def test_a_change_names_what_changes_and_what_is_cleared() -> None:
    done(
        "create",
        "a",
        "--provider",
        "bedrock",
        "--key",
        "-",
        "--setting",
        "aws_region=eu-west-1",
        "--note",
        "n",
        stdin=KEY,
    )
    assert done("update", "a", "--name", "B", "--clear", "note", "--reset-usage").stdout == "@a is changed.\n"
    done("update", "a", "--setting", "aws_region=us-east-1", "--key", "-", stdin="sk-another-0123456789")
    found = shown("a")
    assert (found["name"], found["note"], found["masked_api_key"]) == ("B", None, "sk*****789")
    assert found["model_config"] == {"aws_region": "us-east-1"}
    assert "nothing is to be changed" in run("update", "a").stderr
    assert done("delete", "a").stdout == "@a is deleted.\n"
    assert "there is no provider a" in run("delete", "a").stderr


def test_what_is_wrong_is_told_all_at_once() -> None:
    result = run("create", "a b", "--provider", "openai", "--setting", "openai_projct=p")
    assert result.exit_code == 1
    assert "2 problems:" in result.stderr
    assert "did you mean openai_project?" in result.stderr
    assert "name --provider, for a new credential, or --integration" in run("create", "a").stderr
    assert "standard input holds no key" in run("create", "a", "--provider", "openai", "--key", "-", stdin="").stderr


def test_without_a_key_of_the_keyring_nothing_secret_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_SECRET_KEYS")
    assert (
        "run `penstock secrets new-key`" in run("create", "a", "--provider", "openai", "--key", "-", stdin=KEY).stderr
    )
    assert done("list", "--json").stdout.count('"slug"') == 0


def test_a_provider_may_use_the_credential_of_an_integration() -> None:
    refused = run("create", "a", "--integration", "shared")
    assert "there is no integration shared" in refused.stderr


def test_help_tells_provider_and_providers_apart() -> None:
    assert "listed by `penstock providers`" in " ".join(run_command("provider", "--help").stdout.split())
    assert "`penstock provider` keeps credentials" in " ".join(run_command("providers", "--help").stdout.split())
