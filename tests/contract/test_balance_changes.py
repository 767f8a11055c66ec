"""What changes budgets from outside a gateway reaches counters of every kind, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import sqlalchemy as sa

from counting import Store
from databases import with_tables
from limiting import NOON, Clock, budget, hold, rate
from penstock.limits.counters import Alert, CountersUnavailable
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.windows import DAY, CalendarWindow
from penstock.stores.balance_applier import BalanceApplier
from penstock.stores.sql.balances.changes import add_changes, claim
from penstock.stores.sql.balances.journal import JournaledCounters
from penstock.stores.sql.database import MEMORY, Database
from penstock.stores.sql.schema import balance, balance_change

MONTHLY: Final = budget(1000, id="api_key/k/usage/cost", window=CalendarWindow("month"), alert_at=40)
KEY: Final = hold(MONTHLY).key


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with with_tables(MEMORY) as opened:
        yield opened


class Gateway:
    """A gateway that counts in a store and applies what stands in a database."""

    def __init__(self, store: Store, database: Database, *limits: Limit) -> None:
        self.store, self.database, self.clock = store, database, Clock()
        self.alerts: list[Alert] = []
        by_id = {limit.id: limit for limit in limits}
        self.applier = BalanceApplier(
            lambda: database, store.counters, lambda: by_id, self.alerts.extend, self.clock.read
        )

    async def change(self, amount: int, key: BucketKey = KEY) -> None:
        async with self.database.write() as connection:
            await add_changes(connection, {key: (amount, "default", None)}, "import", self.clock.now)

    async def settled(self) -> int:
        await self.applier.apply(self.database)
        return (await self.store.counters.usage(KEY)).settled

    async def waiting(self) -> int:
        async with self.database.read() as connection:
            query = sa.select(sa.func.count()).where(balance_change.c.applied_at.is_(None))
            return int((await connection.execute(query)).scalar_one())


async def test_a_change_is_applied_once_and_raises_its_alerts(store: Store, database: Database) -> None:
    gateway = Gateway(store, database, MONTHLY)
    await gateway.change(30)
    assert [await gateway.settled(), await gateway.settled(), await gateway.waiting()] == [30, 30, 0]
    await gateway.change(20)
    assert await gateway.settled() == 50
    assert [(alert.kind, alert.limit.id) for alert in gateway.alerts] == [("threshold", MONTHLY.id)]


async def test_what_comes_back_is_never_more_than_was_settled(store: Store, database: Database) -> None:
    gateway = Gateway(store, database, MONTHLY)
    await gateway.change(30)
    await gateway.settled()
    await gateway.change(-10)
    assert await gateway.settled() == 20
    await gateway.change(-100)
    assert await gateway.settled() == 0


async def test_a_gateway_that_died_between_claim_and_end_charges_once(store: Store, database: Database) -> None:
    gateway = Gateway(store, database, MONTHLY)
    await gateway.change(30)
    async with database.read() as connection:
        (row,) = await connection.execute(sa.select(balance_change))
    async with database.write() as connection:
        assert await claim(connection, [row.id], gateway.clock.now) == {row.id}
    assert [await gateway.settled(), await gateway.waiting()] == [0, 1]
    gateway.clock.let_pass(61)
    assert [await gateway.settled(), await gateway.waiting()] == [30, 0]


async def test_a_change_of_what_is_over_has_no_effect(store: Store, database: Database) -> None:
    gateway = Gateway(store, database, MONTHLY, rate())
    await gateway.change(30, KEY._replace(window_start=KEY.window_start - 40 * DAY))
    await gateway.change(30, KEY._replace(epoch=1))
    await gateway.change(30, hold(rate()).key)
    assert [await gateway.settled(), await gateway.waiting()] == [0, 0]


async def test_a_change_waits_for_its_limit_for_a_minute(store: Store, database: Database) -> None:
    gateway = Gateway(store, database)
    await gateway.change(30)
    assert [await gateway.settled(), await gateway.waiting()] == [0, 1]
    gateway.clock.let_pass(61)
    assert [await gateway.settled(), await gateway.waiting()] == [0, 0]


async def test_a_store_that_is_down_is_asked_again(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(store, database, MONTHLY)
    await gateway.change(30)

    async def usage(_: object, __: BucketKey) -> None:
        raise CountersUnavailable(1)

    with monkeypatch.context() as patched:
        patched.setattr(type(store.counters), "usage", usage)
        with pytest.raises(CountersUnavailable):
            await gateway.applier.apply(database)
    gateway.clock.let_pass(61)
    assert [await gateway.settled(), await gateway.waiting()] == [30, 0]


async def test_counters_in_memory_begin_with_what_came_while_no_gateway_ran(database: Database) -> None:
    async with database.write() as connection:
        for amount in (30, 20, -15):
            await add_changes(connection, {KEY: (amount, "default", None)}, "reprice", NOON)
        await add_changes(connection, {KEY._replace(limit="other"): (-5, "default", None)}, "reprice", NOON)
    for _ in range(2):
        journal = JournaledCounters(Clock().read, lambda: NOON)
        await journal.restore(database)
        assert (await journal.reserve(("r", 1), [hold(MONTHLY, 965)])).__class__ is tuple
        assert (await journal.usage(KEY)).settled == 35
    async with database.read() as connection:
        rows = await connection.execute(sa.select(balance.c.limit_id, balance.c.settled).order_by(balance.c.limit_id))
        assert [tuple(row) for row in rows] == [(MONTHLY.id, 35), ("other", 0)]
