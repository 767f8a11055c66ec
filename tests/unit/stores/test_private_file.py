"""Files that only their own user may read."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from penstock.stores.private_file import begun, begun_locked


def test_a_new_file_is_empty_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with begun(path) as file:
        assert file.read() == b""
        file.write(b"new")
        assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"kept")
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(OSError, match="link"):
        begun(tmp_path / "link")
    assert other.read_bytes() == b"kept"


def test_a_file_stands_at_its_place_when_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker that finds an unlocked file takes it for a dead one's."""
    flock, there = fcntl.flock, list[bool]()

    def watched(file: int, operation: int) -> None:
        there.append((tmp_path / "a.map").exists())
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", watched)
    with begun_locked(tmp_path / "a.map"):
        assert there == [False]
        assert [path.name for path in tmp_path.iterdir()] == ["a.map"]
        with (tmp_path / "a.map").open("rb") as other, pytest.raises(BlockingIOError):
            flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
