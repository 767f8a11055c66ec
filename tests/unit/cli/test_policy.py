"""``penstock policy``: limits for the requests that meet conditions, on a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result

from commands import run as run_command


def run(*arguments: str) -> Result:
    return run_command("policy", *arguments, "--database", "sqlite:///penstock.db")


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def new(*arguments: str) -> str:
    made: dict[str, Any] = json.loads(done("create", *arguments, "--json"))
    return str(made["id"])


def shown(id_: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("show", id_, "--json"))
    return found


def test_a_budget_for_each_team_is_made_changed_and_archived() -> None:
    id_ = new("teams", "--budget", "3", "--reset", "monthly", "--where", "metadata.team=*")
    found = shown(id_)
    assert (found["type"], found["credit_limit"], found["periodic_reset"]) == ("cost", 3, "monthly")
    assert found["conditions"] == [{"key": "metadata.team", "value": "*"}]
    assert found["group_by"] == [{"key": "metadata.team"}]
    assert found["value_key_usage_map"] == {}
    assert done("update", id_, "--budget", "2.5", "--name", "all teams") == f"{id_} is changed.\n"
    changed = shown(id_)
    assert (changed["name"], changed["credit_limit"], changed["periodic_reset"]) == ("all teams", 2.5, "monthly")
    assert done("archive", id_) == f"{id_} is archived.\n"
    assert len(done("list").splitlines()) == 1
    assert id_ in done("list", "--archived")


def test_budgets_and_rates_are_in_one_list() -> None:
    ids = [new("a", "--tokens", "1000"), new("b", "--rpm", "60", "--by", "model", "--where", "api_key=*")]
    lines = [line.split() for line in done("list").splitlines()[1:]]
    assert [line[0] for line in lines] == ids
    assert [line[2:5] for line in lines] == [
        ["1000", "tokens", '[{"key":"api_key","value":"*"}]'],
        ["60", "requests", "rpm"],
    ]
    assert shown(ids[1])["group_by"] == [{"key": "model"}]
    assert done("update", ids[1], "--rpm", "30")
    assert shown(ids[1])["value"] == 30


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "p"), "name one of --budget, --tokens, --requests, --rpm, --tpm"),
        (("create", "p", "--rpm", "5", "--budget", "5"), "name one of --budget"),
        (("create", "p", "--rpm", "5", "--reset", "monthly"), "--reset belongs to a budget"),
        (("create", "p", "--rpm", "5", "--where", "teem=a"), "there is no such fact"),
        (("show", "nothing"), "there is no policy nothing"),
        (("update", "nothing"), "nothing is to be changed"),
        (("reset", "nothing"), "there is no policy nothing"),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert told in result.stderr


def test_a_value_that_used_nothing_can_not_begin_anew() -> None:
    assert "there is no entity red" in run("reset", new("p", "--budget", "5"), "red").stderr
