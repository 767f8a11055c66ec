from pathlib import Path

import pytest

from limiting import budget, hold, rate
from penstock.limits.limit import Amounts, charged
from penstock.stores.counter_journal import CounterJournal, Entry, Release, Settlement, Shrinkage, estimated

ENTRIES: list[Entry] = [
    Settlement(("r", 1), Amounts(None, 3, 4), (hold(budget(5), 2, value=b"\x00\xff" * 16), hold(rate(9)))),
    Release(("r", 2)),
    Shrinkage(("r", 3), (hold(budget(5)).key,)),
]


def opened(folder: Path | None, worker: str) -> CounterJournal:
    journal = CounterJournal(folder, worker)
    journal.open()
    return journal


def drained(journal: CounterJournal) -> list[Entry]:
    entries: list[Entry] = []
    while (entry := journal.first()) is not None:
        entries.append(entry)
        journal.drop_first()
    return entries


@pytest.mark.parametrize("is_in_file", [True, False])
def test_entries_come_back_in_order(tmp_path: Path, is_in_file: bool) -> None:
    journal = opened(tmp_path if is_in_file else None, "w")
    for entry in ENTRIES:
        journal.append(entry)
    assert len(journal) == 3
    assert drained(journal) == ENTRIES
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_dead_workers_journal_is_taken_over_and_a_live_ones_is_not(tmp_path: Path) -> None:
    live, dead = opened(tmp_path, "live"), opened(tmp_path, "dead")
    live.append(ENTRIES[1])
    dead.append(ENTRIES[0])
    dead.close()
    with (tmp_path / "counters-dead.journal").open("ab") as file:
        file.write(b'{"type":"release","reser')
    new = opened(tmp_path, "new")
    assert drained(new) == ENTRIES[:1]
    assert drained(live) == ENTRIES[1:2]
    new.close()
    live.close()
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_cant_be_read_is_dropped_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "counters-old.journal").write_bytes(b"nonsense\n")
    journal = opened(tmp_path, "w")
    journal.append(ENTRIES[1])
    assert drained(journal) == ENTRIES[1:2]
    assert "can't be read" in caplog.text
    journal.close()


def test_a_full_disk_breaks_it_until_it_is_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(tmp_path, "w")
    file = journal._file
    assert file is not None
    with Path("/dev/full").open("wb", buffering=0) as full:
        journal._file = full
        journal.append(ENTRIES[0])
        journal.append(ENTRIES[1])
        journal._file = file
    was_broken = journal.is_broken
    assert caplog.text.count("can't be written") == 1
    assert drained(journal) == ENTRIES[:2]
    assert (was_broken, journal.is_broken) == (True, False)
    journal.close()


def test_a_folder_that_cant_be_written_leaves_it_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    journal = opened(tmp_path / "file" / "folder", "w")
    journal.append(ENTRIES[1])
    assert drained(journal) == ENTRIES[1:2]
    assert "can't be kept" in caplog.text
    journal.close()


def test_a_gateway_that_counts_nothing_leaves_no_file(tmp_path: Path) -> None:
    CounterJournal(tmp_path, "w").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("directions", "amounts"),
    [
        ({"all": 9}, (9, 0)),
        ({"all": 9, "input": 4}, (4, 5)),
        ({"all": 9, "output": 4}, (5, 4)),
        ({"input": 3, "output": 4}, (3, 4)),
    ],
)
def test_an_estimate_charges_each_budget_what_it_holds(directions: dict[str, int], amounts: tuple[int, int]) -> None:
    money, given_back = hold(budget(50), 7), hold(budget(50, id="free", on_loss="release"), 40)
    tokens = [hold(budget(50, "tokens", id=name, direction=name), amount) for name, amount in directions.items()]
    requests = hold(budget(50, "requests", id="requests"), 1)
    budgets = (money, *tokens, requests)
    settlement = estimated(("r", 1), [*budgets, given_back, hold(rate(9))])
    assert settlement == Settlement(("r", 1), Amounts(7, *amounts), budgets)
    assert [charged(each.limit, 0, settlement.actual) for each in tokens] == [each.amount for each in tokens]
