"""Which file is at a database's path."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from penstock.stores.sql.file_identity import FileIdentity


def test_a_file_stays_the_same_until_another_is_put_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "db"
    identity = FileIdentity(str(file))
    assert not identity.is_another()
    file.write_text("a")
    assert not identity.is_another()
    file.write_text("b")
    assert not identity.is_another()
    (tmp_path / "other").write_text("c")
    (tmp_path / "other").replace(file)
    assert identity.is_another()
    assert not identity.is_another()


def test_a_file_that_is_gone_is_told_until_one_is_there(tmp_path: Path) -> None:
    file, away = tmp_path / "db", tmp_path / "away"
    file.write_text("a")
    identity = FileIdentity(str(file))
    assert not identity.is_another()
    file.rename(away)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="its file is gone"):
            identity.is_another()
    away.rename(file)
    assert not identity.is_another()
    file.rename(away)
    file.write_text("b")
    assert identity.is_another()
