"""What the control plane's database does, on every engine: an engine adds a parameter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from penstock.core.secret import Secret
from penstock.stores.catalogue import CatalogueChange
from penstock.stores.sql import schema, secrets
from penstock.stores.sql.catalogue import SqlCatalogue
from penstock.stores.sql.database import MEMORY, Database, DatabaseError, file_address
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import Keyring, SecretPlace
from penstock.stores.sql.load import Loader
from penstock.stores.sql.migrate import latest, migrate

OLD, NEW = Keyring({"old": bytes(32)}), Keyring({"new": bytes([7]) * 32, "old": bytes(32)})
COMMON = {"created_at": 1, "updated_at": 1, "created_by": "test", "updated_by": "test"}
LONG = 2**60


@pytest.fixture(params=["memory", "file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return MEMORY
    if request.param == "file":
        return file_address(tmp_path / "penstock.db")
    fresh: str = request.getfixturevalue("postgres").fresh()
    return fresh


@pytest.fixture
async def database(address: str) -> AsyncIterator[Database]:
    opened = Database(address)
    await migrate(opened)
    yield opened
    await opened.close()


async def insert(database: Database, table: sa.Table, **values: Any) -> str:
    """A row of a table in a change of its own; its id."""
    values = {"id": random_id(), **(COMMON if "created_by" in table.c and "row_version" in table.c else {}), **values}
    async with database.change() as connection:
        await connection.execute(table.insert().values(**values))
    return str(values["id"])


class Rows:
    """Makes rows as the control plane does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.workspace = ""

    async def make_workspace(self) -> None:
        self.workspace = await insert(self.database, schema.workspace, slug="ws-main", name="Main", is_default=True)

    async def provider(self, slug: str, key: str | None = None, **more: Any) -> str:
        integration = await insert(
            self.database, schema.integration, slug=slug, name=slug, provider=more.pop("provider", "openai"),
            configurations=more.pop("configurations", "{}"), allow_all_models=more.pop("allow_all_models", True),
        )  # fmt: skip
        async with self.database.change() as connection:
            value = None if key is None else Secret(key)
            await secrets.put(connection, OLD, SecretPlace("integration", integration, "key"), value)
        await insert(
            self.database, schema.provider, workspace_id=self.workspace, integration_id=integration, slug=slug,
            name=slug, **more,
        )  # fmt: skip
        return integration

    async def config(self, slug: str, body: str) -> str:
        version = random_id()
        config = await insert(
            self.database, schema.config, workspace_id=self.workspace, slug=slug, name=slug, version_id=version
        )
        await insert(
            self.database, schema.config_version, id=version, config_id=config, number=1, body=body, created_at=1,
            created_by="test",
        )  # fmt: skip
        return config

    async def key(self, name: str, digest: bytes, **more: Any) -> str:
        valid_until = more.pop("valid_until", None)
        values = {"workspace_id": self.workspace, "kind": "workspace-service", "name": name, "masked": "pk*****"}
        key = await insert(self.database, schema.api_key, **{**values, **more})
        await insert(
            self.database, schema.api_key_secret, api_key_id=key, digest=digest, prefix="pk", valid_until=valid_until,
            created_at=1,
        )  # fmt: skip
        return key


@pytest.fixture
async def rows(database: Database) -> Rows:
    made = Rows(database)
    await made.make_workspace()
    return made


@pytest.fixture
def catalogue(database: Database) -> SqlCatalogue:
    return SqlCatalogue(database, Loader(NEW, ("openai", "anthropic")), interval=60)


# Tables.


async def test_t80_the_tables_are_what_the_steps_make(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_t80_several_that_start_at_once_migrate_once(address: str) -> None:
    if address == MEMORY:
        pytest.skip("nobody else sees a database in memory")
    databases = [Database(address) for _ in range(4)]
    await asyncio.gather(*[migrate(each) for each in databases])
    assert [await each.revision() for each in databases] == [1, 1, 1, 1]
    for each in databases:
        await each.close()


async def test_t80_a_database_of_a_newer_release_is_refused_and_stays_as_it_is(database: Database) -> None:
    newer = str(int(latest()) + 1).zfill(4)
    async with database.change() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer})
    with pytest.raises(DatabaseError, match=f"newer release .step {newer}.*start that release again"):
        await migrate(database)
    async with database.read() as connection:
        assert (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar() == newer


# Changes.


async def test_a_change_raises_the_revision(database: Database) -> None:
    assert await database.revision() == 1
    await insert(database, schema.workspace, slug="a", name="A")
    assert await database.revision() == 2


async def test_a_change_that_fails_leaves_nothing(database: Database) -> None:
    async def change() -> None:
        async with database.change() as connection:
            await connection.execute(schema.workspace.insert().values(id="1", slug="a", name="A", **COMMON))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    async with database.read() as connection:
        assert (await connection.execute(sa.select(schema.workspace.c.id))).all() == []
    assert await database.revision() == 1


async def test_a_name_that_is_taken_is_the_changes_own_error(database: Database) -> None:
    await insert(database, schema.workspace, slug="a", name="A")
    with pytest.raises(sa.exc.IntegrityError):
        await insert(database, schema.workspace, slug="a", name="B")


async def test_many_changes_at_once_raise_the_revision_by_their_number(database: Database) -> None:
    slugs = [f"w{number}" for number in range(20)]
    await asyncio.gather(*[insert(database, schema.workspace, slug=slug, name=slug) for slug in slugs])
    assert await database.revision() == 21


async def test_a_database_that_is_not_there() -> None:
    for address in ("sqlite:////nonexistent/penstock.db", "postgresql://u:hunter2@/x?host=/nonexistent"):
        database = Database(address)
        with pytest.raises(DatabaseError) as caught:
            await migrate(database)
        assert "hunter2" not in str(caught.value)
        await database.close()


# The catalogue.


async def test_rows_are_a_catalogue(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.provider("prod", "sk-1", configurations='{"custom_host":"https://llm.example/v1","openai_project":"p"}')
    config = await rows.config("pc-main-1", '{"retry":{"attempts":2}}')
    await rows.key("app", b"a" * 32, default_config_id=config, labels='{"team":"search"}', allowed_models='["gpt-*"]')
    await catalogue.refresh()
    found = catalogue.current
    key = found.virtual_keys["prod"]
    assert key.credential is not None
    assert (key.provider, key.credential.reveal(), key.base_url) == ("openai", "sk-1", "https://llm.example/v1")
    assert key.options == {"openai_project": "p"}
    assert found.configs["pc-main-1"].body == b'{"retry":{"attempts":2}}'
    gateway_key = found.key_by_digest(b"a" * 32)
    assert gateway_key is not None
    assert (gateway_key.config, gateway_key.labels, gateway_key.models) == (
        "pc-main-1",
        {"team": "search"},
        ("gpt-*",),
    )
    assert catalogue.problems == ()


async def test_models_that_an_integration_allows(rows: Rows, catalogue: SqlCatalogue, database: Database) -> None:
    integration = await rows.provider("prod", allow_all_models=False)
    async with database.change() as connection:
        for model, is_enabled in (("gpt-4o", True), ("gpt-5", False)):
            values = {"integration_id": integration, "model": model, "is_enabled": is_enabled}
            await connection.execute(schema.integration_model.insert().values(**values))
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["prod"].models == ("gpt-4o",)


async def test_what_is_switched_off_or_over_is_not_in_force(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.provider("off", status="disabled")
    await rows.provider("over", expires_at=5)
    await rows.provider("on", expires_at=LONG)
    await rows.key("off", b"a" * 32, status="disabled")
    await rows.key("over", b"b" * 32, expires_at=5)
    await rows.key("rotated", b"c" * 32, valid_until=5)
    await rows.key("on", b"d" * 32)
    await catalogue.refresh()
    assert list(catalogue.current.virtual_keys) == ["on"]
    assert [key.name for key in catalogue.current.keys] == ["on"]


async def test_an_administrators_key_calls_no_model_and_guards_the_gateway(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.key("admin", b"a" * 32, kind="organisation-service", workspace_id=None)
    await catalogue.refresh()
    assert (catalogue.current.keys, catalogue.current.is_guarded) == ((), True)


async def test_t41_a_row_that_cant_be_used_keeps_its_meaning_and_stops_no_other(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    kept = await rows.provider("kept", "sk-1")
    await rows.config("pc-a", "{}")
    await catalogue.refresh()
    before = catalogue.current
    async with database.change() as connection:
        await connection.execute(schema.secret.update().where(schema.secret.c.owner_id == kept).values(nonce=bytes(12)))
        await connection.execute(schema.config_version.update().values(body="[1"))
    await rows.provider("new", "sk-2")
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["kept"] is before.virtual_keys["kept"]
    assert catalogue.current.configs == before.configs
    assert "new" in catalogue.current.virtual_keys
    assert [problem.partition(":")[0] for problem in catalogue.problems] == ["the provider kept", "configs.pc-a"]


async def test_a_change_reaches_those_who_follow(address: str) -> None:
    if address == MEMORY:
        pytest.skip("nobody else sees a database in memory")
    writer, reader = Database(address), Database(address)
    await migrate(writer)
    rows = Rows(writer)
    await rows.make_workspace()
    catalogue = SqlCatalogue(reader, Loader(NEW, ("openai",)), interval=0.01)
    changes: asyncio.Queue[CatalogueChange] = asyncio.Queue()
    catalogue.watch(changes.put_nowait)
    catalogue.start()
    await rows.provider("prod")
    change = await changes.get()
    assert change.virtual_keys == {"prod"}
    await catalogue.stop()
    await writer.close()
    await reader.close()


async def test_a_follower_that_is_stopped_as_it_is_notified_stops(catalogue: SqlCatalogue) -> None:
    catalogue.start()
    while not catalogue._notified._waiters:  # noqa: ASYNC110 (an event does not tell that it is waited for)
        await asyncio.sleep(0)
    catalogue._notified.set()
    stopped, _ = await asyncio.wait([asyncio.create_task(catalogue.stop())], timeout=10)
    assert stopped


async def test_a_row_that_ends_is_out_of_force_without_a_change(
    rows: Rows, catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rows.provider("ending", expires_at=1000)
    clock = [0]
    monkeypatch.setattr("penstock.stores.sql.catalogue.time_ns", lambda: clock[0])
    await catalogue.refresh()
    assert list(catalogue.current.virtual_keys) == ["ending"]
    clock[0] = 999_999
    await catalogue.refresh()
    assert list(catalogue.current.virtual_keys) == ["ending"]
    clock[0] = 1_000_000
    await catalogue.refresh()
    assert list(catalogue.current.virtual_keys) == []


@pytest.mark.parametrize("ends_first", [True, False])
async def test_a_secret_of_a_rotated_key_ends_by_itself(
    rows: Rows, catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch, ends_first: bool
) -> None:
    """Both secrets belong to one key, so that they have one name in the catalogue."""
    ending, lasting = b"a" * 32, b"b" * 32
    first, second = ((ending, 1000), (lasting, None)) if ends_first else ((lasting, None), (ending, 1000))
    clock = [0]
    monkeypatch.setattr("penstock.stores.sql.catalogue.time_ns", lambda: clock[0])
    key = await rows.key("app", first[0], valid_until=first[1])
    await insert(
        rows.database, schema.api_key_secret, api_key_id=key, digest=second[0], prefix="pk", valid_until=second[1],
        created_at=1,
    )  # fmt: skip
    await catalogue.refresh()
    assert {each.digest for each in catalogue.current.keys} == {ending, lasting}
    clock[0] = 1_000_000
    await catalogue.refresh()
    assert [each.digest for each in catalogue.current.keys] == [lasting]


# Secrets.


async def test_no_secret_stands_in_the_database_in_clear(rows: Rows, database: Database) -> None:
    await rows.provider("prod", "sk-canary")
    async with database.read() as connection:
        for table in schema.metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                assert "sk-canary" not in repr(tuple(row))


async def test_t50_values_move_to_the_newest_key(rows: Rows, database: Database) -> None:
    await secrets.check_keyring(database, OLD)
    for number in range(120):
        async with database.change() as connection:
            await secrets.put(connection, OLD, SecretPlace("integration", str(number), "key"), Secret(f"sk-{number}"))
    assert await secrets.rotate(database, NEW) == 121
    assert await secrets.count_by_key(database) == {"new": 121}
    async with database.read() as connection:
        opened = await secrets.open_all(connection, Keyring({"new": bytes([7]) * 32}), "integration")
    assert {place: value.reveal() for place, value in opened.values.items()} == {
        (str(number), "key"): f"sk-{number}" for number in range(120)
    }


@pytest.mark.parametrize("wrong", [Keyring({}), Keyring({"new": os.urandom(32)}), Keyring({"old": bytes([1]) * 32})])
async def test_t50_the_wrong_keys_are_told_at_start(database: Database, wrong: Keyring) -> None:
    await secrets.check_keyring(database, OLD)
    await secrets.check_keyring(database, NEW)
    with pytest.raises(DatabaseError, match="old"):
        await secrets.check_keyring(database, wrong)
