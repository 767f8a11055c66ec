"""What the control plane's database does, on every engine: an engine adds a parameter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import calling
from databases import fresh_address, make_tables, migrated, with_tables
from logged import NOON, entry, write
from penstock.control.limits.limits import put_limits
from penstock.core.restrictions import Restrictions
from penstock.core.secret import Secret
from penstock.stores.catalogue import CatalogueChange
from penstock.stores.sql import schema, secrets
from penstock.stores.sql.catalogue.catalogue import SqlCatalogue
from penstock.stores.sql.catalogue.key_maker import KeyMaker
from penstock.stores.sql.catalogue.load import Loader
from penstock.stores.sql.database import MEMORY, Database, DatabaseError, file_address
from penstock.stores.sql.keyring import Keyring, SecretPlace
from penstock.stores.sql.last_used import LastUsed
from penstock.stores.sql.migrate import migrate, run_steps
from penstock.stores.sql.steps import latest
from postgres import Postgres
from rows import COMMON, NEW, OLD, Rows, insert

LONG = 2**60
_DRIVER = "_connection_worker_thread"
"""How aiosqlite's threads are called."""


@pytest.fixture
async def rows(database: Database) -> Rows:
    made = Rows(database)
    await made.make_workspace()
    return made


@pytest.fixture
def catalogue(database: Database) -> SqlCatalogue:
    return SqlCatalogue(database, Loader(NEW, ("openai", "anthropic")), interval=60)


# Tables.


@pytest.fixture(params=["memory", "file", "postgres"])
def empty_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables, beside the one of ``address``."""
    place = tmp_path / "empty"
    place.mkdir()
    return fresh_address(request, place, is_empty=True)


@contextlib.asynccontextmanager
async def by_steps(address: str, last: str = "head") -> AsyncIterator[Database]:
    """A database whose tables the steps have made, as in an installation that was there from the first release."""
    database = Database(address)
    async with database.engine.connect() as connection, connection.begin():
        await connection.run_sync(run_steps, last)
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
async def test_the_tables_are_what_the_steps_make(empty_address: str) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), schema.metadata))

    async with by_steps(empty_address) as database, database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_new_sqlite_database_has_the_tables_that_the_steps_make(tmp_path: Path) -> None:
    async with by_steps(file_address(tmp_path / "steps.db")), migrated(file_address(tmp_path / "new.db")):
        made, new = [shapes(tmp_path / name) for name in ("steps.db", "new.db")]
        assert new == made
        assert {"alembic_version", "api_key", "request_log"} <= new.keys()


def shapes(file: Path) -> dict[str, Any]:
    """Each table of an SQLite database: columns, indexes with their columns, foreign keys, in no order; the statements
    of indexes, with their expressions and conditions; and the rows of the table of steps. SQLite keeps the order in which steps added columns, and nothing reads by it."""
    with contextlib.closing(sqlite3.connect(file)) as connection:

        def told(pragma: str, name: str) -> list[tuple[Any, ...]]:
            return [row[1:] for row in connection.execute(f'PRAGMA {pragma}("{name}")')]

        def index(name: str, *kind: Any) -> tuple[Any, ...]:
            """An index: its name, unless SQLite numbered it, and its columns in their order."""
            columns = [column for _, column in told("index_info", name)]
            return ("" if name.startswith("sqlite_") else name, *kind, *columns)

        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, Any] = {
            table: (
                set(told("table_xinfo", table)),
                {index(*each) for each in told("index_list", table)},
                {row[1:] for row in told("foreign_key_list", table)},
            )
            for table in tables
        }
        found["steps"] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        found["others"] = set(
            connection.execute(
                "SELECT type, name, sql FROM sqlite_master WHERE type != 'table' AND name NOT LIKE 'sqlite_%'"
            )
        )
        return found


async def statements(database: Database) -> list[tuple[str, str]]:
    async with database.read() as connection:
        rows = await connection.execute(sa.text("SELECT name, sql FROM sqlite_master ORDER BY name"))
        return [(row.name, row.sql) for row in rows]


async def test_a_copy_that_a_test_uses_is_what_the_steps_make(tmp_path: Path) -> None:
    async with migrated(MEMORY) as database, with_tables(file_address(tmp_path / "copy.db")) as copy:
        assert await statements(copy) == await statements(database)
        assert await copy.revision() == await database.revision()
        await migrate(copy)


async def test_a_database_with_rows_is_brought_up_to_date(empty_address: str) -> None:
    """Indexes are made over the rows that are there, and triggers note what changes from then on."""
    async with by_steps(empty_address, "0018") as database:
        async with database.write() as connection:
            await connection.execute(schema.revision.insert().values(id=1, number=7))
            of_workspace = {"slug": "ws-main", "name": "Main", "is_default": True}
            await connection.execute(schema.workspace.insert().values(id="w", **of_workspace, **COMMON))
            of_key = {"workspace_id": "w", "kind": "workspace-service", "name": "a", "masked": "pk*****"}
            await connection.execute(schema.api_key.insert().values(id="k", **of_key, **COMMON))
            of_secret = {"api_key_id": "k", "digest": b"a" * 32, "prefix": "pk", "created_at": 1}
            await connection.execute(schema.api_key_secret.insert().values(id="s", **of_secret))
        costs = (None, 0, 4999, 5000, 10**15, -5)
        entries = [entry(NOON + at, amount=cost, status=200 + at % 2) for at, cost in enumerate(costs)]
        await write(database, *entries)
        await migrate(database)
        catalogue = SqlCatalogue(database, Loader(NEW, ("openai",)), interval=60)
        await catalogue.refresh()
        async with database.change() as connection:
            await connection.execute(schema.api_key.update().values(name="b", row_version=2))
        await catalogue.refresh()
        assert [key.name for key in catalogue.current.keys] == ["b"]
        async with database.read() as connection:
            rows = (await connection.execute(sa.select(schema.request_log.c.amount))).scalars().all()
            changed = (await connection.execute(sa.select(schema.changed_key))).all()
        assert (sorted(map(str, rows)), changed) == (sorted(map(str, costs)), [("k", 8)])


async def test_several_that_start_at_once_migrate_once(empty_address: str) -> None:
    if empty_address == MEMORY:
        pytest.skip("nobody else sees a database in memory")
    databases = [Database(empty_address) for _ in range(4)]
    await asyncio.gather(*[migrate(each) for each in databases])
    assert [await each.revision() for each in databases] == [1, 1, 1, 1]
    for each in databases:
        await each.close()


async def test_a_new_database_that_another_process_changes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "penstock.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.1, other.close)
    database = Database(f"sqlite:///{path}")
    await migrate(database)
    assert await database.revision() == 1
    await database.close()


async def test_a_database_of_a_newer_release_is_refused_and_stays_as_it_is(database: Database) -> None:
    newer = str(int(latest()) + 1).zfill(4)
    async with database.change() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer})
    with pytest.raises(DatabaseError, match=f"newer release .step {newer}.*start that release again"):
        await migrate(database)
    async with database.read() as connection:
        assert (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar() == newer


# Changes.


async def test_postgresql_compiles_no_query_of_the_gateway_s(database: Database) -> None:
    if not database.is_sqlite:
        async with database.read() as connection:
            assert (await connection.exec_driver_sql("SHOW jit")).scalar_one() == "off"


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
    before = threading.enumerate()
    for address in ("sqlite:////nonexistent/penstock.db", "postgresql://u:hunter2@/x?host=/nonexistent"):
        database = Database(address)
        with pytest.raises(DatabaseError) as caught:
            await migrate(database)
        assert "hunter2" not in str(caught.value)
        await database.close()
    # The driver's thread tells this loop that it ends, also where it opened nothing.
    while any(_DRIVER in thread.name and thread not in before for thread in threading.enumerate()):
        await calling.turns()


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
    await rows.key("on", b"d" * 32)
    await catalogue.refresh()
    ends = {name: key.end for name, key in catalogue.current.virtual_keys.items()}
    assert ends == {"on": None, "off": "disabled", "over": "expired"}
    assert [key.name for key in catalogue.current.keys] == ["on"]


async def test_a_key_says_when_it_ends(rows: Rows, catalogue: SqlCatalogue) -> None:
    """Keys that are over are known, so that their callers can be told."""
    await rows.key("over", b"b" * 32, expires_at=5, status="expired")
    await rows.key("rotated", b"c" * 32, expires_at=9, valid_until=7)
    await rows.key("lasting", b"d" * 32)
    await catalogue.refresh()
    ends = {key.name: key.restrictions and key.restrictions.expires_at for key in catalogue.current.keys}
    assert ends == {"over": 5, "rotated": 7, "lasting": None}


async def test_an_administrators_key_calls_no_model_and_guards_the_gateway(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.key("admin", b"a" * 32, kind="organisation-service", workspace_id=None)
    await catalogue.refresh()
    assert (catalogue.current.keys, catalogue.current.is_guarded) == ((), True)


async def test_a_row_that_cant_be_used_keeps_its_meaning_and_stops_no_other(
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
    await make_tables(writer)
    rows = Rows(writer)
    await rows.make_workspace()
    catalogue = SqlCatalogue(reader, Loader(NEW, ("openai",)), interval=0.01)
    changes: asyncio.Queue[CatalogueChange] = asyncio.Queue()
    catalogue.watch(changes.put_nowait)
    catalogue.start()
    await rows.provider("prod")
    while not (change := await changes.get()).virtual_keys:
        assert change == CatalogueChange()
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
    monkeypatch.setattr("penstock.stores.sql.catalogue.catalogue.time_ns", lambda: clock[0])
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["ending"].end is None
    clock[0] = 999_999
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["ending"].end is None
    clock[0] = 1_000_000
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["ending"].end == "expired"


async def test_a_row_that_is_over_and_cant_be_used_is_over(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    """It doesn't keep what it meant before."""
    broken = await rows.provider("broken", "sk-1")
    await catalogue.refresh()
    assert catalogue.current.virtual_keys["broken"].credential is not None
    async with database.change() as connection:
        await connection.execute(
            schema.secret.update().where(schema.secret.c.owner_id == broken).values(nonce=bytes(12))
        )
        await connection.execute(schema.provider.update().values(status="disabled"))
    await catalogue.refresh()
    key = catalogue.current.virtual_keys["broken"]
    assert (key.end, key.credential) == ("disabled", None)


@pytest.mark.parametrize("ends_first", [True, False])
async def test_a_secret_of_a_rotated_key_that_is_taken_away_is_out_of_force(
    rows: Rows, catalogue: SqlCatalogue, database: Database, ends_first: bool
) -> None:
    """Both secrets belong to one key, so that they have one name in the catalogue."""
    first, second = (b"a" * 32, b"b" * 32) if ends_first else (b"b" * 32, b"a" * 32)
    key = await rows.key("app", first)
    await insert(
        rows.database, schema.api_key_secret, api_key_id=key, digest=second, prefix="pk", created_at=1
    )  # fmt: skip
    await catalogue.refresh()
    assert {each.digest for each in catalogue.current.keys} == {first, second}
    assert {each.tenant for each in catalogue.current.keys} == {key}
    heard: list[CatalogueChange] = []
    catalogue.watch(heard.append)
    async with database.change() as connection:
        await connection.execute(schema.api_key_secret.delete().where(schema.api_key_secret.c.digest == b"a" * 32))
    await catalogue.refresh()
    assert [each.digest for each in catalogue.current.keys] == [b"b" * 32]
    assert [change.keys for change in heard] == [{"app"}]


# What a key demands, and its workspace.


async def test_what_a_key_demands(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.key(
        "app", b"a" * 32, scopes='["virtual_keys.list"]', metadata='{"env":"prod","n":1,"b":true}',
        labels='{"team":"search"}', allowed_ips='["192.0.2.1","2001:db8::/32"]', allow_config_override=False,
        allowed_providers='["prod"]',
    )  # fmt: skip
    await catalogue.refresh()
    (key,) = catalogue.current.keys
    forced = {"team": "search", "env": "prod", "n": "1", "b": "true"}
    assert key.restrictions == Restrictions(
        None, frozenset({"virtual_keys.list"}), (ip_network("192.0.2.1"), ip_network("2001:db8::/32")), forced
    )
    assert (key.labels, key.pins_config, key.virtual_keys) == (forced, True, frozenset({"prod"}))
    assert key.workspace == rows.workspace


@pytest.mark.parametrize("scopes", ['["completions.write"]', '["*"]', '["logs.write","completions.write"]'])
async def test_a_key_that_demands_nothing_costs_nothing(rows: Rows, catalogue: SqlCatalogue, scopes: str) -> None:
    await rows.key("app", b"a" * 32, scopes=scopes)
    await catalogue.refresh()
    assert [key.restrictions for key in catalogue.current.keys] == [None]


async def test_a_key_without_scopes_may_do_nothing(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.key("app", b"a" * 32, scopes="[]")
    await catalogue.refresh()
    assert [key.restrictions for key in catalogue.current.keys] == [Restrictions(scopes=frozenset())]


async def test_what_a_workspace_sets_for_its_keys(rows: Rows, catalogue: SqlCatalogue, database: Database) -> None:
    own, config = await rows.config("pc-own", "{}"), await rows.config("pc-shared", "{}")
    defaults = msgspec.json.encode({"metadata": {"env": "prod", "team": "all"}, "config_id": config}).decode()
    async with database.change() as connection:
        values = {"defaults": defaults, "required_metadata": '["env","user"]'}
        await connection.execute(schema.workspace.update().values(**values))
    await rows.key("plain", b"a" * 32, scopes='["*"]')
    await rows.key("own", b"b" * 32, scopes='["*"]', default_config_id=own, metadata='{"team":"search","user":"u"}')
    await catalogue.refresh()
    keys = {key.name: key for key in catalogue.current.keys}
    assert {name: key.config for name, key in keys.items()} == {"plain": "pc-shared", "own": "pc-own"}
    assert keys["plain"].restrictions == Restrictions(
        metadata={"env": "prod", "team": "all"}, required_metadata=("user",)
    )
    assert keys["own"].restrictions == Restrictions(metadata={"team": "all", "user": "u", "env": "prod"})


async def test_metadata_with_half_a_character_stops_no_catalogue(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(defaults='{"metadata":{"env":"\\ud800"}}'))
    await rows.key("plain", b"a" * 32, scopes='["*"]')
    await catalogue.refresh()
    (key,) = catalogue.current.keys
    assert key.labels == {"env": "\ud800"}


async def test_a_users_key_says_whose_it_is(rows: Rows, catalogue: SqlCatalogue, database: Database) -> None:
    user = await insert(database, schema.user, name="Ada", role="member")
    await rows.key("hers", b"a" * 32, scopes='["*"]', kind="workspace-user", user_id=user, metadata='{"_user":"x"}')
    await rows.key("its", b"b" * 32, scopes='["*"]')
    await catalogue.refresh()
    assert {key.name: key.labels for key in catalogue.current.keys} == {"hers": {"_user": "Ada"}, "its": {}}
    async with database.change() as connection:
        await connection.execute(schema.user.update().where(schema.user.c.id == user).values(name="Ada L."))
    await catalogue.refresh()
    assert {key.name: key.labels for key in catalogue.current.keys}["hers"] == {"_user": "Ada L."}
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(settings='{"user_key_metadata_override":1}'))
    await catalogue.refresh()
    assert {key.name: key.labels for key in catalogue.current.keys}["hers"] == {"_user": "x"}
    async with database.change() as connection:
        await connection.execute(schema.api_key.update().values(metadata="{}"))
    await catalogue.refresh()
    users = {key.name: key.restrictions and key.restrictions.user for key in catalogue.current.keys}
    assert users == {"hers": "Ada L.", "its": None}


async def test_a_workspace_may_allow_saved_configs_alone(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    await rows.key("app", b"a" * 32, scopes='["*"]')
    for settings, may in (("{}", True), ('{"block_inline_config":1}', False), ('{"block_inline_config":0}', True)):
        async with database.change() as connection:
            await connection.execute(schema.workspace.update().values(settings=settings))
        await catalogue.refresh()
        assert [key.permissions.inline_configs for key in catalogue.current.keys] == [may]


async def test_the_config_that_is_marked_as_the_workspaces_default(rows: Rows, catalogue: SqlCatalogue) -> None:
    config = await rows.config("pc-main", "{}")
    async with rows.database.change() as connection:
        await connection.execute(schema.config.update().where(schema.config.c.id == config).values(is_default=True))
    await rows.key("app", b"a" * 32)
    await catalogue.refresh()
    assert [key.config for key in catalogue.current.keys] == ["pc-main"]


async def test_names_belong_to_workspaces(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.provider("main")
    await rows.key("of-main", b"a" * 32)
    main, rows.workspace = rows.workspace, await insert(rows.database, schema.workspace, slug="ws-b", name="B")
    await rows.provider("other")
    await rows.config("pc-other", "{}")
    await rows.key("of-other", b"b" * 32)
    await catalogue.refresh()
    current = catalogue.current
    views = {key.name: current.seen_by(key) for key in current.keys}
    assert (list(views["of-main"].virtual_keys), list(views["of-main"].configs)) == (["main"], [])
    assert (list(views["of-other"].virtual_keys), list(views["of-other"].configs)) == (["other"], ["pc-other"])
    assert current.default_workspace == main
    assert current.seen_by(None) is views["of-main"]


async def test_what_belongs_to_a_workspace_that_is_closed_is_not_in_force(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    await rows.provider("prod")
    await rows.config("pc-a", "{}")
    await rows.key("app", b"a" * 32)
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(status="archived"))
    await catalogue.refresh()
    current = catalogue.current
    assert (current.virtual_keys, current.configs, current.keys, current.is_guarded) == ({}, {}, (), True)


BROKEN_KEYS = {
    "allowed_models": '["gpt-4o"',
    "allowed_providers": '{"prod":1}',
    "labels": "[]",
    "metadata": '{"a":[]}',
    "scopes": '"completions.write"',
    "allowed_ips": '["10.0.0.0/33"]',
}


@pytest.mark.parametrize("column", BROKEN_KEYS)
async def test_a_broken_column_of_a_key_is_no_absent_limit(
    rows: Rows, catalogue: SqlCatalogue, database: Database, column: str
) -> None:
    kept = await rows.key("kept", b"a" * 32, allowed_models='["gpt-4o"]')
    await catalogue.refresh()
    before = catalogue.current.keys
    async with database.change() as connection:
        values = {column: BROKEN_KEYS[column], "row_version": schema.api_key.c.row_version + 1}
        await connection.execute(schema.api_key.update().where(schema.api_key.c.id == kept).values(values))
    await rows.key("new", b"b" * 32, **{column: BROKEN_KEYS[column]})
    await rows.key("sound", b"c" * 32)
    await catalogue.refresh()
    keys = {key.name: key for key in catalogue.current.keys}
    assert keys.keys() == {"kept", "sound"}
    assert keys["kept"] is before[0]
    assert [problem.partition(": ")[0] for problem in catalogue.problems] == [
        "the gateway key kept", "the gateway key new",
    ]  # fmt: skip
    assert all(column in problem for problem in catalogue.problems)


@pytest.mark.parametrize(
    "values",
    [{"defaults": "["}, {"defaults": '{"metadata":[1]}'}, {"defaults": '{"config_id":1}'}, {"required_metadata": "{}"}],
)
async def test_keys_of_a_broken_workspace_are_not_in_force(
    rows: Rows, catalogue: SqlCatalogue, database: Database, values: dict[str, str]
) -> None:
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(**values))
    await rows.key("app", b"a" * 32)
    await rows.provider("prod")
    await catalogue.refresh()
    assert catalogue.current.keys == ()
    assert list(catalogue.current.virtual_keys) == ["prod"]
    assert catalogue.problems[0].startswith("the workspace ws-main: its ")


async def test_broken_configurations_are_no_absent_ones(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.provider("prod", configurations='{"custom_host":')
    await catalogue.refresh()
    assert catalogue.current.virtual_keys == {}
    assert catalogue.problems == ("the provider prod: its configurations is no JSON",)


async def test_values_that_stay_are_the_same_objects(rows: Rows, catalogue: SqlCatalogue) -> None:
    await rows.provider("prod")
    await rows.config("pc-a", "{}")
    await rows.key("app", b"a" * 32)
    await catalogue.refresh()
    before = catalogue.current
    await rows.key("more", b"b" * 32)
    await catalogue.refresh()
    after = catalogue.current
    assert after.virtual_keys["prod"] is before.virtual_keys["prod"]
    assert after.configs["pc-a"] is before.configs["pc-a"]
    assert after.key_by_digest(b"a" * 32) is before.key_by_digest(b"a" * 32)


# A database that is lost.


async def test_a_database_that_is_put_back_to_an_older_state_is_in_force(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    """Its keys are read anew, whatever versions they have: these were others' by then."""
    id_ = await rows.key("a", b"a" * 32, allowed_models='["new"]')
    await rows.key("later", b"l" * 32)
    await catalogue.refresh()
    async with database.write() as connection:
        await connection.execute(
            schema.api_key.update().where(schema.api_key.c.id == id_).values(allowed_models='["old"]')
        )
        await connection.execute(schema.api_key_secret.delete().where(schema.api_key_secret.c.api_key_id != id_))
        await connection.execute(schema.api_key.delete().where(schema.api_key.c.id != id_))
        await connection.execute(schema.changed_key.delete())
        await connection.execute(schema.revision.update().values(number=schema.revision.c.number - 1))
    await catalogue.refresh()
    assert [(key.name, key.models) for key in catalogue.current.keys] == [("a", ("old",))]
    assert await database.revision() == catalogue._revision


@pytest.mark.parametrize("changes", [0, 1])
async def test_a_database_that_was_lost_is_read_in_full(
    rows: Rows, catalogue: SqlCatalogue, database: Database, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    """It may have lost the last changes, and got others in their place: its number is as high, or higher."""
    id_ = await rows.key("a", b"a" * 32)
    await catalogue.refresh()
    with monkeypatch.context() as lost:
        lost.setattr(Database, "revision", _unreachable)
        with pytest.raises(DatabaseError):
            await catalogue.refresh()
    async with database.write() as connection:
        await connection.execute(schema.api_key_secret.delete().where(schema.api_key_secret.c.api_key_id == id_))
        await connection.execute(schema.api_key.delete().where(schema.api_key.c.id == id_))
        await connection.execute(schema.changed_key.delete())
        await connection.execute(schema.revision.update().values(number=schema.revision.c.number + changes))
    await catalogue.refresh()
    assert catalogue.current.keys == ()
    assert await database.revision() == catalogue._revision


async def test_after_a_change_only_the_keys_that_changed_are_made_anew(
    rows: Rows, catalogue: SqlCatalogue, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {name: await rows.key(name, name.encode() * 32) for name in "abcd"}
    await catalogue.refresh()
    before = {key.name: key for key in catalogue.current.keys}
    made: list[str] = []
    make = KeyMaker.key

    def counted(maker: Any, row: Any) -> Any:
        made.append(row.name)
        return make(maker, row)

    monkeypatch.setattr(KeyMaker, "key", counted)
    await rows.config("pc-a", "{}")
    await catalogue.refresh()
    assert made == []
    async with database.change() as connection:
        of_b = schema.api_key.c.id == ids["b"]
        changed = {"allowed_models": '["m"]', "row_version": schema.api_key.c.row_version + 1}
        await connection.execute(schema.api_key.update().where(of_b).values(changed))
        of_c = schema.api_key_secret.c.api_key_id == ids["c"]
        await connection.execute(schema.api_key_secret.update().where(of_c).values(valid_until=2**60))
        await connection.execute(schema.api_key_secret.delete().where(schema.api_key_secret.c.api_key_id == ids["d"]))
    await rows.key("e", b"e" * 32)
    await catalogue.refresh()
    assert sorted(made) == ["b", "c", "e"]
    now = {key.name: key for key in catalogue.current.keys}
    assert now.keys() == {"a", "b", "c", "e"}
    assert now["a"] is before["a"]
    assert now["b"].models == ("m",)
    assert now["c"].restrictions is not None
    assert now["c"].restrictions.expires_at == 2**60


async def test_a_change_of_what_a_key_shows_of_others_is_a_change_of_the_key(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    config = await rows.config("pc-a", "{}")
    await insert(database, schema.user, id="u1", name="Ada", role="member")
    id_ = await rows.key("app", b"a" * 32, default_config_id=config, kind="workspace-user", user_id="u1")
    await catalogue.refresh()

    async def shown() -> tuple[Any, ...]:
        await catalogue.refresh()
        (key,) = catalogue.current.keys
        return key.config, key.labels.get("_user"), [each.limit.cap for each in key.limits]

    assert await shown() == ("pc-a", "Ada", [])
    async with database.change() as connection:
        await connection.execute(schema.config.update().values(slug="pc-b"))
        await connection.execute(schema.user.update().values(name="Bea"))
        await put_limits(connection, "api_key", id_, {"concurrency_limit": 2}, by="t", now=1)
    assert await shown() == ("pc-b", "Bea", [2])
    async with database.change() as connection:
        await connection.execute(schema.user.delete())
        await connection.execute(schema.limit.delete())
    assert await shown() == ("pc-b", None, [])


async def test_changes_at_the_same_time_are_all_seen_by_whoever_reads_in_between(postgres_tables: str) -> None:
    """A change that began first has ended before the next one begins: none has a revision that was read already."""
    async with with_tables(postgres_tables) as database:
        rows = Rows(database)
        await rows.make_workspace()
        ids = [await rows.key(name, name.encode() * 32) for name in "ab"]
        catalogue = SqlCatalogue(database, Loader(NEW, ("openai",)), interval=60)
        await catalogue.refresh()
        models = schema.api_key.update().values(allowed_models='["m"]', row_version=2)

        async def change(id_: str) -> None:
            async with database.change() as connection:
                await connection.execute(models.where(schema.api_key.c.id == id_))

        async def shown() -> dict[str | None, Any]:
            await catalogue.refresh()
            return {key.name: key.models for key in catalogue.current.keys}

        async with database.change() as first:
            await first.execute(models.where(schema.api_key.c.id == ids[0]))
            second = asyncio.ensure_future(change(ids[1]))
            async with asyncio.timeout(300):
                while not (await first.execute(sa.text(_WAITS))).scalar_one():
                    pass
            assert await shown() == {"a": None, "b": None}
        await second
        assert await shown() == {"a": ("m",), "b": ("m",)}


async def test_a_change_waits_for_another_for_a_while(postgres_tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.stores.sql.database._LOCK_TIMEOUT", sa.text("SET LOCAL lock_timeout = '10ms'"))
    async with with_tables(postgres_tables) as database, database.change():
        with pytest.raises(DatabaseError, match="lock timeout"):
            async with database.change():
                raise AssertionError("two changes at once")


async def test_many_keys_that_change_at_once_are_all_read(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    await rows.key("a", b"a" * 32)
    await catalogue.refresh()
    async with database.change() as connection:
        row = (await connection.execute(sa.select(schema.api_key))).mappings().one()
        numbers = range(1001)
        await connection.execute(schema.api_key.insert(), [{**row, "id": f"k{number}"} for number in numbers])
        of_number = [
            {"id": f"s{n}", "api_key_id": f"k{n}", "digest": n.to_bytes(32, "big"), "prefix": "pk", "created_at": 1}
            for n in numbers
        ]
        await connection.execute(schema.api_key_secret.insert(), of_number)
    await catalogue.refresh()
    assert len(catalogue.current.keys) == 1002
    async with database.change() as connection:
        await connection.execute(schema.api_key.delete().where(schema.api_key.c.id == "k7"))
    await catalogue.refresh()
    assert len(catalogue.current.keys) == 1001
    assert catalogue.current.key_by_digest((7).to_bytes(32, "big")) is None


@pytest.fixture
def postgres_tables(postgres: Postgres) -> str:
    return postgres.with_tables()


async def test_changes_that_touch_keys_in_any_order_wait_for_one_another(postgres_tables: str) -> None:
    """Each notes the keys that it touches (0019): two of them never wait for each other."""
    async with with_tables(postgres_tables) as database:
        rows = Rows(database)
        await rows.make_workspace()
        ids = [await rows.key(name, name.encode() * 32) for name in "ab"]
        has_touched = asyncio.Event()

        async def touch(connection: Any, id_: str) -> None:
            renamed = schema.api_key.update().where(schema.api_key.c.id == id_)
            await connection.execute(renamed.values(row_version=schema.api_key.c.row_version + 1))

        async def first() -> None:
            async with database.change() as connection:
                await touch(connection, ids[0])
                has_touched.set()
                async with asyncio.timeout(300):
                    while not (await connection.execute(sa.text(_WAITS))).scalar_one():
                        pass
                await touch(connection, ids[1])

        async def second() -> None:
            await has_touched.wait()
            async with database.change() as connection:
                await touch(connection, ids[1])
                await touch(connection, ids[0])

        await asyncio.gather(first(), second())
        async with database.read() as connection:
            touched = (await connection.execute(sa.select(schema.api_key.c.row_version))).scalars().all()
    assert len(touched) == 2
    assert len(set(touched)) == 1


_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


async def test_that_a_key_was_used_is_no_change_of_it(rows: Rows, catalogue: SqlCatalogue, database: Database) -> None:
    async def changed() -> list[Any]:
        async with database.read() as connection:
            return (await connection.execute(sa.select(schema.changed_key))).all()  # type: ignore[return-value]

    id_ = await rows.key("a", b"a" * 32)
    before = await changed()
    await LastUsed(database, {id_: 5.0}).write()
    assert (await changed(), len(before)) == (before, 1)


async def test_a_database_that_was_put_back_is_read_as_a_new_one(rows: Rows, database: Database) -> None:
    loader = Loader(NEW, ("openai",))
    await rows.key("a", b"a" * 32)
    async with database.read() as connection:
        await loader.load(connection, 0)
    async with database.write() as connection:
        await connection.execute(schema.revision.update().values(number=1))
        await connection.execute(schema.changed_key.delete())
        await connection.execute(schema.api_key.update().values(name="put back"))
        await connection.execute(schema.changed_key.delete())
    async with database.read() as connection:
        assert [key.name for key in (await loader.load(connection, 0)).catalogue.keys] == ["put back"]


async def test_keys_of_another_workspace_setting_are_all_made_anew(
    rows: Rows, catalogue: SqlCatalogue, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of no row: reading 100,000 of them takes longer than a change may take to be in force."""
    for name in "ab":
        await rows.key(name, name.encode() * 32)
    await catalogue.refresh()
    monkeypatch.setattr(KeyMaker, "key", None)
    changed = {"defaults": '{"metadata": {"team": "search"}}', "settings": '{"debug_log": 1, "block_inline_config": 1}'}
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(**changed, required_metadata='["team", "tier"]'))
    await catalogue.refresh()
    for key in catalogue.current.keys:
        assert dict(key.labels) == {"team": "search"}
        assert (key.logs_content, key.inline_configs) == (True, False)
        assert key.restrictions is not None
        assert key.restrictions.required_metadata == ("tier",)
    assert catalogue.current.key_by_digest(b"b" * 32) is catalogue.current.keys[1]


async def test_keys_of_a_workspace_that_is_mended_are_in_force(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(defaults="["))
    await rows.key("a", b"a" * 32)
    await catalogue.refresh()
    assert (catalogue.current.keys, len(catalogue.problems)) == ((), 2)
    async with database.change() as connection:
        await connection.execute(schema.workspace.update().values(defaults="{}"))
    await catalogue.refresh()
    assert ([key.name for key in catalogue.current.keys], catalogue.problems) == (["a"], ())


async def test_a_gateway_that_was_guarded_stays_guarded(
    rows: Rows, catalogue: SqlCatalogue, database: Database
) -> None:
    await rows.key("app", b"a" * 32)
    await catalogue.refresh()
    async with database.change() as connection:
        await connection.execute(schema.api_key_secret.delete())
        await connection.execute(schema.api_key.delete())
    await catalogue.refresh()
    assert (catalogue.current.keys, catalogue.current.is_guarded) == ((), True)


@pytest.mark.parametrize("max_age", [0, 10])
async def test_how_long_the_catalogue_of_a_lost_database_is_in_force(
    rows: Rows, database: Database, max_age: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("penstock.stores.sql.catalogue.catalogue.monotonic", lambda: clock[0])
    catalogue = SqlCatalogue(database, Loader(NEW, ("openai",)), 60, max_age)
    await rows.key("app", b"a" * 32)
    await catalogue.refresh()
    before = catalogue.current

    with monkeypatch.context() as lost:
        lost.setattr(Database, "read", _unreachable)
        lost.setattr(Database, "revision", _unreachable)
        for moment in (10, 1000):
            clock[0] = moment
            await catalogue._try_refresh()
            assert catalogue.is_lost
            stays = not max_age or moment <= max_age
            assert (catalogue.current is before) is stays
            assert catalogue.current.is_stale is not stays
            assert catalogue.current.is_guarded
    await catalogue._try_refresh()
    assert not catalogue.is_lost
    assert catalogue.current == before


def _unreachable(_: Database) -> Any:
    raise DatabaseError("the database can't be used")


async def test_it_listens_again_when_its_connection_died(address: str) -> None:
    if address.startswith("sqlite"):
        pytest.skip("only PostgreSQL notifies")
    writer, reader = Database(address), Database(address)
    await make_tables(writer)
    catalogue = SqlCatalogue(reader, Loader(NEW, ("openai",)), interval=0.01)
    await catalogue.refresh()
    listens = sa.text("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")

    async def listener() -> int:
        while True:
            async with writer.read() as connection:
                pid = (await connection.execute(listens)).scalar()
            if pid is not None:
                return int(pid)

    catalogue.start()
    first = await listener()
    async with writer.change() as connection:
        await connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    while await listener() == first:  # noqa: ASYNC110 (the server tells nobody when a connection is gone)
        await asyncio.sleep(0.01)
    await catalogue.stop()
    await writer.close()
    await reader.close()


# When keys were used.


async def test_when_keys_were_used_is_written_in_batches(
    rows: Rows, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.stores.sql.last_used._BATCH", 2)
    keys = [await rows.key(f"k{number}", bytes([number]) * 32) for number in range(5)]
    revision = await database.revision()
    used = dict.fromkeys(keys[:4], 1000.5)
    await LastUsed(database, used).write()
    used[keys[0]], used[keys[1]] = 2000.0, 3.0
    await LastUsed(database, used).write()
    assert used == {}
    assert await database.revision() == revision
    async with database.read() as connection:
        query = sa.select(schema.api_key.c.id, schema.api_key.c.last_used_at)
        written = {row.id: row.last_used_at for row in await connection.execute(query)}
    assert [written[key] for key in keys] == [2_000_000_000, 1_000_500_000, 1_000_500_000, 1_000_500_000, None]


async def test_a_key_is_written_soon_and_then_once_a_minute(rows: Rows, database: Database) -> None:
    key, other = await rows.key("app", b"a" * 32), await rows.key("other", b"b" * 32)
    used: dict[str, float] = {}
    last_used = LastUsed(database, used)
    written = []
    for now, keys in [(0.0, [key]), (5.0, [key, other]), (59.0, [other]), (60.0, []), (65.0, [])]:
        used |= dict.fromkeys(keys, 1000.0 + now)
        await last_used.write_due(now)
        async with database.read() as connection:
            query = sa.select(schema.api_key.c.id, schema.api_key.c.last_used_at)
            at = {row.id: row.last_used_at for row in await connection.execute(query)}
        written.append(tuple(each and each // 1_000_000 - 1000 for each in (at[key], at[other])))
    assert written == [(0, None), (0, 5), (0, 5), (5, 5), (5, 59)]


async def test_what_cant_be_written_is_written_later(
    rows: Rows, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await rows.key("app", b"a" * 32)
    used = {key: 1.0}
    last_used = LastUsed(database, used, interval=60)
    last_used.start()
    with monkeypatch.context() as lost:
        lost.setattr(Database, "write", lambda *_, **__: _unreachable(database))
        await last_used._try(last_used.write_due(0.0))
    assert used == {key: 1.0}
    await last_used.stop()
    assert used == {}


# Secrets.


async def test_no_secret_stands_in_the_database_in_clear(rows: Rows, database: Database) -> None:
    await rows.provider("prod", "sk-canary")
    async with database.read() as connection:
        for table in schema.metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                assert "sk-canary" not in repr(tuple(row))


async def test_values_move_to_the_newest_key(rows: Rows, database: Database) -> None:
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
async def test_the_wrong_keys_are_told_at_start(database: Database, wrong: Keyring) -> None:
    await secrets.check_keyring(database, OLD)
    await secrets.check_keyring(database, NEW)
    with pytest.raises(DatabaseError, match="old"):
        await secrets.check_keyring(database, wrong)
