"""``penstock`` with a window: ``python -m bench.observed serve`` writes the number of its tasks to a file at SIGUSR1.

The variable BENCH_TASKS names the file.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from penstock.__main__ import run


def _count(*_: object) -> None:
    path = Path(os.environ["BENCH_TASKS"])
    draft = path.with_suffix(".draft")
    draft.write_text(str(len(asyncio.all_tasks())), "utf-8")
    draft.replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _count)
    run()
