"""The folder of several workers: counts of the dead stay, their gauges go, files are used again."""

import errno
import time
from pathlib import Path

import pytest

from penstock.observe.metrics import families, slots
from penstock.observe.metrics.exposition import Snapshot, exposition
from penstock.observe.metrics.slots import Slot
from penstock.observe.metrics.table import SIZE, Metric


def count(slot: Slot, requests: int) -> None:
    Metric(slot.table, families.KEY_REQUESTS, "other").add(("a",), requests)
    Metric(slot.table, families.WORKERS, "other").set((), 1)


def page(slot: Slot, since: float) -> list[str]:
    snapshots = [Snapshot(slot.table.snapshot()), *slot.others(since, time.monotonic())]
    text = exposition(snapshots, open_metrics=False).decode()
    return [line for line in text.splitlines() if line.startswith(("penstock_key_requests", "penstock_workers"))]


def test_a_worker_alone_has_no_others() -> None:
    slot = Slot()
    slot.ask(5.0)
    assert (slot.number, slot.asked, slot.others(0.0, 0.0)) == (0, 0.0, [])
    slot.close()


def test_workers_are_added_up_and_a_dead_one_leaves_its_counts(tmp_path: Path) -> None:
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert [first.number, second.number] == [0, 1]
    count(first, 2)
    count(second, 3)
    first.ask(5.0)
    assert second.asked == 5.0
    second.table.refreshed(6.0)
    assert page(first, 5.0) == ['penstock_key_requests_total{key="a"} 5', "penstock_workers 2"]
    assert page(first, 7.0) == ['penstock_key_requests_total{key="a"} 5', "penstock_workers 1"]

    second.close()
    assert page(first, 0.0) == ['penstock_key_requests_total{key="a"} 5', "penstock_workers 1"]
    third = Slot(tmp_path)
    assert third.number == 1
    count(third, 10)
    third.table.refreshed(8.0)
    assert page(first, 7.0) == ['penstock_key_requests_total{key="a"} 15', "penstock_workers 2"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["asked", "worker-0", "worker-1"]
    third.close()
    first.close()


def test_files_are_for_this_user_and_whole(tmp_path: Path) -> None:
    (tmp_path / "worker-0").write_bytes(b"half a file")
    slot = Slot(tmp_path)
    for each in tmp_path.iterdir():
        assert each.stat().st_mode & 0o77 == 0 or each.name == "worker-0"
    assert (tmp_path / "worker-0").stat().st_size == SIZE
    slot.close()


def test_a_file_that_can_not_be_read_says_nothing(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    (tmp_path / "worker-7").mkdir()
    (tmp_path / "worker-8").write_bytes(b"?")
    assert slot.others(0.0, 0.0) == []
    slot.close()


def test_a_folder_that_is_gone_and_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        Slot(tmp_path / "gone")

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(slots, "_write_zeros", full)
    with pytest.raises(OSError, match="No space"):
        Slot(tmp_path)
