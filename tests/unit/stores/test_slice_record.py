"""The record of slices: what another worker reads of it at any moment."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from limiting import budget, hold
from penstock.stores.slice_record import LeftLease, SliceRecord

BUCKET = hold(budget(100))


def left(folder: Path, own: SliceRecord) -> list[LeftLease]:
    """What a worker that starts now finds, after ``own`` has died."""
    if own._file._file is not None:
        fcntl.flock(own._file._file, fcntl.LOCK_UN)
    return [
        lease for _, worker, leases in SliceRecord(folder, "other", 4).left() for lease in leases if worker == "own"
    ]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[SliceRecord]:
    record = SliceRecord(tmp_path, "own", 2)
    record.open()
    yield record
    record.close()


def test_a_lease_with_what_was_spent_and_held(tmp_path: Path, own: SliceRecord) -> None:
    row = own.row(BUCKET)
    row.asked(1)
    row.begun(1, 0, 0, 0)
    row.note(30, 5)
    assert left(tmp_path, own) == [LeftLease(1, BUCKET, 30, 5)]


def test_between_two_leases_both_are_told(tmp_path: Path, own: SliceRecord) -> None:
    row = own.row(BUCKET)
    row.begun(1, 0, 0, 0)
    row.note(30, 5)
    row.asked(2)
    assert left(tmp_path, own) == [LeftLease(1, BUCKET, 30, 5), LeftLease(2, BUCKET, 0, 0)]
    row.begun(2, 1, 30, 5)
    assert left(tmp_path, own) == [LeftLease(2, BUCKET, 0, 5), LeftLease(1, BUCKET, 30, 0)]
    row.settled()
    assert left(tmp_path, own) == [LeftLease(2, BUCKET, 0, 5)]


def test_rows_are_used_again_and_are_few(tmp_path: Path, own: SliceRecord) -> None:
    first, second, third = [own.row(BUCKET) for _ in range(3)]
    assert (first.index, second.index, third.index) == (0, 1, None)
    first.begun(7, 0, 0, 0)
    third.begun(8, 0, 0, 0)
    own.free(third)
    own.free(first)
    assert own.row(BUCKET).index == 0
    assert left(tmp_path, own) == []


def test_a_bucket_whose_name_is_too_long_has_no_row(own: SliceRecord) -> None:
    assert own.row(hold(budget(100, id="x" * 2000))).index is None


def test_a_worker_that_lives_keeps_its_record_and_removes_it_at_its_end(tmp_path: Path, own: SliceRecord) -> None:
    assert list(SliceRecord(tmp_path, "other", 4).left()) == []
    own.close()
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_there_is_no_record() -> None:
    record = SliceRecord(None, "own", 2)
    record.open()
    assert (record.row(BUCKET).index, list(record.left())) == (None, [])
    record.close()


def test_a_file_that_is_none_of_ours_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "slices-own.map").write_bytes(b"\xff" * 3000)
    assert left(tmp_path, SliceRecord(None, "own", 2)) == []


def test_the_file_is_for_its_own_user(own: SliceRecord, tmp_path: Path) -> None:
    assert own._file is not None
    [path] = tmp_path.glob("slices-own.map")
    assert path.stat().st_mode & 0o777 == 0o600
