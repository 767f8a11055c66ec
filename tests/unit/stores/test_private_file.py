"""Files that only their own user may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.stores.private_file import begun


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
