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
    monkeypatch.setattr("penstock.pipeline.admission.admit._SWEEP", 3600.0)
    rest = [True, True, False]
    moments: list[int] = []
    is_swept = asyncio.Event()

    def sweep(moment: int) -> bool:
        moments.append(moment)
        has_more = rest.pop(0)
        if not has_more:
            is_swept.set()
        return has_more

    counters = MemoryCounters(lambda: 7)
    admitter = Admitter(Catalogues(), counters, lambda: 7, immediate=counters, sweep=sweep)
    admitter.start()
    async with asyncio.timeout(300):
        await is_swept.wait()
    await admitter.stop()
    assert moments == [7, 7, 7]
