"""Where the control plane's database is: the address of the settings, or ``penstock.db`` in the data folder.

Nothing here needs SQLAlchemy: a gateway whose database is empty starts without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from os import W_OK, X_OK, access
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.settings import SECRET_KEYS, SECRET_KEYS_FILE, SettingsError
from penstock.settings.store import Store
from penstock.settings.text_file import TooLarge, read_text
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.keyring import Keyring, KeyringError, parse_keyring
from penstock.stores.sql.steps import latest

if TYPE_CHECKING:
    import sqlite3

NONE: Final = "none"
"""The address that stands for no database."""
_FILE: Final = "penstock.db"
_SQLITE: Final = "sqlite:///"
_VERSION: Final = "alembic_version"
_FOLDER_MODE: Final = 0o700
_LARGEST_KEYS: Final = 64 << 10
"""Bytes of a file with keys."""
_BOOKKEEPING: Final = frozenset(
    """
    alembic_version alert_delivery audit audit_head changed_key console_session feedback idempotency kept_response
    ledger log_export log_metadata organisation request_content request_log revision sqlite_sequence usage_day
    usage_hour usage_metadata usage_total_day usage_total_hour usage_user usage_user_count user workspace
    """.split()
)
"""Tables that mean nothing to callers while all others are empty: what requests left behind, and whom it belongs to."""


class Place(msgspec.Struct, frozen=True):
    """Where the database is. ``address`` is empty where there is none; ``reason`` says why, if nobody asked for none.

    ``file`` is the file of an SQLite database, None for any other.
    """

    address: str = ""
    file: Path | None = None
    reason: str = ""

    @property
    def is_in_memory(self) -> bool:
        """Whether the database ends with its process."""
        return self.file is None and self.address.startswith("sqlite")

    @property
    def absence(self) -> str:
        """That there is no database, for people."""
        return f"{NONE} ({self.reason})" if self.reason else NONE


def find_place(store: Store, environ: Mapping[str, str]) -> Place:
    """Where the database of the settings is. Its folder is made. Raises SettingsError for a folder that was asked for
    and can't be made or written."""
    if store.database == NONE:
        return Place()
    if store.database:
        path = store.database.removeprefix(_SQLITE).partition("?")[0] if store.database.startswith(_SQLITE) else ""
        return Place(store.database, Path(path) if path and path != ":memory:" else None)
    folder = Path(store.data_dir) if store.data_dir else default_folder(environ)
    if folder is None:
        return Place(reason="neither XDG_DATA_HOME nor HOME names a folder: set store.data_dir")
    problem = _made(folder)
    if problem is None or (folder / _FILE).exists():
        return Place(f"{_SQLITE}{folder / _FILE}", folder / _FILE)
    if store.data_dir:
        raise SettingsError([f"store.data_dir: {problem}"])
    return Place(reason=f"{problem}; store.data_dir can name another")


def default_folder(environ: Mapping[str, str]) -> Path | None:
    """The data folder where the settings name none, by the XDG Base Directory Specification; None without a home."""
    base, home = environ.get("XDG_DATA_HOME", ""), environ.get("HOME", "")
    # Relative paths are invalid there, and to be ignored.
    if Path(base).is_absolute():
        return Path(base, "penstock")
    return Path(home, ".local", "share", "penstock") if Path(home).is_absolute() else None


def _made(folder: Path) -> str | None:
    """Make a folder that nobody else can look into; why it can't be made or written."""
    try:
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        return f"the folder {folder} can't be made: {error.strerror}"
    return None if access(folder, W_OK | X_OK) else f"the folder {folder} can't be written"


def is_unused(file: Path) -> bool:
    """Whether an SQLite database has nothing that the data plane reads, and lacks no step of its tables. Made where it
    is missing, its tables are not: whoever writes first makes them. Raises DatabaseError."""
    import sqlite3  # a megabyte, for who has no database

    try:
        with contextlib.closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if _VERSION in tables and not _is_up_to_date(connection):
                return False
            counted = sorted(tables - _BOOKKEEPING)
            return not any(connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in counted)  # noqa: S608
    except sqlite3.Error as error:
        raise DatabaseError(f"the database {file} can't be used: {error}") from None


def _is_up_to_date(connection: sqlite3.Connection) -> bool:
    return connection.execute(f"SELECT version_num FROM {_VERSION}").fetchall() == [(latest(),)]  # noqa: S608


def read_keyring(environ: Mapping[str, str]) -> Keyring:
    """The keys of PENSTOCK_SECRET_KEYS, or of the file that PENSTOCK_SECRET_KEYS_FILE names. Raises SettingsError."""
    text, file = environ.get(SECRET_KEYS, ""), environ.get(SECRET_KEYS_FILE, "")
    if text and file:
        raise SettingsError([f"{SECRET_KEYS} and {SECRET_KEYS_FILE} are both set: leave one of them out"])
    try:
        return parse_keyring(read_text(Path(file), _LARGEST_KEYS) if file else text)
    except OSError as error:
        raise SettingsError([f"{SECRET_KEYS_FILE}: {file} can't be read: {error.strerror}"]) from None
    except TooLarge as error:
        raise SettingsError([f"{SECRET_KEYS_FILE}: {file} can't be used: {error}"]) from None
    except KeyringError as error:
        raise SettingsError([str(error)]) from None
    except ValueError:
        raise SettingsError([f"{SECRET_KEYS_FILE}: {file} is not UTF-8 text"]) from None
