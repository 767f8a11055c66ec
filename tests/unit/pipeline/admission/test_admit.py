"""The sweep of counters; all else of the stage is run through a real server, by tests/e2e/test_limits.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from penstock.limits.memory import MemoryCounters
from penstock.pipeline.admission.admit import Admitter
from penstock.stores.catalogue import Catalogue


class Catalogues:
    current = Catalogue()

    def watch(self, _changed: Callable[[Any], None]) -> None:
        """Nothing changes."""


async def test_counters_are_swept_until_all_were_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a look saw some of them alone, values that come once would fill a limit's room with counters of nobody."""
    pauses = 0
    second, pause = asyncio.Event(), asyncio.sleep
    rest = [True, True, False, True, False]
    swept: list[int] = []

    async def sleep(seconds: float) -> None:
        nonlocal pauses
        pauses += seconds > 0
        if pauses == 2:
            second.set()
            await asyncio.Event().wait()
        await pause(0)

    def sweep(moment: int) -> bool:
        swept.append(moment)
        return rest.pop(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    counters = MemoryCounters(lambda: 7)
    admitter = Admitter(Catalogues(), counters, lambda: 7, immediate=counters, sweep=sweep)
    admitter.start()
    await second.wait()
    await admitter.stop()
    assert (swept, rest) == ([7] * 5, [])
