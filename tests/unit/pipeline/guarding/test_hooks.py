"""The checks of a hook, one after the other. tests/e2e/test_guardrails.py runs hooks of every kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from judging import hooks_of
from penstock.core.segments import Segment
from penstock.guards.base import Ask, Context, Judgement, Outbound, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import Hook
from penstock.guards.results import HookRun, denied, hook_results
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


NOTHING: dict[str, Any] = {"words": ["a"], "operator": "none"}


def subject_of(text: str) -> Subject:
    segments = (Segment(("x",), text),)
    body = GuardedBody(b"{}", lambda _: segments)
    return Subject(Phase.BEFORE, "chatComplete", "echo", body, lambda _: segments, lambda _: None)


def with_ask(hook: Hook, ask: Ask, at: int = 0) -> Hook:
    """The hook whose check at a place asks another server so."""
    checks = list(hook.checks)
    prepared = msgspec.structs.replace(checks[at].prepared, ask=ask, judge=None)
    checks[at] = msgspec.structs.replace(checks[at], prepared=prepared)
    return msgspec.structs.replace(hook, checks=tuple(checks))


class Server:
    """Another server: ``never`` answers no question, and counts those that were given up."""

    def __init__(self) -> None:
        self.begun = self.given_up = 0
        self.is_asked = asyncio.Event()

    async def never(self, _: Context, __: Outbound) -> Judgement:
        self.begun += 1
        self.is_asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.given_up += 1
        raise AssertionError

    async def denies(self, _: Context, __: Outbound) -> Judgement:
        await asyncio.sleep(0)
        return Judgement(verdict=False)

    async def passes(self, _: Context, __: Outbound) -> Judgement:
        for _turn in range(5):
            await asyncio.sleep(0)
        return Judgement(verdict=True, data={"late": True})


async def runs_of(*hooks: Hook, text: str = "b", awaits_all: bool = False) -> list[HookRun]:
    running = run_hooks(hooks, subject_of(text), None, awaits_all=awaits_all)  # type: ignore[arg-type]
    runs, _ = await asyncio.wait_for(running, 300)
    return runs


def hooks_with(**members: Any) -> Hook:
    hook = {"contains": NOTHING, "second": {"id": "contains", **NOTHING}, **members}
    return hooks_of({"input_guardrails": [hook]})[0][0]


async def test_a_denial_ends_the_checks_that_only_cost() -> None:
    server = Server()
    other = with_ask(hooks_with(deny=True), server.never)
    denying = with_ask(hooks_with(deny=True), server.denies)
    runs = await runs_of(other, denying)
    assert [[each.skipped for each in run.checks] for run in runs] == [[True, False], [False, False]]
    assert (denied(runs), server.begun, server.given_up) == (True, 1, 1)
    told = json.loads(hook_results(runs, ()))["before_request_hooks"]
    assert told[0]["checks"][0] == {"id": "default.contains", "skipped": True}
    assert told[0]["checks"][1]["verdict"] is True


async def test_a_local_denial_ends_those_of_its_own_hook() -> None:
    server = Server()
    [run] = await runs_of(with_ask(hooks_with(deny=True), server.never), text="a")
    assert (run.denies, [each.skipped for each in run.checks]) == (True, [True, False])


@pytest.mark.parametrize(
    ("members", "awaits_all"),
    [({"all_results": True, "deny": True}, False), ({"deny": False}, False), ({"deny": True}, True)],
)
async def test_all_results_where_they_are_wanted_or_nothing_is_denied(
    members: dict[str, Any], *, awaits_all: bool
) -> None:
    server = Server()
    hook = with_ask(with_ask(hooks_with(**members), server.passes), server.denies, 1)
    [run] = await runs_of(hook, awaits_all=awaits_all)
    assert [(each.skipped, each.judgement.verdict) for each in run.checks] == [(False, True), (False, False)]


async def test_a_log_is_sent_whatever_is_denied() -> None:
    server = Server()
    hook = with_ask(hooks_with(deny=True), server.passes)
    informs = msgspec.structs.replace(hook.checks[0].check, informs=True)
    checks = (msgspec.structs.replace(hook.checks[0], check=informs), hook.checks[1])
    [run] = await runs_of(msgspec.structs.replace(hook, checks=checks), text="a")
    assert [each.skipped for each in run.checks] == [False, False]


async def test_who_leaves_ends_all_checks() -> None:
    server = Server()
    task = asyncio.create_task(runs_of(with_ask(hooks_with(deny=True), server.never)))
    await asyncio.wait_for(server.is_asked.wait(), 300)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.given_up == 1
