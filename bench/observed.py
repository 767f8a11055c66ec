"""``penstock`` with windows: ``python -m bench.observed serve``.

At SIGUSR1 it writes the number of its tasks to the file that the variable BENCH_TASKS names. With BENCH_HELD_SECONDS it
writes the stacks of all threads to standard error whenever its event loop stands still for so long: a thread without
Python's lock watches (faulthandler), so that it sees also what holds the lock.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
from pathlib import Path

from penstock.__main__ import run
from penstock.server.gateway import Gateway

_STEP = 0.005


def _count(*_: object) -> None:
    path = Path(os.environ["BENCH_TASKS"])
    draft = path.with_suffix(".draft")
    draft.write_text(str(len(asyncio.all_tasks())), "utf-8")
    draft.replace(path)


def _watch(limit: float) -> None:
    """Have the event loop say every ``_STEP`` seconds that it goes on, from the gateway's start."""
    lifespan = Gateway._lifespan

    async def alive() -> None:
        while True:
            faulthandler.dump_traceback_later(limit, repeat=True)
            await asyncio.sleep(_STEP)

    async def watched(self: Gateway, *parts: object) -> None:
        task = asyncio.create_task(alive())
        try:
            await lifespan(self, *parts)  # type: ignore[arg-type]
        finally:
            task.cancel()
            faulthandler.cancel_dump_traceback_later()

    Gateway._lifespan = watched  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _count)
    if "BENCH_HELD_SECONDS" in os.environ:
        _watch(float(os.environ["BENCH_HELD_SECONDS"]))
    run()
