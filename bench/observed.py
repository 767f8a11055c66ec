"""``penstock`` with a window: ``python -m bench.observed serve`` writes what it holds to a file, as JSON, at SIGUSR1.

The variable BENCH_WINDOW names the file. RSS alone doesn't tell a leak from an allocator that keeps what it once
needed: a leak shows in objects, in Python's blocks of memory or in the bytes that malloc has given out.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from penstock.__main__ import run


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


def _tell(*_: object) -> None:
    path = Path(os.environ["BENCH_WINDOW"])
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(census()), "utf-8")
    draft.replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    run()
