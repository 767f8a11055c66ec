"""``penstock secrets``: new keys, how many secrets each has, everything encrypted with the newest."""

from __future__ import annotations

import json

import pytest
from click.testing import Result

from commands import run as run_command
from penstock.stores.sql.keyring import parse_keyring

DATABASE = ("--database", "sqlite:///penstock.db")


def run(*arguments: str) -> Result:
    result = run_command("secrets", *arguments)
    assert result.exit_code == 0, result.output
    return result


def test_a_new_key_is_an_entry_for_the_environment() -> None:
    named, unnamed = run("new-key", "2026b"), run("new-key")
    assert named.stdout.startswith("2026b:")
    assert "PENSTOCK_SECRET_KEYS" in named.stderr
    assert parse_keyring(f"{named.stdout.strip()},{unnamed.stdout.strip()}").first == "2026b"
    assert run("new-key").stdout != unnamed.stdout
    refused = run_command("secrets", "new-key", "a:b")
    assert (refused.exit_code, refused.stdout) == (1, "")


def test_secrets_move_to_the_newest_key_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "`penstock secrets new-key` makes a key" in run("status", *DATABASE).stdout
    old, new = run("new-key", "old").stdout.strip(), run("new-key", "new").stdout.strip()
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", old)
    made = run_command("provider", "create", "a", "--provider", "openai", "--key", "-", *DATABASE, stdin="sk-secret")
    assert made.exit_code == 0, made.output
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", f"{new},{old}")
    assert json.loads(run("status", "--json", *DATABASE).stdout)["data"] == [
        {"key": "new", "secrets": 0, "encrypts": True},
        {"key": "old", "secrets": 2, "encrypts": False},
    ]
    assert "2 secrets are encrypted anew with the key new" in run("rotate", *DATABASE).stdout
    assert json.loads(run("rotate", "--json", *DATABASE).stdout) == {"key": "new", "rotated": 0}
    assert run("status", *DATABASE).stdout.split()[3:] == ["new", "2", "true", "old", "0", "false"]
    audited = json.loads(run_command("audit", "list", "--action", "rotate", "--json", *DATABASE).stdout)
    assert [row["resource_id"] for row in audited["records"]] == ["new"]

    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", old)
    refused = run_command("secrets", "status", *DATABASE)
    assert refused.exit_code == 1
    assert "are encrypted with the key new: add it to PENSTOCK_SECRET_KEYS" in refused.stderr


def test_without_a_key_nothing_can_be_rotated() -> None:
    refused = run_command("secrets", "rotate", *DATABASE)
    assert refused.exit_code == 1
    assert "there is no key: run `penstock secrets new-key`" in refused.stderr
