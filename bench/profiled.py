"""``python -m bench.profiled FILE serve ...``: the gateway, under Python's profiler between two SIGUSR1."""

from __future__ import annotations

import cProfile
import signal
import sys
from types import FrameType

from penstock.__main__ import run


def main() -> None:
    file = sys.argv.pop(1)
    profiler = cProfile.Profile()
    is_running = False

    def switch(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_running
        is_running = not is_running
        if is_running:
            profiler.enable()
        else:
            profiler.disable()
            profiler.dump_stats(file)

    signal.signal(signal.SIGUSR1, switch)
    run()


if __name__ == "__main__":
    main()
