"""The gateway's own secret: made once, whoever is first, and read again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.stores.own_secret import own_secret


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "ids.secret"
    made = own_secret(path)
    assert len(made) == 32
    assert own_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["ids.secret"]
    assert own_secret(tmp_path / "other") != made


def test_of_many_at_once_one_makes_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(own_secret, [tmp_path / "ids.secret"] * 32))
    assert len(made) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["ids.secret"]


def test_a_file_that_is_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "ids.secret"
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="delete it"):
        own_secret(path)
    with pytest.raises(FileNotFoundError):
        own_secret(tmp_path / "missing" / "ids.secret")
