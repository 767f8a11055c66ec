"""The database of a gateway that runs: read before it serves, opened when there is something to read or to change."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from databases import make_tables
from penstock.stores.catalogue import CatalogueChange
from penstock.stores.sql import schema
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.database import Database
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.place import Place
from rows import NEW, OLD, Rows

PROVIDERS = ("openai", "echo")


def place_of(file: Path) -> Place:
    return Place(f"sqlite:///{file}", file)


def store_of(file: Path, keyring: Keyring = OLD) -> ControlStore:
    return ControlStore(place_of(file), keyring, PROVIDERS, interval=0.01)


def is_guarded(store: ControlStore) -> bool:
    return store.current.is_guarded


def is_lost(store: ControlStore) -> bool:
    return store.is_lost


def damage(file: Path) -> None:
    file.write_bytes(b"no database" * 100)


def remove(file: Path) -> None:
    file.unlink()


@asynccontextmanager
async def filled(file: Path) -> AsyncIterator[Rows]:
    """A database with a workspace, opened by somebody else."""
    database = Database(f"sqlite:///{file}")
    await make_tables(database)
    rows = Rows(database)
    await rows.make_workspace()
    yield rows
    await database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "penstock.db"


async def test_what_there_is_is_read_before_the_gateway_serves(file: Path) -> None:
    async with filled(file) as rows:
        await rows.provider("prod", "sk-1")
        await rows.key("app", b"a" * 32)
    store = store_of(file)
    assert list(store.current.virtual_keys) == ["prod"]
    assert store.current.is_guarded
    store.start()
    await store.stop()


async def test_a_database_that_comes_into_use_is_followed(file: Path) -> None:
    store = store_of(file)
    changes: asyncio.Queue[CatalogueChange] = asyncio.Queue()
    store.watch(changes.put_nowait)
    store.start()
    async with filled(file) as rows:
        await rows.provider("prod", "sk-1")
        while not (await changes.get()).virtual_keys:
            pass
        await rows.provider("more", "sk-2")
        while "more" not in (await changes.get()).virtual_keys:
            pass
    assert sorted(store.current.virtual_keys) == ["more", "prod"]
    await store.stop()


async def test_whoever_changes_it_opens_it_and_the_change_is_in_force_at_once(file: Path) -> None:
    prepared: list[str] = []

    async def prepare(database: Database) -> None:
        prepared.append(database.name)

    store = ControlStore(place_of(file), OLD, PROVIDERS, interval=60, prepare=prepare)
    store.start()
    one, two = await asyncio.gather(store.open(), store.open())
    assert one is two
    rows = Rows(one)
    await rows.make_workspace()
    await rows.key("app", b"a" * 32)
    assert not is_guarded(store)
    await store.refresh()
    assert is_guarded(store)
    assert len(prepared) == 1
    await store.stop()


async def test_a_database_in_memory(tmp_path: Path) -> None:
    store = ControlStore(Place("sqlite://"), OLD, PROVIDERS, interval=60)
    store.start()
    rows = Rows(await store.open())
    await rows.make_workspace()
    await rows.provider("prod", "sk-1")
    await store.refresh()
    assert list(store.current.virtual_keys) == ["prod"]
    assert store.name == "sqlite://"
    await store.stop()


async def test_the_wrong_keys_are_told_before_the_gateway_serves(file: Path) -> None:
    store = store_of(file)
    store.start()
    rows = Rows(await store.open())
    await rows.make_workspace()
    await rows.provider("prod", "sk-1")
    await store.stop()
    with pytest.raises(DatabaseError, match="are encrypted with the key old: add it to PENSTOCK_SECRET_KEYS"):
        store_of(file, Keyring({}))
    assert list(store_of(file, NEW).current.virtual_keys) == ["prod"]


async def test_a_database_that_breaks_before_it_is_in_use_is_lost_and_found(file: Path) -> None:
    store = store_of(file)
    store.start()
    damage(file)
    while not is_lost(store):  # noqa: ASYNC110 (nothing tells when it was looked at)
        await asyncio.sleep(0.01)
    remove(file)
    async with filled(file) as rows:
        await rows.key("app", b"a" * 32)
        while not is_guarded(store):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not is_lost(store)
    assert store.problems == ()
    await store.stop()


async def test_a_database_that_comes_into_use_and_cant_be_read_lets_nobody_in(file: Path) -> None:
    """Else a gateway that runs without the key of its secrets would stay open to all."""
    store = store_of(file, Keyring({}))
    changes = asyncio.Queue[CatalogueChange]()
    store.watch(changes.put_nowait)
    store.start()
    async with filled(file) as rows:
        await rows.provider("prod", "sk-1")
        await changes.get()
        assert (store.current.is_guarded, store.current.is_stale, is_lost(store)) == (True, True, True)
        async with rows.database.change() as connection:
            await connection.execute(schema.secret.delete())
            await connection.execute(schema.integration.update().values(secret_mappings="{}"))
        while store.current.is_stale:
            await changes.get()
    assert not is_lost(store)
    await store.stop()


async def test_when_keys_were_used_is_written_at_the_end(file: Path) -> None:
    async with filled(file) as rows:
        key = await rows.key("app", b"a" * 32)
        store = store_of(file)
        store.start()
        store.used_keys[key] = 1.5
        await store.stop()
        async with rows.database.read() as connection:
            assert (await connection.execute(sa.select(schema.api_key.c.last_used_at))).scalar() == 1_500_000


def test_an_empty_database_needs_no_sqlalchemy(file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from penstock.stores.sql.control_store import ControlStore\n"
        "from penstock.stores.sql.keyring import Keyring; from penstock.stores.sql.place import Place\n"
        "file = Path(sys.argv[1]); ControlStore(Place(f'sqlite:///{file}', file), Keyring({}), ())\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'cryptography') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.strip() == "[]"


def test_the_password_of_an_address_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        ControlStore(Place("postgresql://u:hunter2@/x?host=/nonexistent"), OLD, PROVIDERS)
    assert "hunter2" not in str(caught.value)
