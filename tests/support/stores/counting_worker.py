"""A worker process that counts in a store that others count in, too: ``ENGINE ADDRESS ORGANISATION TASK NUMBER``.

It tells on standard output what it did, a line each, and goes on when a line arrives on standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from itertools import count

from counting import Place
from limiting import budget, hold, rate
from penstock.limits.counters import Exceeded
from penstock.limits.limit import Amounts
from penstock.stores.stored_counters import StoredCounters

COST = 11
SHARED = budget(37 * COST, strict=True, alert_at=20 * COST, id="shared")
SECOND_LIMIT = rate(100, "rps", id="of-a-second")
OPEN = budget(10**12, id="open")
ESTIMATED, ACTUAL = 10, 7
TASKS = 25


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def go_on() -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def ask(counters: StoredCounters, number: int) -> None:
    """Ask 50 times at once for what costs exactly its estimate; settle what was let in when all have asked."""
    money = hold(SHARED, COST)
    names = [(f"{number}-{each}", 1) for each in range(50)]
    answers = await asyncio.gather(*(counters.reserve(name, [money]) for name in names))
    let_in = [name for name, answer in zip(names, answers, strict=True) if not isinstance(answer, Exceeded)]
    tell("asked", len(let_in))
    await go_on()
    for alerts in await asyncio.gather(*(counters.settle(name, Amounts(COST), [money]) for name in let_in)):
        for alert in alerts:
            tell("alert", alert.kind)


async def hurry(counters: StoredCounters, number: int) -> None:
    """Ask as often as the limit allows in ten times the time; tell when each request was let in, at the latest and at
    the earliest."""
    ends = time.monotonic() + 3

    async def one(task: int) -> None:
        for each in count():
            before = time.monotonic()
            if before > ends:
                return
            answer = await counters.reserve((f"{number}-{task}-{each}", 1), [hold(SECOND_LIMIT)])
            if not isinstance(answer, Exceeded):
                tell("admitted", before, time.monotonic())

    await asyncio.gather(*(one(task) for task in range(10)))


async def work(counters: StoredCounters, number: int) -> None:
    """Reserve and settle without end."""
    money = hold(OPEN, ESTIMATED)

    async def one(task: int) -> None:
        for each in count():
            name = f"{number}-{task}-{each}"
            tell("begins", name)
            await counters.reserve((name, 1), [money])
            tell("opened", name)
            await counters.settle((name, 1), Amounts(ACTUAL), [money])
            tell("settled", name)

    await asyncio.gather(*(one(task) for task in range(TASKS)))


async def main(place: Place, task: str, number: int) -> None:
    counters = place.counters()
    await counters.renew()
    tell("ready")
    await go_on()
    await {"ask": ask, "hurry": hurry, "work": work}[task](counters, number)
    await counters.close()


if __name__ == "__main__":
    asyncio.run(main(Place(*sys.argv[1:4]), sys.argv[4], int(sys.argv[5])))
