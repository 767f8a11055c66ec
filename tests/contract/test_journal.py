"""Budgets that outlive their process, on every engine: what is written down, and what a new process makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from databases import fresh_address
from limiting import NOON, Clock, budget, hold, rate
from penstock.core.usage import Usage
from penstock.limits.applied import Applied
from penstock.limits.counters import CountersUnavailable, Exceeded
from penstock.limits.fast_path import FastHold
from penstock.limits.limit import NOTHING, Amounts
from penstock.stores.kept_entries import KeptEntries
from penstock.stores.mapped_file import MappedFile
from penstock.stores.sql import schema
from penstock.stores.sql.balances.journal import JournaledCounters
from penstock.stores.sql.database import Database, DatabaseError
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LEDGER_FILES, LedgerEntry, encode_entry
from penstock.stores.sql.lost_requests import lost_entries
from penstock.stores.stored_counters import LostCharge

LIMIT = budget(100, id="api_key/k/usage/cost")
ONE, TWO = ("r", 1), ("r", 2)


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_address(request, tmp_path)


def counters(database: Database) -> JournaledCounters:
    made = JournaledCounters(Clock().read, lambda: NOON)
    made.open_database = functools.partial(_itself, database)
    return made


async def _itself(database: Database) -> Database:
    return database


async def restored(database: Database) -> JournaledCounters:
    again = counters(database)
    await again.restore(database)
    return again


async def rows(database: Database, table: sa.Table) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(sa.select(table)))


async def test_what_is_settled_is_there_after_a_restart(database: Database) -> None:
    first = counters(database)
    for reservation, cost in ((ONE, 30), (TWO, 20)):
        await first.reserve(reservation, [hold(LIMIT, 40), hold(rate())])
        await first.settle(reservation, Amounts(cost), [hold(LIMIT, 40), hold(rate())])
    assert await first.flush()
    assert [(row.settled, row.value_key) for row in await rows(database, schema.balance)] == [(50, "default")]
    again = await restored(database)
    assert (await again.usage(hold(LIMIT).key)).settled == 50
    assert isinstance(await again.reserve(("s", 1), [hold(LIMIT, 51)]), Exceeded)
    assert not isinstance(await again.reserve(("s", 2), [hold(LIMIT, 50)]), Exceeded)
    await again.settle(("s", 2), Amounts(50), [hold(LIMIT, 50)])
    await again.flush()
    assert [row.settled for row in await rows(database, schema.balance)] == [100]


async def test_what_came_since_the_last_flush_outlives_a_killed_process(database: Database, tmp_path: Path) -> None:
    """What was settled is charged, what was held is charged as estimated, and the ledger has a line of each."""
    first = JournaledCounters(Clock().read, lambda: NOON, tmp_path)
    first.open_database = functools.partial(_itself, database)
    first._record.open()
    await first.reserve(("written", 1), [hold(LIMIT, 10)])
    await first.reserve(("ended", 1), [hold(LIMIT, 11)])
    await first.flush()
    await first.settle(("ended", 1), Amounts(5), [hold(LIMIT, 11)])
    await first.reserve(("unwritten", 1), [hold(LIMIT, 20)])
    await first.reserve(("gone", 1), [hold(LIMIT, 12)])
    await first.release(("gone", 1))
    ledger = KeptEntries(tmp_path, LEDGER_FILES, "dead", 4096)
    ledger.open("lost")
    budgets = (hold(LIMIT).key,)
    ledger.put(encode_entry(LedgerEntry("ended", 1, NOON, "openai", Usage(3, 1), 5, budgets=budgets)))
    die(first._record._file, ledger._file)
    for _ in range(2):
        again = JournaledCounters(Clock().read, lambda: NOON, tmp_path)
        await again.restore(database)
        assert (await again.usage(hold(LIMIT).key)) == (35, 0)
        lines = await rows(database, schema.ledger)
        assert sorted((line.amount, line.error) for line in lines) == [(5, None), (10, "lost"), (20, "lost")]
        assert {line.key_id for line in lines if line.error} == {"k"}
        assert maps(tmp_path) == []
    assert await rows(database, schema.open_hold) == []


def maps(folder: Path) -> list[str]:
    """The files that were left."""
    return [file.name for file in folder.glob("*.map")]


def die(*files: MappedFile) -> None:
    """The process of some files is gone: nobody holds them."""
    for file in files:
        assert file._file is not None
        fcntl.flock(file._file, fcntl.LOCK_UN)
        file._file.close()
        file._file = None


async def test_better_news_take_the_place_of_a_lost_reservation(database: Database) -> None:
    lost = lost_entries([LostCharge(("r", 1), hold(LIMIT).key, 40)], NOON)
    real = LedgerEntry("r", 1, NOON, "openai", Usage(3, 1), 7)
    for entries in (lost, [real], lost):
        await write_ledger(database, entries)
    (line,) = await rows(database, schema.ledger)
    assert (line.amount, line.error, line.provider) == (7, None, "openai")


async def test_only_a_strict_budget_waits_for_the_journal(database: Database) -> None:
    kept = counters(database)
    strict = hold(budget(100, id="strict", strict=True), 40)
    assert kept.reserve_at_once(TWO, [hold(LIMIT, 40), strict]) is None
    assert (await kept.usage(strict.key), await kept.usage(hold(LIMIT).key)) == ((0, 0), (0, 0))
    holds = [hold(LIMIT, 40), hold(rate(strict=True))]
    standings = kept.reserve_at_once(ONE, holds)
    assert isinstance(standings, tuple)
    assert [standing.used for standing in standings] == [1]
    assert isinstance(kept.reserve_at_once(TWO, [hold(LIMIT, 61)]), Exceeded)
    assert await kept.flush()
    assert len(await rows(database, schema.open_hold)) == 1
    assert kept.settle_at_once(ONE, Amounts(30), holds) == ()
    kept.reserve_at_once(TWO, [hold(LIMIT, 40)])
    kept.release_at_once(TWO)
    assert await kept.flush()
    assert [row.settled for row in await rows(database, schema.balance)] == [30]
    assert await rows(database, schema.open_hold) == []


async def test_what_a_killed_process_had_reserved_is_charged_once(database: Database) -> None:
    killed, released = counters(database), budget(100, "tokens", id="released/tokens", on_loss="release")
    await killed.reserve(ONE, [hold(LIMIT, 40)])
    await killed.reserve(TWO, [hold(LIMIT, 10), hold(released, 10)])
    await killed.extend(TWO, [hold(LIMIT, 5)])
    await killed.flush()
    for _ in range(2):
        again = await restored(database)
        assert (await again.usage(hold(LIMIT).key)).settled == 55
        assert (await again.usage(hold(released).key)).settled == 0
    assert await rows(database, schema.open_hold) == []
    lost = {(row.request_id, row.attempt): row.amount for row in await rows(database, schema.ledger)}
    assert lost == {ONE: 40, TWO: 15}
    assert {(row.error, row.is_estimated) for row in await rows(database, schema.ledger)} == {("lost", True)}


async def test_a_reservation_that_ends_leaves_nothing_written_down(database: Database) -> None:
    kept = counters(database)
    await kept.reserve(ONE, [hold(LIMIT, 40)])
    await kept.flush()
    assert len(await rows(database, schema.open_hold)) == 1
    await kept.release(ONE)
    await kept.reserve(TWO, [hold(LIMIT, 40)])
    await kept.settle(TWO, NOTHING, [hold(LIMIT, 40)])
    await kept.flush()
    assert await rows(database, schema.open_hold) == []
    assert await rows(database, schema.balance) == []


async def test_what_an_attempt_gave_back_is_written_down_no_more(database: Database) -> None:
    other = budget(100, id="provider/p/usage/cost")
    kept = counters(database)
    await kept.reserve(ONE, [hold(LIMIT, 40)])
    await kept.extend(ONE, [hold(other, 30)])
    await kept.flush()
    await kept.shrink(ONE, [hold(other).key])
    await kept.extend(ONE, [hold(LIMIT, 2)])
    await kept.flush()
    assert [(row.limit_id, row.amount) for row in await rows(database, schema.open_hold)] == [(LIMIT.id, 42)]


async def test_a_strict_budget_waits_until_its_reservation_is_written_down(database: Database) -> None:
    strict = budget(100, id="strict/cost", strict=True)
    kept = counters(database)
    kept.start()
    assert not isinstance(await kept.reserve(ONE, [hold(strict, 40)]), Exceeded)
    assert [row.amount for row in await rows(database, schema.open_hold)] == [40]
    await kept.stop()


async def test_a_database_that_is_down_closes_strict_budgets_and_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = budget(100, id="strict/cost", strict=True)
    kept, write = counters(database), database.write

    def down() -> Any:
        raise DatabaseError("it is down")

    await kept.reserve(ONE, [hold(LIMIT, 40)])
    monkeypatch.setattr(database, "write", down)
    asking = asyncio.create_task(kept.reserve(TWO, [hold(strict, 40)]))
    await asyncio.sleep(0)
    assert not await kept.flush()
    with pytest.raises(CountersUnavailable):
        await asking
    assert (await kept.usage(hold(strict).key)).reserved == 0
    await kept.settle(ONE, Amounts(40), [hold(LIMIT, 40)])
    assert not await kept.flush()
    monkeypatch.setattr(database, "write", write)
    assert await kept.flush()
    assert [row.settled for row in await rows(database, schema.balance)] == [40]
    assert await rows(database, schema.open_hold) == []


async def test_a_strict_budget_that_the_operator_opens_does_without_the_journal(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = budget(100, id="strict/cost", strict=True)
    kept = JournaledCounters(Clock().read, lambda: NOON, is_needed=False)
    kept.open_database = functools.partial(_itself, database)

    def down() -> Any:
        raise DatabaseError("it is down")

    with monkeypatch.context() as lost:
        lost.setattr(database, "write", down)
        asking = asyncio.create_task(kept.reserve(ONE, [hold(strict, 40)]))
        await asyncio.sleep(0)
        assert not await kept.flush()
        assert not isinstance(await asking, Exceeded)
        assert (await kept.usage(hold(strict).key)).reserved == 40
    assert await kept.flush()
    assert [row.amount for row in await rows(database, schema.open_hold)] == [40]


async def test_values_without_room_share_one_balance(database: Database) -> None:
    grouped = budget(100, id="policy/p/usage/cost", is_grouped=True)
    kept = counters(database)
    kept.memory.reservations._values._most = 1
    for number, value in enumerate((b"bob", b"eve", b"joe")):
        mine = [hold(grouped, 10, value=value, value_key=value.decode())]
        await kept.reserve(("r", number), mine)
        await kept.settle(("r", number), Amounts(10), mine)
    await kept.flush()
    assert sorted((bytes(row.value), row.settled) for row in await rows(database, schema.balance)) == [
        (b"bob", 10), (b"\xff", 20),
    ]  # fmt: skip


async def test_a_balance_that_is_set_is_written_down(database: Database) -> None:
    kept = counters(database)
    await kept.open_balance(hold(LIMIT).key, LIMIT, 70)
    assert await kept.open_balance(hold(LIMIT).key, LIMIT, 5) == 70
    await kept.flush()
    assert [row.settled for row in await rows(database, schema.balance)] == [5]


async def test_a_stop_carries_out_the_flush_that_has_begun(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, write = counters(database), database.write
    begun, go_on = asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def slow() -> AsyncIterator[Any]:
        begun.set()
        await go_on.wait()
        async with write() as connection:
            yield connection

    await kept.reserve(ONE, [hold(LIMIT, 40)])
    await kept.settle(ONE, Amounts(30), [hold(LIMIT, 40)])
    monkeypatch.setattr(database, "write", slow)
    kept.start()
    await begun.wait()
    stopping = asyncio.create_task(kept.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert [row.settled for row in await rows(database, schema.balance)] == [30]


async def test_what_a_caller_names_keeps_no_row_from_the_ledger(database: Database) -> None:
    """A NUL, half of a surrogate pair, an amount that no column holds: one such row would keep back all others."""
    odd = "a\ud800\x00b"
    entries = [
        LedgerEntry("r", 1, NOON, "openai", Usage(), 1 << 70, model=odd, labels={odd: odd}, trace_id=odd),
        LedgerEntry("r", 2, NOON, "openai", Usage(3, 4), 5, model="m"),
    ]
    await write_ledger(database, entries)
    first, second = sorted(await rows(database, schema.ledger), key=lambda row: row.attempt)
    assert (first.model, first.trace_id, first.amount) == ("a??b", "a??b", (1 << 63) - 1)
    assert (second.model, second.amount) == ("m", 5)


async def test_what_a_fast_path_holds_and_settles_is_written_down(database: Database) -> None:
    killed = counters(database)
    path = killed.fast_path([Applied(LIMIT), Applied(rate())], lambda: NOON)
    assert path is not None
    settled, held, handed_over = FastHold(), FastHold(), FastHold()
    for number, taken in enumerate((settled, held, handed_over)):
        assert path.reserve(taken, f"r{number}", (20, 10, 5, 5, 1))
    assert path.settle(settled, (15, 10, 5, 5, 1)) == ()
    assert await killed.flush()
    assert {(row.request_id, row.amount) for row in await rows(database, schema.open_hold)} == {("r1", 20), ("r2", 20)}
    path.hand_over(handed_over)
    killed.settle_at_once(("r2", 1), Amounts(5), handed_over.holds())
    assert await killed.flush()
    for _ in range(2):
        again = await restored(database)
        assert await again.usage(hold(LIMIT).key) == (15 + 5 + 20, 0)
    assert await rows(database, schema.open_hold) == []


async def test_what_a_fast_path_hands_over_before_a_flush_is_written_down_once(database: Database) -> None:
    kept, taken = counters(database), FastHold()
    path = kept.fast_path([Applied(LIMIT)], lambda: NOON)
    assert path is not None
    assert path.reserve(taken, "r", (20, 10, 5, 5, 1))
    path.hand_over(taken)
    await kept.extend(ONE, [hold(LIMIT, 5)])
    assert await kept.flush()
    assert sum(row.amount for row in await rows(database, schema.open_hold)) == 25
    kept.settle_at_once(ONE, Amounts(22), [hold(LIMIT, 25)])
    assert await kept.flush()
    assert await kept.usage(hold(LIMIT).key) == (22, 0)
    assert await rows(database, schema.open_hold) == []
