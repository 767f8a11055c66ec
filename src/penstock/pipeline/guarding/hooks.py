"""Runs the hooks of one phase: their checks side by side or one after the other, within their time, and the changes.

Hooks that only look on run together. Hooks that may change the text run in their order, each on what the ones before
it made of the text: no change is lost, and the result doesn't depend on timing. Hooks that ask nobody judge at once
(at_once.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from penstock.guards.base import Judgement, Outbound, could_not
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.results import CheckRun, HookRun
from penstock.pipeline.guarding.at_once import LONG, changed_by, defect, judged_in_turns
from penstock.pipeline.guarding.subject import Subject
from penstock.pipeline.off_loop.thread import JUDGED, off_loop

_GIVEN_UP: Final = Judgement(verdict=True)
"""Stands in the run of a check that did not judge."""
_is_local: Final = attrgetter("is_local")


class Decision:
    """Whether a hook has denied: then checks are given up that only cost. Those that ask nobody judge all the same, and
    so do those of hooks that may change the text, run one after the other, or want ``all_results``."""

    def __init__(self) -> None:
        self.is_made = False
        self._asking: list[asyncio.Task[CheckRun]] = []

    def add(self, task: asyncio.Task[CheckRun]) -> None:
        """A check asks another server, and may be given up."""
        self._asking.append(task)
        if self.is_made:
            task.cancel()

    def tell(self, hook: Hook, run: CheckRun) -> None:
        """A check of a hook has judged."""
        if hook.deny and not (hook.looks_on or run.passes or self.is_made):
            self.is_made = True
            running = asyncio.current_task()
            for task in self._asking:
                if task is not running:
                    task.cancel()


async def run_hooks(
    hooks: Sequence[Hook], subject: Subject, outbound: Outbound, *, awaits_all: bool = False
) -> tuple[list[HookRun], Subject]:
    """The runs of hooks, in their order, and what they made of the subject. ``awaits_all``: a denial ends no check,
    since the hooks decide nothing."""
    if subject.body.size <= JUDGED and all(map(_is_local, hooks)):
        return await judged_in_turns(hooks, subject)
    decision = None if awaits_all else Decision()
    runs: dict[int, HookRun] = {}
    asking: dict[int, asyncio.Task[tuple[HookRun, Subject]]] = {}
    original = subject
    try:
        for index, hook in enumerate(hooks):
            if not hook.transforms and not hook.is_local:
                asking[index] = asyncio.get_running_loop().create_task(_run(hook, original, outbound, decision))
        for index, hook in enumerate(hooks):
            if hook.transforms:
                runs[index], subject = await _run(hook, subject, outbound, decision)
            elif index not in asking:
                runs[index], _ = await _run(hook, original, outbound, decision)
        for index, task in asking.items():
            runs[index], _ = await task
    finally:
        for task in asking.values():
            task.cancel()
    return [runs[index] for index in sorted(runs)], subject


async def _run(hook: Hook, subject: Subject, outbound: Outbound, decision: Decision | None) -> tuple[HookRun, Subject]:
    began, moment = time.monotonic(), time.time()
    if hook.is_sequential:
        checks: list[CheckRun] = []
        for check in hook.checks:
            run = await _check(check, hook, subject, outbound, decision)
            [run], subject = changed_by([run], subject)
            checks.append(run)
    else:
        checks, subject = changed_by(await _side_by_side(hook, subject, outbound, decision), subject)
    milliseconds = int((time.monotonic() - began) * 1000)
    return HookRun(hook, tuple(checks), milliseconds, moment), subject


async def _side_by_side(hook: Hook, subject: Subject, outbound: Outbound, decision: Decision | None) -> list[CheckRun]:
    """The checks of a hook, of which those that ask other servers run at the same time."""
    loop = asyncio.get_running_loop()
    asking = {
        index: loop.create_task(_check(check, hook, subject, outbound, decision))
        for index, check in enumerate(hook.checks)
        if check.prepared.ask is not None
    }
    try:
        if decision is not None and not (hook.transforms or hook.all_results):
            for index, task in asking.items():
                if not hook.checks[index].check.informs:
                    decision.add(task)
        runs = {
            index: await _check(check, hook, subject, outbound, decision)
            for index, check in enumerate(hook.checks)
            if index not in asking
        }
        for index, task in asking.items():
            runs[index] = await _result(task, hook.checks[index], decision)
        return [runs[index] for index in range(len(runs))]
    finally:
        for task in asking.values():
            task.cancel()


async def _result(task: asyncio.Task[CheckRun], check: HookCheck, decision: Decision | None) -> CheckRun:
    """The run of a check that asks another server, which may have been given up."""
    await asyncio.wait({task})
    if task.cancelled() and decision is not None and decision.is_made:
        return CheckRun(check, _GIVEN_UP, skipped=True, began=time.time())
    return task.result()


async def _check(
    check: HookCheck, hook: Hook, subject: Subject, outbound: Outbound, decision: Decision | None
) -> CheckRun:
    """One check. Whatever happens to it is its judgement."""
    began, moment, was_thrown = time.monotonic(), time.time(), False
    context = subject.context(check.scope, moment)
    judge, ask = check.prepared.judge, check.prepared.ask
    try:
        if judge is not None:
            is_large = subject.body.size > JUDGED
            judgement = await off_loop(lambda: judge(context), subject.caller) if is_large else judge(context)
        elif ask is not None:
            limit = check.timeout if hook.timeout is None else min(check.timeout, hook.timeout)
            async with asyncio.timeout(limit):
                judgement = await ask(context, outbound)
        else:
            judgement = could_not("The check judges nothing.")
    except TimeoutError:
        judgement = could_not("The check did not end in time.", "TimeoutError")
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        judgement, was_thrown = defect(check, error), True  # nobody gave it up
    except Exception as error:
        judgement, was_thrown = defect(check, error), True
    took = time.monotonic() - began
    if judge is not None and took > LONG:
        await asyncio.sleep(0)  # others have their turn before the next check
    run = CheckRun(check, judgement, int(took * 1000), moment, was_thrown=was_thrown)
    if decision is not None:
        decision.tell(hook, run)
    return run
