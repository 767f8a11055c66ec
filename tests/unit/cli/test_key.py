"""``penstock key``: what it prints lets the key in, and the key is printed once or not at all."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main
from penstock.control.keys.text import is_key_text
from penstock.stores.catalogue import Catalogue
from penstock.stores.file import read
from penstock.stores.sql.keyring import new_key


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["key", "make", *arguments], input=stdin, catch_exceptions=False)


def pasted(folder: Path, lines: str) -> Catalogue:
    (folder / "penstock.toml").write_text(lines)
    return read(folder / "penstock.toml", {}, ())


@pytest.mark.parametrize("name", ["team-a", "team.a", "7"])
def test_a_new_key_is_let_in_by_the_lines_below_it(tmp_path: Path, name: str) -> None:
    result = run(name)
    key, _, lines = result.stdout.partition("\n")
    assert re.fullmatch(r"pk-[A-Za-z0-9_-]{32,}", key)
    assert key not in lines + result.stderr
    holder = pasted(tmp_path, lines).key_for(key)
    assert holder is not None
    assert holder.name == name


def test_every_key_is_another() -> None:
    assert len({run().stdout.partition("\n")[0] for _ in range(9)}) == 9


def test_a_key_that_exists_already_is_not_printed(tmp_path: Path) -> None:
    result = run("bob", "--hash", stdin="sk-hunter2\n")
    assert "hunter2" not in result.output
    assert pasted(tmp_path, result.stdout).key_for("sk-hunter2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hash",), "Error: standard input holds no key\n"),
        (("a b",), "Error: a b is no name: use letters, digits, dots, dashes and underscores\n"),
    ],
)
def test_refusals(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments, stdin=" \n")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a", "the key can be guessed: it has 1 characters, 1 different ones."),
        ("sk-1234", "the key can be guessed: it has 7 characters, 7 different ones."),
        ("a" * 64, "the key can be guessed: it has 64 characters, 1 different ones."),
        ("abababababababab", "the key can be guessed: it has 16 characters, 2 different ones."),
        ("two words 0123456789", "the key holds a space or a character that no header can carry"),
        ("schl\u00fcssel-0123456789", "the key holds a space or a character that no header can carry"),
    ],
)
def test_a_key_that_can_be_guessed_is_refused(key: str, said: str) -> None:
    result = run("bob", "--hash", stdin=f"{key}\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


def test_a_short_key_is_taken_with_a_warning() -> None:
    result = run("bob", "--hash", stdin="0123456789abc\n")
    assert result.exit_code == 0
    assert result.stderr == "Warning: the key is short. Take 20 random characters, or more.\n"
    assert run("bob", "--hash", stdin="0123456789abcdefghij\n").stderr == ""


# Keys of the database.


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'penstock.db'}"


def on(database: str, *arguments: str, stdin: str | None = None) -> Result:
    command = ["key", *arguments, "--database", database]
    return CliRunner().invoke(main, command, input=stdin, catch_exceptions=False)


def ids(database: str) -> list[str]:
    return [each["id"] for each in json.loads(on(database, "list", "--json").output)["data"]]


def test_the_first_admin_key_is_made_offline_and_shown_once(database: str) -> None:
    made = on(database, "create", "--admin")
    key = made.stdout.strip()
    assert is_key_text(key)
    assert key.startswith("penstock_admin_")
    (id_,) = ids(database)
    shown = on(database, "show", id_)
    assert key not in shown.output
    assert "organisation-service" in shown.output


def test_a_key_is_made_with_members_changed_rotated_and_deleted(database: str) -> None:
    made = on(
        database, "create", "bot", "--budget", "1", "--reset", "monthly", "--rpm", "10", "--tpm", "900", "--concurrency",
        "2", "--label", "team=search", "--metadata", "_user=bot", "--model", "gpt-5*", "--provider", "@main", "--ip",
        "10.0.0.0/8", "--expires", "2099-01-01T00:00:00Z", "--description", "a bot", "--pin-config",
        "--alias", "fast=@main/gpt-5-mini",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    (id_,) = ids(database)

    def shown() -> dict[str, Any]:
        item: dict[str, Any] = json.loads(on(database, "show", id_, "--json").output)
        return item

    item = shown()
    assert item["usage_limits"]["credit_limit"] == 1
    assert [each["value"] for each in item["rate_limits"]] == [10, 900]
    assert (item["labels"], item["defaults"]["metadata"]) == ({"team": "search"}, {"_user": "bot"})
    assert (item["allowed_models"], item["allowed_providers"]) == (["gpt-5*"], ["main"])
    assert (item["allow_config_override"], item["concurrency_limit"]) == (0, 2)
    assert item["model_aliases"] == {"fast": {"target": "@main/gpt-5-mini"}}
    assert item["scopes"] == ["completions.write", "logs.write", "prompts.render"]
    assert on(database, "update", id_, "--budget", "2.5", "--clear", "rate_limits").output == f"{id_} is changed.\n"
    assert (shown()["usage_limits"]["credit_limit"], shown()["rate_limits"]) == (2.5, [])
    assert on(database, "disable", id_).exit_code == 0
    assert shown()["status"] == "disabled"
    assert on(database, "update", id_, "--enable", "--name", "bot 2").exit_code == 0
    assert (shown()["status"], shown()["name"]) == ("active", "bot 2")
    rotated = on(database, "rotate", id_, "--minutes", "0")
    assert is_key_text(rotated.stdout.strip())
    assert rotated.stdout != made.stdout
    assert on(database, "delete", id_).output == f"{id_} is deleted.\n"
    assert ids(database) == []


def test_a_key_of_another_gateway_keeps_its_text(database: str) -> None:
    key = "sk-of-another-gateway-0123456789"
    made = on(database, "create", "moved", "--from-stdin", "--json", stdin=f"{key}\n")
    assert json.loads(made.output)["key"] == key
    again = on(database, "create", "moved", "--from-stdin", stdin=f"{key}\n")
    assert again.stderr == "Error: there is a key with this text already\n"


def test_refusals_of_the_database(database: str) -> None:
    refused = on(database, "create", "--scope", "nope", "--ip", "x")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: 2 problems:\n  /scopes/0: ")
    assert on(database, "show", "nope").stderr == "Error: there is no key nope\n"
    assert "NAME=VALUE" in on(database, "create", "--label", "x").stderr
    assert "--budget" in on(database, "create", "--reset", "daily").stderr
    assert "nothing is to be changed" in on(database, "update", "x").stderr
    assert "no driver for mysql" in on("mysql://x", "list").stderr
    assert "there is no database" in on("none", "list").stderr


def test_a_key_is_rotated_by_a_schedule(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "PENSTOCK_SECRET_KEYS" in on(database, "create", "bot", "--rotate", "monthly").stderr
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", new_key("first", bytes(range(32))))
    assert on(database, "create", "bot", "--rotate", "30", "--rotate-minutes", "120").exit_code == 0
    (id_,) = ids(database)

    def policy() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(on(database, "show", id_, "--json").output)["rotation_policy"]
        return found

    assert (policy()["rotation_period_days"], policy()["key_transition_period_ms"]) == (30, 7_200_000)
    assert on(database, "update", id_, "--rotate", "weekly").exit_code == 0
    assert (policy()["rotation_period"], policy()["key_transition_period_ms"]) == ("weekly", 1_800_000)
    assert "rotate it with POST" in on(database, "text", id_).stderr
    assert on(database, "update", id_, "--clear", "rotation_policy").exit_code == 0
    assert policy() is None
    assert "name --rotate" in on(database, "update", id_, "--rotate-minutes", "60").stderr
