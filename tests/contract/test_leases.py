"""Workers that lease slices of limits from a real store: no sliding window has more than its value, no budget is
overspent, and all that was spent is charged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from counting import ENGINES, Place
from databases import make_tables
from limiting import NOON, Clock, budget, rate
from paths import ROOT
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert
from penstock.limits.fast_path import FastHold, FastPath
from penstock.limits.limit import Amounts, OnLoss
from penstock.limits.windows import SECOND
from penstock.stores.leased_counters import LeasedCounters
from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, file_address
from penstock.stores.sql.ledger import write_ledger
from penstock.stores.sql.ledger_entry import LedgerEntry
from penstock.stores.sql.lost_requests import lost_entries, shared_entries

VALUE = 1000
LIMITS = (budget(10**6), rate(VALUE), rate(10**6, kind="tokens"))
AMOUNT = 7


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(f"{request.param}_place")
    return made


async def ask(worker: LeasedCounters, clock: Clock, name: str, limits: tuple[Applied, ...]) -> bool:
    """Whether a request is let in by the store, which it asks; what it takes is settled."""
    admitted = await Admission(worker, clock.read).admit(name, limits, Estimate(Amounts(AMOUNT, AMOUNT, 0)))
    if isinstance(admitted, Admitted):
        await admitted.settle(Amounts(AMOUNT, AMOUNT, 0))
    return isinstance(admitted, Admitted)


class Crowd:
    """Two workers of one store, whose requests cost exactly their estimate. ``admitted`` are their moments."""

    def __init__(self, place: Place) -> None:
        self.clock = Clock()
        self.stores = [place.counters(clock=self.clock.read) for _ in range(2)]
        self.limits = tuple(Applied(limit) for limit in LIMITS)
        self.alerts: list[Alert] = []
        self.workers = [LeasedCounters(store, self.clock.read, self.alerts.extend) for store in self.stores]
        self.admitted: list[int] = []
        self.fast = 0

    async def begin(self) -> None:
        for store, worker in zip(self.stores, self.workers, strict=True):
            await store.renew()
            worker._is_running = True

    async def burst(self, worker: LeasedCounters, path: FastPath, name: str, size: int) -> None:
        for each in range(size):
            hold = FastHold()
            if path.reserve(hold, f"{name}-{each}", (AMOUNT, AMOUNT, AMOUNT, 0, 1)):
                self.fast += 1
                path.settle(hold, (AMOUNT, AMOUNT, AMOUNT, 0, 1))
                self.admitted.append(self.clock.now)
            elif each < 10 and await ask(worker, self.clock, f"{name}-{each}", self.limits):
                self.admitted.append(self.clock.now)

    async def let_pass(self, seconds: float) -> None:
        self.clock.let_pass(seconds)
        for store in self.stores:
            await store.renew()

    async def end(self) -> None:
        for worker in self.workers:
            await worker.stop()
        assert await self.stores[0].usage(self.limits[0].key_at(NOON)) == (AMOUNT * len(self.admitted), 0)
        for store in self.stores:
            await store.close()


async def test_slices_pass_no_sliding_window_and_all_is_charged(place: Place) -> None:
    await place.make()
    crowd, chance = Crowd(place), random.Random(7)
    await crowd.begin()
    paths = [worker.fast_path(crowd.limits, crowd.clock.read) for worker in crowd.workers]
    for turn in range(45):
        for number, (worker, path) in enumerate(zip(crowd.workers, paths, strict=True)):
            assert path is not None
            await crowd.burst(worker, path, f"{turn}-{number}", chance.randint(10, 60))
            await worker.look()
        await crowd.let_pass(chance.choice([0.3, 0.4, 0.9, 5]))
    for start in {*crowd.admitted}:
        assert sum(start <= moment < start + 60 * SECOND for moment in crowd.admitted) <= VALUE
    assert crowd.fast > len(crowd.admitted) // 4
    await crowd.end()
    assert crowd.alerts == []


async def test_a_worker_that_dies_is_charged_what_it_had_leased(place: Place) -> None:
    await place.make()
    clock = Clock()
    dying, living = place.counters(clock=clock.read), place.counters(clock=clock.read)
    worker, limit = LeasedCounters(dying, clock.read, list[Alert]().extend), Applied(budget(10**6))
    path = worker.fast_path([limit], clock.read)
    assert path is not None
    worker._is_running = True
    await dying.renew()
    for number in range(20):
        assert not path.reserve(FastHold(), f"{number}", (AMOUNT, AMOUNT, AMOUNT, 0, 1))
        assert await ask(worker, clock, f"{number}", (limit,))
    await worker.look()
    spent = 20 * AMOUNT
    for number in range(20, 40):
        assert path.reserve(FastHold(), f"{number}", (AMOUNT, AMOUNT, AMOUNT, 0, 1))
        spent += AMOUNT
    key = limit.key_at(NOON)
    settled, leased = await living.usage(key)
    assert settled + leased >= spent
    clock.let_pass(60)
    await living.renew()
    await living.lose(3600 * SECOND)
    assert await living.usage(key) == (settled + leased, 0)
    for store in (dying, living):
        await store.close()


KILLED = """
import asyncio, sys
from pathlib import Path
from counting import Place
from limiting import NOON, Clock, budget
from penstock.limits.applied import Applied
from penstock.limits.fast_path import FastHold
from penstock.stores.leased_counters import LeasedCounters
from test_leases import AMOUNT, ask

async def work(place, folder):
    clock, store = Clock(), place.counters()
    worker, limit = LeasedCounters(store, clock.read, list().extend, folder), Applied(budget(10**6, on_loss=sys.argv[5]))
    worker._record.open()
    worker._is_running = True
    path = worker.fast_path([limit], clock.read)
    await store.renew()
    for number in range(20):
        path.reserve(FastHold(), str(number), (AMOUNT, AMOUNT, AMOUNT, 0, 1))
        await ask(worker, clock, str(number), (limit,))
    for turn in range(2):
        await worker.look()
        for number in range(20):
            hold = FastHold()
            assert path.reserve(hold, f"{turn}-{number}", (AMOUNT, AMOUNT, AMOUNT, 0, 1))
            if number % 4 or sys.argv[6] == "idle":
                path.settle(hold, (AMOUNT - 1, AMOUNT, AMOUNT, 0, 1))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(work(Place(*sys.argv[1:4]), Path(sys.argv[4])))
"""
SPENT, HELD = 20 * AMOUNT + 30 * (AMOUNT - 1), 10 * AMOUNT
"""What the killed worker has spent, and what its requests under way held."""


def run_until_killed(place: Place, folder: Path, on_loss: OnLoss, end: str = "busy") -> None:
    """Let a worker process lease slices, spend of them, and be killed."""
    tests = [str(ROOT / "tests" / "contract"), *sys.path]
    command = [sys.executable, "-c", KILLED, place.engine, place.address, place.organisation, str(folder), on_loss]
    command.append(end)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(tests)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()


def records(folder: Path) -> list[Path]:
    return list(folder.glob("slices-*"))


@pytest.mark.parametrize("on_loss", ["charge", "release"])
@pytest.mark.parametrize("is_late", [False, True])
async def test_a_killed_worker_is_charged_what_it_spent_where_its_record_is_at_hand(
    place: Place, tmp_path: Path, on_loss: OnLoss, is_late: bool
) -> None:
    await place.make()
    run_until_killed(place, tmp_path, on_loss)
    clock, limit = Clock(time.time_ns() // 1000), budget(10**6, on_loss=on_loss)
    store = place.counters(clock=clock.read)
    worker, key = LeasedCounters(store, clock.read, list[Alert]().extend, tmp_path), Applied(limit).key_at(NOON)
    settled, leased = await store.usage(key)
    assert settled + leased > SPENT + HELD
    entries: list[LedgerEntry] = []
    store.told_lost = lambda charges: entries.extend(lost_entries(charges, 0))
    worker.told_lost = lambda charges: entries.extend(shared_entries(charges, 0))
    if is_late:
        # The store counts the lease as lost before anybody reads the record: the news corrects it.
        clock.let_pass(60)
        await store.renew()
        await store.lose(3600 * SECOND)
    for _ in range(2):
        await worker.charge_left()
        assert await store.usage(key) == (SPENT + (HELD if on_loss == "charge" else 0), 0)
    assert records(tmp_path) == []
    assert await in_the_ledger(entries, tmp_path / "ledger.db") == (HELD if on_loss == "charge" else 0), "not the lease"
    await store.close()


async def test_a_lost_lease_of_which_nothing_was_held_leaves_no_charge(place: Place, tmp_path: Path) -> None:
    """The store told all of it before the record was read: the ledger is corrected as the budget is."""
    await place.make()
    run_until_killed(place, tmp_path, "charge", "idle")
    store = place.counters(clock=lambda: time.time_ns() // 1000 + 60 * SECOND)
    worker = LeasedCounters(store, Clock().read, list[Alert]().extend, tmp_path)
    entries: list[LedgerEntry] = []
    store.told_lost = lambda charges: entries.extend(lost_entries(charges, 0))
    worker.told_lost = lambda charges: entries.extend(shared_entries(charges, 0))
    await store.lose(3600 * SECOND)
    assert sum(entry.nanos or 0 for entry in entries) > 0
    await worker.charge_left()
    assert await in_the_ledger(entries, tmp_path / "ledger.db") == 0
    spent = 20 * AMOUNT + 40 * (AMOUNT - 1)
    assert await store.usage(Applied(budget(10**6)).key_at(NOON)) == (spent, 0)
    await store.close()


async def in_the_ledger(entries: list[LedgerEntry], path: Path) -> int:
    """What the ledger says in all when it was given these entries."""
    database = Database(file_address(path))
    await make_tables(database)
    await write_ledger(database, entries)
    async with database.read() as connection:
        total = await connection.scalar(sa.select(sa.func.sum(schema.ledger.c.amount)))
    await database.close()
    return int(total or 0)
