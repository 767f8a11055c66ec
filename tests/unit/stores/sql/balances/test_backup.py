"""What is settled, kept for a store that may lose it; tests/contract/test_emptied_redis.py has a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from databases import migrated
from limiting import NOON, budget, hold, rate
from penstock.limits.limit import Limit
from penstock.limits.windows import DAY, CalendarWindow
from penstock.stores.sql.balances.backup import BalanceBackup
from penstock.stores.sql.database import MEMORY, Database, DatabaseError
from penstock.stores.stored_counters import Charge, StoreDown

MONEY, DAILY = budget(100, id="money"), budget(100, id="daily", window=CalendarWindow("day"))


class Balances(BalanceBackup):
    """Balances in a database that is away when a test says so."""

    def __init__(self, database: Database, *limits: Limit, now: int = NOON) -> None:
        super().__init__(lambda: now)
        self.open_database = self.itself
        self.limits = lambda: {limit.id: limit for limit in limits}
        self.database = database
        self.is_away = False

    async def itself(self) -> Database:
        if self.is_away:
            raise DatabaseError("away")
        return self.database


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with migrated(MEMORY) as opened:
        yield opened


def charge(limit: Limit, amount: int) -> Charge:
    key = hold(limit).key
    return Charge(key, "default", amount, limit.window_end(key.window_start))


async def settled(balances: Balances) -> dict[str, int]:
    return {of.key.limit: amount for of, amount in await balances.read()}


async def test_charges_add_up_over_writings(database: Database) -> None:
    balances = Balances(database, MONEY, DAILY)
    balances.note([charge(MONEY, 10), charge(DAILY, 10), charge(MONEY, 5)])
    assert await balances.flush()
    balances.note([charge(MONEY, -3)])
    assert await settled(balances) == {"money": 12, "daily": 10}
    assert await settled(Balances(database, MONEY)) == {"money": 12}


async def test_what_is_over_is_not_read(database: Database) -> None:
    """A window that has ended, a reset, a limit that is gone or is no budget any more."""
    reset = budget(100, id="reset", epoch=1)
    before = Balances(database)
    before.note([charge(DAILY, 10), charge(budget(100, id="reset"), 10), charge(budget(100, id="rate"), 10)])
    await before.flush()
    assert await settled(Balances(database, DAILY, reset, rate(5, id="rate"))) == {"daily": 10}
    assert await settled(Balances(database, DAILY, reset, now=NOON + DAY)) == {}


async def test_a_database_that_is_away_gets_all_when_it_is_back(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    balances = Balances(database, MONEY)
    balances.is_away = True
    for _ in range(2):
        balances.note([charge(MONEY, 10)])
        assert not await balances.flush()
    with pytest.raises(StoreDown):
        await balances.read()
    assert caplog.text.count("is kept in memory until it can be written down") == 1
    balances.is_away = False
    assert await settled(balances) == {"money": 20}


async def test_what_is_not_written_yet_is_written_at_the_end(database: Database) -> None:
    balances = Balances(database, MONEY)
    balances.start()
    balances.note([charge(MONEY, 10)])
    await balances.stop()
    assert await settled(Balances(database, MONEY)) == {"money": 10}


async def test_without_a_database_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    balances = BalanceBackup(lambda: NOON)
    balances.note([charge(MONEY, 10)])
    assert await balances.read() == ()
    assert "they begin at zero" in caplog.text
