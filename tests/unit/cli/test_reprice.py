"""``penstock reprice`` on the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main
from penstock.cli.control import with_database
from penstock.core.usage import Usage
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LedgerEntry

NOON = 20_454 * 86_400_000_000
SINCE = ("--since", "2025-01-01", "--until", "2027-01-01")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["reprice", *arguments], catch_exceptions=False)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setattr("penstock.cli.price_store.library_table", lambda _: None)
    (tmp_path / "penstock.toml").write_text('[prices."echo/echo"]\ninput = 2\noutput = 3\n')
    address = f"sqlite:///{tmp_path / 'penstock.db'}"
    entry = LedgerEntry("r", 1, NOON, "echo", Usage(10, 5), None, model="echo")
    asyncio.run(with_database(address, lambda database: write_ledger(database, [entry])))
    return "--database", address


def test_a_table_first_and_rows_after_apply(there: tuple[str, str]) -> None:
    dry = run(*SINCE, *there)
    assert dry.output.splitlines()[0].split() == [
        "PROVIDER", "MODEL", "ROWS", "BEFORE", "AFTER", "DIFFERENCE", "NEWLY", "PRICED", "UNPRICED",
    ]  # fmt: skip
    assert dry.output.splitlines()[1].split() == "echo echo 1 0 0.000035 0.000035 1 0".split()
    assert dry.output.splitlines()[-1] == "1 row would change. Nothing is written: --apply does it."
    assert run(*SINCE, "--apply", *there).output.endswith("1 row changed, and budgets had 0 corrections.\n")
    again = json.loads(run(*SINCE, "--json", *there).output)
    assert (again["changed_rows"], again["data"][0]["before"]) == (0, "0.000035")


def test_pictures_and_units_are_computed_where_the_ledger_tells_them(tmp_path: Path, there: tuple[str, str]) -> None:
    prices = '[prices."echo/painter"]\nimages = { hd = { default = 0.08 } }\n[prices."echo/reader"]\nunits = { characters = 2 }\n'
    (tmp_path / "penstock.toml").write_text(prices)
    entries = [
        LedgerEntry("a", 1, NOON, "echo", Usage(), None, model="painter", units={"image.hd.1024x1024": 2}),
        LedgerEntry("b", 1, NOON, "echo", Usage(), None, model="painter"),
        LedgerEntry("c", 1, NOON, "echo", Usage(), None, model="reader", units={"characters": 3}),
    ]
    asyncio.run(with_database(there[1], lambda database: write_ledger(database, entries)))
    rows = {each["model"]: each for each in json.loads(run(*SINCE, "--json", *there).output)["data"]}
    assert (rows["painter"]["after"], rows["reader"]["after"]) == ("0.16", "6")
    assert rows["painter"]["unpriced"] == 1


def test_a_time_that_is_none_is_told(there: tuple[str, str]) -> None:
    found = run("--since", "yesterday", *there)
    assert (found.exit_code, found.stderr) == (1, "Error: --since: expected a time such as 2026-02-01T00:00:00Z\n")
