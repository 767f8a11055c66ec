"""``penstock audit``: the log of changes on the command line."""

import json
import sqlite3
from pathlib import Path

from click.testing import CliRunner, Result

from penstock.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def test_changes_are_listed_and_the_log_is_verified(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    there = ("--database", f"sqlite:///{file}")
    assert run("key", "create", "--admin", *there).exit_code == 0
    assert run("key", "create", "bot", *there).exit_code == 0
    (row, *_) = json.loads(run("audit", "list", "--json", *there).output)["records"]
    assert (row["user_id"], row["action"], row["resource_type"]) == ("cli", "create", "api_key")
    assert len(run("audit", "list", "--action", "create", *there).output.splitlines()) == 3
    assert run("audit", "list", "--resource", "config", *there).output.count("\n") == 1
    assert run("audit", "verify", *there).output == "The audit log is whole: 2 rows.\n"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE audit SET action = 'read' WHERE seq = 1")
    connection.close()
    altered = run("audit", "verify", *there)
    assert altered.exit_code == 1
    assert altered.stderr == "Error: the audit log was altered: row 1 was changed\n"
    assert json.loads(run("audit", "verify", "--json", *there).stdout)["problem"] == "row 1 was changed"
