"""Calls whose replies nobody waits for: bounded, and given up at the stop."""

from __future__ import annotations

import asyncio

import pytest

from penstock.pipeline.guarding import tasks as guard_tasks
from penstock.pipeline.guarding.tasks import GuardTasks


def test_they_run_beside_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_tasks, "_MOST", 1)
    monkeypatch.setattr(guard_tasks, "_LAST_SECONDS", 0.01)

    async def run() -> list[str]:
        tasks, done = GuardTasks(), list[str]()

        async def quick() -> None:
            done.append("quick")

        async def endless() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                done.append("given up")

        assert tasks.start(quick())
        assert not tasks.start(quick())
        await tasks.stop()
        assert tasks.start(endless())
        await asyncio.sleep(0)
        await tasks.stop()
        await tasks.stop()
        return done

    assert asyncio.run(run()) == ["quick", "given up"]
