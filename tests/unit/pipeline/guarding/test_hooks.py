"""The checks of a hook, one after the other. tests/e2e/test_guardrails.py runs hooks of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from judging import hooks_of
from penstock.core.segments import Segment
from penstock.guards.base import Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject


def read(_: Any) -> Sequence[Segment]:
    return ()


@pytest.mark.parametrize("sequential", [False, True])
async def test_others_have_their_turn_between_checks_that_take_long(
    monkeypatch: pytest.MonkeyPatch, *, sequential: bool
) -> None:
    monkeypatch.setattr("penstock.pipeline.guarding.at_once.LONG", -1.0)
    check = {"contains": {"words": ["a"], "operator": "none"}, "sequential": sequential}
    hooks, _ = hooks_of({"input_guardrails": [check] * 5})
    subject = Subject(Phase.BEFORE, "chatComplete", "echo", GuardedBody(b"{}", read), read, lambda _: None)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    runs, _ = await run_hooks(hooks, subject, None)  # type: ignore[arg-type]
    task.cancel()
    assert len(runs) == 5
    assert turns >= 5
