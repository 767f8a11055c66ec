"""Where the database is, and what keeps a gateway from having one."""

import base64
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

import logged
from penstock.settings import SettingsError
from penstock.settings.store import Store
from penstock.stores.sql.database import Database
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.migrate import migrate
from penstock.stores.sql.place import Place, default_folder, find_place, is_unused, read_keyring
from rows import Rows


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_DATA_HOME": "/data", "HOME": "/users/u"}, "/data/penstock"),
        ({"XDG_DATA_HOME": "data", "HOME": "/users/u"}, "/users/u/.local/share/penstock"),
        ({"XDG_DATA_HOME": "", "HOME": "/users/u"}, "/users/u/.local/share/penstock"),
        ({"HOME": "u"}, None),
        ({}, None),
    ],
)
def test_the_data_folder(environ: dict[str, str], folder: str | None) -> None:
    assert default_folder(environ) == (None if folder is None else Path(folder))


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    place = find_place(Store(), {"XDG_DATA_HOME": str(tmp_path / "new")})
    folder = tmp_path / "new" / "penstock"
    assert place == Place(f"sqlite:///{folder}/penstock.db", folder / "penstock.db")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_of_the_settings(tmp_path: Path) -> None:
    assert find_place(Store(data_dir=str(tmp_path)), {}).file == tmp_path / "penstock.db"


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("sqlite:///a/b.db", "a/b.db"), ("sqlite:////a/b.db?mode=ro", "/a/b.db"), ("sqlite://", None),
        ("sqlite:///:memory:", None), ("postgresql://u:p@db/x", None),
    ],
)  # fmt: skip
def test_an_address_of_the_settings(address: str, file: str | None) -> None:
    assert find_place(Store(database=address), {}) == Place(address, None if file is None else Path(file))


def test_no_database_where_nobody_wants_one(tmp_path: Path) -> None:
    assert find_place(Store(database="none"), {"HOME": str(tmp_path)}) == Place()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_folder(tmp_path: Path) -> Path:
    """A path below which nothing can be made."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file"


def test_a_folder_that_cant_be_made_is_none_unless_it_was_asked_for(no_folder: Path) -> None:
    place = find_place(Store(), {"XDG_DATA_HOME": str(no_folder)})
    assert (place.address, place.file) == ("", None)
    assert place.reason == (
        f"the folder {no_folder}/penstock can't be made: Not a directory; store.data_dir can name another"
    )
    with pytest.raises(SettingsError, match=r"store.data_dir: the folder .* can't be made: Not a directory"):
        find_place(Store(data_dir=str(no_folder / "x")), {})
    assert find_place(Store(), {}).reason.startswith("neither XDG_DATA_HOME nor HOME names a folder")


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_a_folder_that_cant_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_asked_for: bool) -> None:
    monkeypatch.setattr("penstock.stores.sql.place.access", lambda *_: False)
    if is_asked_for:
        with pytest.raises(SettingsError, match=f"store.data_dir: the folder {tmp_path} can't be written"):
            find_place(Store(data_dir=str(tmp_path)), {})
    else:
        assert "can't be written" in find_place(Store(), {"XDG_DATA_HOME": str(tmp_path)}).reason


def test_a_database_that_is_there_is_never_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold gateway keys."""
    monkeypatch.setattr("penstock.stores.sql.place.access", lambda *_: False)
    (tmp_path / "penstock").mkdir()
    (tmp_path / "penstock" / "penstock.db").write_text("")
    assert find_place(Store(), {"XDG_DATA_HOME": str(tmp_path)}).file == tmp_path / "penstock" / "penstock.db"


async def test_a_database_without_names_is_unused(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    assert is_unused(file)
    assert is_unused(file)
    database = Database(f"sqlite:///{file}")
    await migrate(database)
    rows = Rows(database)
    await rows.make_workspace()
    assert is_unused(file)
    await rows.config("pc-a", "{}")
    assert not is_unused(file)
    await database.close()


async def test_what_requests_left_behind_means_nothing_to_callers(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    database = Database(f"sqlite:///{file}")
    await migrate(database)
    await logged.write(database, logged.entry(0), logged.entry(1))
    assert await database.revision() == 1
    assert is_unused(file)
    await database.close()


async def test_a_database_that_lacks_a_step_is_used(tmp_path: Path) -> None:
    file = tmp_path / "penstock.db"
    database = Database(f"sqlite:///{file}")
    await migrate(database)
    await database.close()
    assert is_unused(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    assert not is_unused(file)


def test_a_table_that_this_release_does_not_know_counts(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.execute('CREATE TABLE "of later" (id)')
    assert is_unused(tmp_path / "x.db")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.execute('INSERT INTO "of later" VALUES (1)')
    assert not is_unused(tmp_path / "x.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseError, match=r"x.db can't be used: file is not a database"):
        is_unused(tmp_path / "x.db")


KEY = f"a:{base64.b64encode(bytes(32)).decode()}"


def test_keys_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"b:{base64.b64encode(bytes(32)).decode()}\n{KEY}\n")
    assert read_keyring({}).is_empty
    assert read_keyring({"PENSTOCK_SECRET_KEYS": KEY}).names == ("a",)
    assert read_keyring({"PENSTOCK_SECRET_KEYS_FILE": str(tmp_path / "keys")}).names == ("b", "a")


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"PENSTOCK_SECRET_KEYS": "canary"}, "PENSTOCK_SECRET_KEYS, entry 1: expected NAME:KEY"),
        ({"PENSTOCK_SECRET_KEYS": KEY, "PENSTOCK_SECRET_KEYS_FILE": "x"}, "are both set"),
        ({"PENSTOCK_SECRET_KEYS_FILE": "/nonexistent"}, "/nonexistent can't be read: No such file"),
        ({"PENSTOCK_SECRET_KEYS_FILE": "/dev/zero"}, "/dev/zero can't be used: it is larger"),
    ],
)
def test_keys_that_cant_be_used(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        read_keyring(environ)
    assert "canary" not in str(caught.value)
