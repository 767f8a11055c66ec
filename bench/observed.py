"""``penstock`` with windows: ``python -m bench.observed serve``.

At SIGUSR1 it writes the number of its tasks to the file that the variable BENCH_TASKS names. With BENCH_PAUSES it looks
at its event loop every few milliseconds, and at SIGUSR2 writes the longest pause so far to the file of that name, and
begins anew. With BENCH_HELD_SECONDS it writes the stacks of all threads to standard error whenever the loop stands
still for so long: a thread without Python's lock watches (faulthandler), so that it sees also what holds the lock.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import time
from pathlib import Path

from penstock.__main__ import run
from penstock.server.gateway import Gateway

_STEP = 0.003


def _write(variable: str, text: str) -> None:
    path = Path(os.environ[variable])
    draft = path.with_suffix(".draft")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def _count(*_: object) -> None:
    _write("BENCH_TASKS", str(len(asyncio.all_tasks())))


class _Pauses:
    """The longest pause of the event loop, in seconds. ``held``: at most the processor time that this process used
    meanwhile. A machine that runs something else makes a pause long, and does not count there."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._longest = self._held = 0.0

    def tell(self, *_: object) -> None:
        _write("BENCH_PAUSES", json.dumps({"longest": self._longest, "held": self._held}))
        self._longest = self._held = 0.0

    async def watch(self) -> None:
        while True:
            if self._limit:
                faulthandler.dump_traceback_later(self._limit, repeat=True)
            began, used = time.monotonic(), time.process_time()
            await asyncio.sleep(_STEP)
            pause = time.monotonic() - began - _STEP
            self._longest = max(self._longest, pause)
            self._held = max(self._held, min(pause, time.process_time() - used))


def _watch(pauses: _Pauses) -> None:
    """Watch the event loop from the gateway's start to its end."""
    lifespan = Gateway._lifespan

    async def watched(self: Gateway, *parts: object) -> None:
        task = asyncio.create_task(pauses.watch())
        try:
            await lifespan(self, *parts)  # type: ignore[arg-type]
        finally:
            task.cancel()
            faulthandler.cancel_dump_traceback_later()

    Gateway._lifespan = watched  # type: ignore[method-assign, assignment]
    signal.signal(signal.SIGUSR2, pauses.tell)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _count)
    if "BENCH_PAUSES" in os.environ:
        _watch(_Pauses(float(os.environ.get("BENCH_HELD_SECONDS", "0"))))
    run()
