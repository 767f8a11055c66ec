"""``penstock config``: configs of the database on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'penstock.db'}"


def run(database: str, *arguments: str, stdin: str | None = None) -> Result:
    command = ["config", *arguments, "--database", database]
    return CliRunner().invoke(main, command, input=stdin, catch_exceptions=False)


def test_a_config_is_put_shown_and_deleted(database: str, tmp_path: Path) -> None:
    file = tmp_path / "main.json"
    file.write_text('{"provider": "echo"}')
    assert run(database, "put", "main", "--file", str(file), "--default").output.startswith("main is saved: version ")
    file.write_text('{"provider": "echo", "retry": {"attempts": 1}}')
    assert run(database, "put", "main", "--file", str(file), "--name", "The main one").exit_code == 0
    shown = json.loads(run(database, "show", "main", "--json").output)
    assert (shown["name"], shown["is_default"]) == ("The main one", 1)
    assert json.loads(shown["config"])["retry"] == {"attempts": 1}
    lines = run(database, "versions", "main").output.splitlines()
    assert [line.split()[0] for line in lines] == ["VERSION", "2", "1"]
    assert run(database, "list").output.splitlines()[1].split()[0] == "main"
    assert run(database, "delete", "main").output == "main is deleted.\n"
    assert run(database, "list", "--json").output.strip() == '{\n  "object": "list",\n  "total": 0,\n  "data": []\n}'


def test_what_is_missing_is_told_and_what_is_wrong_refused(database: str) -> None:
    warned = run(database, "put", "later", "--file", "-", stdin='{"provider": "@later"}')
    assert "Warning: There is no provider @later yet" in warned.stderr
    refused = run(database, "put", "bad", "--file", "-", stdin='{"provider": "nope"}')
    assert refused.exit_code == 1
    assert "/config" in refused.stderr
    assert "no slug" in run(database, "put", "a b", "--file", "-", stdin="{}").stderr
    assert run(database, "show", "nope").stderr == "Error: there is no config nope\n"
