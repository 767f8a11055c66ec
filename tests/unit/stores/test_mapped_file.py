"""A worker's file in memory: who reads it, and when."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path
from typing import BinaryIO

import pytest

from penstock.stores import mapped_file
from penstock.stores.mapped_file import MappedFile


def died(file: MappedFile) -> None:
    """The worker of a file is gone: nobody holds its lock."""
    assert file._file is not None
    fcntl.flock(file._file, fcntl.LOCK_UN)


def test_another_worker_reads_the_file_of_a_dead_one(tmp_path: Path) -> None:
    own, other = MappedFile(tmp_path, "notes", "own", 4096), MappedFile(tmp_path, "notes", "other", 4096)
    mapped = own.open("lost")
    assert mapped is not None
    mapped[:3] = b"abc"
    assert [*other.left()] == []
    assert [*MappedFile(tmp_path, "else", "other", 4096).left()] == []
    died(own)
    ((path, worker, data),) = other.left()
    assert (path.name, worker, data[:3], len(data)) == ("notes-own.map", "own", b"abc", 4096)
    assert path.stat().st_mode & 0o777 == 0o600
    own.close()
    assert not path.exists()


def test_the_whole_file_is_on_the_disk(tmp_path: Path) -> None:
    own = MappedFile(tmp_path, "notes", "own", 64 << 10)
    assert own.open("lost") is not None
    assert (tmp_path / "notes-own.map").stat().st_blocks * 512 >= 64 << 10
    own.close()


def test_a_full_disk_is_told_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: BinaryIO, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mapped_file, "_allocate", full)
    own = MappedFile(tmp_path, "notes", "own", 4096)
    assert own.open("what is noted is lost") is None
    assert "No space left on device" in caplog.text
    assert [*tmp_path.iterdir()] == []


def test_without_a_folder_there_is_no_file() -> None:
    file = MappedFile(None, "notes", "own", 4096)
    assert file.open("lost") is None
    assert [*file.left()] == []
    file.close()


def test_a_folder_that_cant_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    assert MappedFile(tmp_path / "file", "notes", "own", 4096).open("what is noted is lost") is None
    assert "the record notes-own.map can't be kept" in caplog.text
    assert "what is noted is lost" in caplog.text
