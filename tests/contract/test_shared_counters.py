"""What counters do that several processes share, on every engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from time import time_ns

import msgspec
import pytest

from counting import ENGINES, Place, in_memory
from counting_worker import ACTUAL, COST, ESTIMATED, OPEN, SECOND_LIMIT, SHARED
from limiting import budget, hold, rate
from paths import ROOT
from penstock.core.money import LARGEST_IN_DOUBLES, NANOS
from penstock.limits.counters import Exceeded
from penstock.limits.limit import OVERFLOW, Amounts, Limit
from penstock.limits.windows import SECOND
from penstock.stores.stored_counters import LEASE, LostCharge, StoredCounters

WORKER = ROOT / "tests" / "support" / "stores" / "counting_worker.py"
WORKERS = 4


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.getfixturevalue(f"{request.param}_place")
    return made


@pytest.fixture
async def counters(place: Place) -> AsyncIterator[StoredCounters]:
    await place.make()
    opened = place.counters()
    yield opened
    await opened.close()


@contextlib.contextmanager
def workers(place: Place, task: str, number: int = WORKERS) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that count, and are ready to begin."""
    paths = os.pathsep.join(sys.path)
    words = (sys.executable, str(WORKER), place.engine, place.address, place.organisation, task)
    with contextlib.ExitStack() as opened:
        running = [
            opened.enter_context(
                subprocess.Popen(
                    (*words, str(each)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "PYTHONPATH": paths},
                )
            )
            for each in range(number)
        ]
        for each in running:
            opened.callback(each.kill)
        for each in running:
            assert read(each) == "ready"
        yield running


def read(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def go_on(running: Sequence[subprocess.Popen[str]]) -> None:
    for worker in running:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()


def told(running: Sequence[subprocess.Popen[str]]) -> list[list[str]]:
    """The words of all lines that the workers tell until they end."""
    lines: list[list[str]] = []
    for worker in running:
        assert worker.stdout is not None
        lines += [line.split() for line in worker.stdout if line.endswith("\n")]
    return lines


async def test_four_processes_dont_overspend_and_each_line_is_told_once(place: Place, counters: StoredCounters) -> None:
    with workers(place, "ask") as running:
        go_on(running)
        let_in = [read(worker).split() for worker in running]
        assert sum(int(number) for _, number in let_in) == 37
        assert await counters.usage(hold(SHARED).key) == (0, 37 * COST)
        go_on(running)
        alerts = Counter(kind for _, kind in told(running))
    assert alerts == {"threshold": 1, "exhausted": 1}
    assert await counters.usage(hold(SHARED).key) == (37 * COST, 0)


async def test_four_processes_pass_no_sliding_second(place: Place, counters: StoredCounters) -> None:
    """At more than ten times the limit. A request counts only where it was surely let in."""
    with workers(place, "hurry") as running:
        go_on(running)
        admitted = [(float(before), float(after)) for _, before, after in told(running)]
    assert len(admitted) >= SECOND_LIMIT.cap
    for start, _ in admitted:
        inside = [before for before, after in admitted if before >= start and after < start + 1]
        assert len(inside) <= SECOND_LIMIT.cap


@pytest.mark.parametrize("round_", range(int(os.environ.get("TEST_KILL_ROUNDS", "1"))))
async def test_what_a_killed_worker_held_is_charged(place: Place, counters: StoredCounters, round_: int) -> None:
    """``TEST_KILL_ROUNDS=100`` kills at a hundred moments."""
    with workers(place, "work", 2) as running:
        go_on(running)
        lines: list[list[str]] = []
        for worker in running:
            lines += [read(worker).split() for _ in range(200 + 37 * (round_ % 10))]
            worker.kill()
        lines += [line for line in told(running) if len(line) == 2]
    reserved = 1
    async with asyncio.timeout(300):
        # A server may still carry out what a worker sent before it died.
        while reserved:
            await sweep(place)
            settled, reserved = await counters.usage(hold(OPEN).key)
    least, most = bounds(lines)
    assert least <= settled <= most


async def test_a_lost_reservation_is_told_with_what_it_was_charged(place: Place, counters: StoredCounters) -> None:
    """The ledger has a line of it."""
    free = msgspec.structs.replace(OPEN, id="free/usage/cost", on_loss="release")
    tokens = budget(10**6, "tokens", id="tokens")
    await counters.reserve(("r", 2), [hold(OPEN, 5), hold(free, 5), hold(rate(10)), hold(tokens, 3)])
    told: list[LostCharge] = []
    await sweep(place, told)
    assert sorted(told, key=lambda each: each.key) == [
        LostCharge(("r", 2), hold(free).key, 0),
        LostCharge(("r", 2), hold(OPEN).key, 5),
    ]


async def test_a_lost_reservation_is_told_until_it_is_heard(place: Place, counters: StoredCounters) -> None:
    """A worker that is killed, or whose answer is lost, between the charge and the ledger's line leaves it to others."""
    await counters.reserve(("r", 1), [hold(OPEN, 5)])
    charge = LostCharge(("r", 1), hold(OPEN).key, 5)

    class KilledError(Exception):
        pass

    def is_killed(charges: Sequence[LostCharge]) -> None:
        assert charges == [charge]
        raise KilledError

    sweeper = place.counters(clock=lambda: time_ns() // 1000 + LEASE + SECOND)
    sweeper.told_lost = is_killed
    with pytest.raises(KilledError):
        await sweeper.lose(3600 * SECOND)
    assert await counters.usage(hold(OPEN).key) == (5, 0)
    told: list[LostCharge] = []
    counters.told_lost = told.extend
    await counters.lose(3600 * SECOND)
    assert told == [charge]
    await counters.lose(3600 * SECOND)
    assert told == [charge], "once it is heard, it isn't told again"
    await counters.settle(("r", 1), Amounts(3), [hold(OPEN, 5)])
    assert await counters.usage(hold(OPEN).key) == (3, 0)
    await sweeper.close()


async def sweep(place: Place, told: list[LostCharge] | None = None) -> None:
    """Lose what dead workers have left, at a time when their leases have ended; ``told`` gets what they were charged."""
    sweeper = place.counters(clock=lambda: time_ns() // 1000 + LEASE + SECOND)
    if told is not None:
        sweeper.told_lost = told.extend
    await sweeper.lose(3600 * SECOND)
    await sweeper.close()


def bounds(lines: Sequence[Sequence[str]]) -> tuple[int, int]:
    """The least and the most that can be settled, by what killed workers had told."""
    state = {name: word for word, name in lines}
    words = Counter(state.values())
    least = words["settled"] * ACTUAL + words["opened"] * min(ACTUAL, ESTIMATED)
    return least, words["settled"] * ACTUAL + (words["opened"] + words["begins"]) * max(ACTUAL, ESTIMATED)


async def test_a_live_worker_keeps_what_it_holds(place: Place, counters: StoredCounters) -> None:
    await counters.renew()
    await counters.reserve(("long", 1), [hold(OPEN, 5)])
    later = place.counters(clock=lambda: time_ns() // 1000 + 10 * SECOND)
    assert await later.renew() == 2
    await later.lose(3600 * SECOND)
    await later.close()
    assert await counters.usage(hold(OPEN).key) == (0, 5)
    await sweep(place)
    assert await counters.usage(hold(OPEN).key) == (5, 0)
    await counters.settle(("long", 1), Amounts(3), [hold(OPEN, 5)])
    assert await counters.usage(hold(OPEN).key) == (3, 0)


async def test_a_call_that_comes_after_its_release_opens_nothing(place: Place, counters: StoredCounters) -> None:
    await counters.release(("late", 1))
    with pytest.raises(ValueError, match="closed"):
        await counters.reserve(("late", 1), [hold(OPEN, 5)])
    assert await counters.usage(hold(OPEN).key) == (0, 0)


@pytest.mark.parametrize("grouped", [budget(10, is_grouped=True), rate(10, is_grouped=True)], ids=["budget", "rate"])
async def test_made_up_values_share_a_counter(place: Place, counters: StoredCounters, grouped: Limit) -> None:
    values, most = 200, 20
    few = place.counters(most)
    let_in, alerts = 0, []
    for number in range(values):
        money = hold(grouped, 1, value=number.to_bytes(32))
        answer = await few.reserve((f"r{number}", 1), [money])
        if isinstance(answer, Exceeded):
            assert answer.hold.key.value == OVERFLOW
        else:
            let_in += 1
            alerts += [each.kind for each in await few.settle((f"r{number}", 1), Amounts(1), [money])]
    await few.close()
    assert let_in == most + 10
    assert alerts.count("overflow") == 1


async def test_needless_counters_are_forgotten(place: Place) -> None:
    await place.make()
    async with place.store(most_values=3) as store:
        limit = budget(10, is_grouped=True)
        holds = [hold(limit, 1, value=bytes([number]) * 32) for number in range(6)]
        for each in holds[:3]:
            assert await store.takes(("r", each.key.value[0]), each)
            await store.counters.release(("r", each.key.value[0]))
        await store.let_pass(1)
        await store.counters.forget(0)  # type: ignore[attr-defined]
        for each in holds[3:]:
            assert await store.takes(("s", each.key.value[0]), each)
        usages = [await store.usage(each) for each in holds]
        assert [usage.reserved for usage in usages] == [0, 0, 0, 1, 1, 1]


async def test_memory_has_the_same_overflow() -> None:
    store = in_memory(2)
    limit = budget(10, is_grouped=True)
    for number in range(12):
        assert await store.takes(("r", number), hold(limit, 1, value=bytes([number]) * 32))
    assert not await store.takes(("r", 99), hold(limit, 1, value=b"x" * 32))


async def test_redis_counts_a_larger_budget_up_to_what_it_holds_exactly(redis_place: Place) -> None:
    """To the last nanodollar, beyond which its numbers would be rounded."""
    await redis_place.make()
    opened = redis_place.counters()
    large = budget(20_000_000 * NANOS, id="large")
    try:
        await opened.open_balance(hold(large).key, large, LARGEST_IN_DOUBLES - 2)
        assert not isinstance(await opened.reserve(("first", 1), [hold(large, 1)]), Exceeded)
        await opened.settle(("first", 1), Amounts(1), [hold(large, 1)])
        refused = await opened.reserve(("two", 1), [hold(large, 2)])
        assert isinstance(refused, Exceeded)
        assert (refused.hold.limit.cap, refused.settled) == (LARGEST_IN_DOUBLES, LARGEST_IN_DOUBLES - 1)
        assert not isinstance(await opened.reserve(("last", 1), [hold(large, 1)]), Exceeded)
        assert await opened.usage(hold(large).key) == (LARGEST_IN_DOUBLES - 1, 1)
    finally:
        await opened.close()
