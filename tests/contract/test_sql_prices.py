"""Price tables and integrations' prices in the database, on every engine."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, TableError, encode
from penstock.stores.sql import prices, schema
from penstock.stores.sql.catalogue.catalogue import SqlCatalogue
from penstock.stores.sql.catalogue.load import Loader
from penstock.stores.sql.database import Database
from penstock.stores.sql.ids import random_id
from penstock.stores.sql.keyring import Keyring

COMMON = {"created_at": 1, "updated_at": 1, "created_by": "test", "updated_by": "test"}


def table(picos: int) -> PriceTable:
    prices_ = ProviderPrices({"m": ModelPrices((Case({"input": picos}),)), "n": ModelPrices((Case({"input": 1}),))})
    return PriceTable(encode("loaded", {"openai": prices_}))


async def save(database: Database, each: PriceTable, now: int = 1, *, activate: bool = True) -> None:
    async with database.change() as connection:
        await prices.save(connection, each, now, activate=activate)


async def test_a_table_is_kept_and_read_again(database: Database) -> None:
    await save(database, table(5), 7)
    async with database.read() as connection:
        active = await prices.active_version(connection)
        assert active == table(5).version
        read = await prices.read(connection, active)
        history = await prices.history(connection)
    assert read is not None
    assert read.body == table(5).body
    assert history == [prices.LoadedBook(table(5).version, "loaded", 2, 7, is_active=True)]


async def test_versions_stay_and_one_is_active(database: Database) -> None:
    for now, picos in enumerate((5, 6, 5)):
        await save(database, table(picos), now)
    await save(database, table(8), 9, activate=False)
    await save(database, table(6), 9, activate=False)
    async with database.read() as connection:
        assert await prices.active_version(connection) == table(5).version
        assert {each.version: (each.loaded_at, each.is_active) for each in await prices.history(connection)} == {
            table(5).version: (0, True), table(6).version: (1, False), table(8).version: (9, False),
        }  # fmt: skip
        assert await prices.read(connection, "nothing") is None


async def test_loading_is_a_revision(database: Database) -> None:
    before = await database.revision()
    await save(database, table(5))
    assert await database.revision() == before + 1


async def test_two_active_versions_are_refused(database: Database) -> None:
    await save(database, table(5))
    values = {"source": "x", "digest": "x", "models": 0, "loaded_at": 1, "is_active": True, "body": b""}
    insert = schema.price_book.insert().values(version="other", **values)
    async with database.engine.connect() as connection, connection.begin():
        with pytest.raises(sa.exc.IntegrityError):
            await connection.execute(insert)


def follow(database: Database) -> SqlCatalogue:
    return SqlCatalogue(database, Loader(Keyring({}), ["openai"]))


def version(catalogue: SqlCatalogue) -> str | None:
    """The version of the table that the catalogue holds."""
    table_ = catalogue.current.price_table
    return None if table_ is None else table_.version


async def test_a_gateway_follows_what_is_loaded(database: Database) -> None:
    catalogue = follow(database)
    await catalogue.refresh()
    assert version(catalogue) is None
    await save(database, table(5))
    await catalogue.refresh()
    first = catalogue.current.price_table
    assert version(catalogue) == table(5).version
    await save(database, table(6), activate=False)
    await catalogue.refresh()
    assert catalogue.current.price_table is first
    async with database.change() as connection:
        await prices.deactivate(connection)
    await catalogue.refresh()
    assert version(catalogue) is None


@pytest.mark.parametrize("body", [b"no zlib", zlib.compress(b"{"), zlib.compress(b"{" * 1000)[:-6]])
async def test_a_damaged_table_leaves_the_table_before_in_force(body: bytes, database: Database) -> None:
    catalogue = follow(database)
    await save(database, table(5))
    await catalogue.refresh()
    await save(database, table(6))
    async with database.change() as connection:
        await connection.execute(schema.price_book.update().where(schema.price_book.c.is_active).values(body=body))
    await catalogue.refresh()
    assert version(catalogue) == table(5).version
    assert any("can't be used" in problem for problem in catalogue.problems)
    async with database.read() as connection:
        with pytest.raises(TableError):
            await prices.read(connection, table(6).version)


async def integration(database: Database, slug: str, adjustments: str = "{}", *models: dict[str, Any]) -> str:
    ids = {name: random_id() for name in ("workspace", "integration", "provider")}
    async with database.change() as connection:
        await connection.execute(
            schema.workspace.insert().values(id=ids["workspace"], slug=f"ws-{slug}", name=slug, **COMMON)
        )
        await connection.execute(
            schema.integration.insert().values(
                id=ids["integration"],
                slug=slug,
                name=slug,
                provider="openai",
                pricing_adjustments=adjustments,
                **COMMON,
            )
        )
        await connection.execute(
            schema.provider.insert().values(
                id=ids["provider"], workspace_id=ids["workspace"], integration_id=ids["integration"], slug=slug, name=slug,
                **COMMON,
            )
        )  # fmt: skip
        for model in models:
            await connection.execute(
                schema.integration_model.insert().values(integration_id=ids["integration"], **model)
            )
    return ids["integration"]


async def test_integrations_have_prices_of_their_own(database: Database) -> None:
    static = json.dumps({"type": "static", "pay_as_you_go": {"request_token": {"price": 2.5}}})
    await integration(
        database, "mine", '{"multiplier": {"default": 1.5}}', {"model": "m", "pricing": static},
        {"model": "tuned", "base_model": "gpt-4o"}, {"model": "plain"},
    )  # fmt: skip
    await integration(database, "other")
    catalogue = follow(database)
    await catalogue.refresh()
    assert [*catalogue.current.own_prices] == ["mine"]
    own = catalogue.current.own_prices["mine"]
    assert own.models["m"].cases == (Case({"input": 2_500_000}),)
    assert (own.bases, own.multipliers) == ({"tuned": "gpt-4o"}, {"default": (3, 2)})
    await integration(database, "third")
    await catalogue.refresh()
    assert catalogue.current.own_prices["mine"] is own


async def test_prices_that_can_not_be_used_stay_what_they_were(database: Database) -> None:
    id_ = await integration(database, "mine", '{"multiplier": {"default": 2}}')
    catalogue = follow(database)
    await catalogue.refresh()
    async with database.change() as connection:
        bad = {"pricing_adjustments": '{"multiplier": {"default": "x"}}'}
        await connection.execute(schema.integration.update().where(schema.integration.c.id == id_).values(**bad))
    await catalogue.refresh()
    assert catalogue.current.own_prices["mine"].multipliers == {"default": (2, 1)}
    assert any("the provider mine: the prices of its integration can't be used" in each for each in catalogue.problems)
