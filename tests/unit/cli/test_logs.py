"""``penstock logs``: the request log on the command line."""

import asyncio
import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logged import NOON, entry, write
from penstock.cli import main
from penstock.stores.sql.database import Database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["logs", *arguments], catch_exceptions=False)


@pytest.fixture
def there(tmp_path: Path) -> tuple[str, str]:
    address = f"sqlite:///{tmp_path / 'penstock.db'}"
    made = CliRunner().invoke(main, ["key", "create", "--admin", "--database", address], catch_exceptions=False)
    assert made.exit_code == 0
    details = {"attempts": [{"number": 1, "provider": "openai", "status": 200}]}

    async def fill() -> None:
        database = Database(address)
        await write(database, *(entry(NOON + n, trace_id=f"t{n}", status=200 + n, details=details) for n in range(3)))
        await database.close()

    asyncio.run(fill())
    return "--database", address


def test_requests_are_listed_shown_and_exported(there: tuple[str, str], tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json", *there).stdout)
    assert [item["trace_id"] for item in listed["data"]] == ["t2", "t1", "t0"]
    page = run("list", "--page-size", "2", *there)
    assert page.stdout.count("\n") == 3
    rest = run("list", "--cursor", page.stderr.split()[-1], *there)
    assert rest.stdout.count("\n") == 2
    assert run("list", "--status", "202", *there).stdout.count("\n") == 2
    id_ = listed["data"][0]["id"]
    shown = run("show", id_, *there).stdout
    assert "trace_id" in shown
    assert "openai" in shown.splitlines()[-1]
    assert json.loads(run("show", id_, "--json", *there).stdout)["id"] == id_
    file = tmp_path / "out.csv"
    assert run("export", "--format", "csv", "--most", "2", "--out", str(file), *there).exit_code == 0
    assert len(list(csv.reader(file.read_text().splitlines()))) == 3
    lines = run("export", "--trace", "t1", *there).stdout.splitlines()
    assert [json.loads(line)["trace_id"] for line in lines] == ["t1"]


def test_what_is_wrong_is_told(there: tuple[str, str]) -> None:
    wrong = run("list", "--cost-min", "much", *there)
    assert (wrong.exit_code, wrong.stderr) == (1, "Error: /cost_min: expected a number\n")
    assert run("show", "x", *there).stderr == "Error: there is no log x\n"
