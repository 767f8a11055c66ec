"""``penstock limit``: the limits of keys, providers and workspaces, on a terminal."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from click.testing import Result

from commands import run as run_command
from penstock.stores.sql.keyring import new_key

DATABASE = ("--database", "sqlite:///penstock.db")
RATE = {"type": "requests", "unit": "rpm", "value": 60}


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", new_key("first", bytes(range(32))))


def run(*arguments: str) -> Result:
    return run_command("limit", *arguments, *DATABASE)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(owner: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("show", owner, "--json"))
    return found


def new_owners() -> list[str]:
    key = json.loads(run_command("key", "create", "app", "--json", *DATABASE).stdout)["id"]
    run_command("provider", "create", "prod", "--provider", "openai", "--key", "env:KEY", *DATABASE)
    return [f"key:{key}", "provider:prod", "workspace"]


def test_each_kind_of_owner_is_limited_reset_and_let_go() -> None:
    for owner in new_owners():
        assert done("set", owner, "--budget", "5", "--reset", "monthly") == f"{owner} has the limits.\n"
        done("set", owner, "--rpm", "60", "--concurrency", "4")
        found = shown(owner)
        assert (found["rate_limits"], found["concurrency_limit"]) == ([RATE], 4)
        assert "5" in json.dumps(found["usage_limits"])
        assert done("reset", owner) == f"{owner} begins anew.\n"
        done("clear", owner, "--only", "rate_limits")
        assert shown(owner)["rate_limits"] == []
        assert shown(owner)["usage_limits"]
    listed = done("list").splitlines()
    assert [line.split(":")[0] for line in listed[1:]] == ["workspace", "provider", "key"]
    for owner in (line.split()[0] for line in listed[1:]):
        assert done("clear", owner) == f"{owner} is without them.\n"
    assert len(done("list").splitlines()) == 1


def test_what_is_no_owner_and_what_is_no_limit_is_told() -> None:
    for text in ("prod", "key:", "team:a", "workspaces"):
        assert "write key:ID, provider:SLUG or workspace:SLUG" in run("show", text).stderr
    assert "there is no workspace nowhere" in run("set", "workspace:nowhere", "--rpm", "5").stderr
    assert "name a limit" in run("set", "workspace").stderr
    assert run("set", "workspace", "--rpm", "-5").exit_code == 1


@pytest.mark.parametrize(("day", "number"), [("monday", 0), ("sunday", 6)])
def test_weeks_begin_on_the_day_of_the_settings(monkeypatch: pytest.MonkeyPatch, day: str, number: int) -> None:
    monkeypatch.setenv("PENSTOCK_LIMITS_WEEK_STARTS", day)
    done("set", "workspace", "--budget", "5", "--reset", "weekly")
    (budget,) = json.loads(done("show", "workspace", "--json"))["usage_limits"]
    assert datetime.datetime.fromisoformat(budget["next_usage_reset_at"]).weekday() == number
