"""``penstock`` with windows: ``python -m bench.observed serve``.

At SIGUSR1 it writes what it holds, as JSON, to the file that the variable BENCH_WINDOW names. With BENCH_PAUSES it
looks at its event loop every few milliseconds, and at SIGUSR2 writes the longest pause so far to the file of that name,
and begins anew. With BENCH_HELD_SECONDS it writes the stacks of all threads to standard error whenever the loop stands
still for so long: a thread without Python's lock watches (faulthandler), so that it sees also what holds the lock.

RSS alone doesn't tell a leak from an allocator that keeps what it once
needed: a leak shows in objects, in Python's blocks of memory or in the bytes that malloc has given out.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from penstock.__main__ import run
from penstock.server.gateway import Gateway

_STEP = 0.003


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library (mallinfo(3))."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def malloc_bytes() -> int:
    """The bytes that malloc has given out; 0 where the C library can't tell."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return 0
    library.mallinfo2.restype = _MallocInfo
    info = library.mallinfo2()
    return int(info.uordblks) + int(info.hblkhd)


def census() -> dict[str, Any]:
    """What this process holds, garbage apart: tasks, objects by type, Python's blocks, bytes of malloc."""
    gc.collect()
    kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    return {
        "tasks": len(asyncio.all_tasks()),
        "objects": sum(kinds.values()),
        "blocks": sys.getallocatedblocks(),
        "malloc_bytes": malloc_bytes(),
        "kinds": kinds,
    }


def _write(variable: str, text: str) -> None:
    path = Path(os.environ[variable])
    draft = path.with_suffix(".draft")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def _tell(*_: object) -> None:
    _write("BENCH_WINDOW", json.dumps(census()))


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
    signal.signal(signal.SIGUSR1, _tell)
    if "BENCH_PAUSES" in os.environ:
        _watch(_Pauses(float(os.environ.get("BENCH_HELD_SECONDS", "0"))))
    run()
