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

from penstock.guards.base import Outbound, could_not
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.results import CheckRun, HookRun
from penstock.pipeline.guarding.at_once import LONG, changed_by, defect, judged_in_turns
from penstock.pipeline.guarding.subject import Subject
from penstock.pipeline.off_loop.thread import JUDGED, off_loop

_is_local: Final = attrgetter("is_local")


async def run_hooks(hooks: Sequence[Hook], subject: Subject, outbound: Outbound) -> tuple[list[HookRun], Subject]:
    """The runs of hooks, in their order, and what they made of the subject."""
    if len(subject.body.raw) <= JUDGED and all(map(_is_local, hooks)):
        return await judged_in_turns(hooks, subject)
    runs: dict[int, HookRun] = {}
    asking: dict[int, asyncio.Task[tuple[HookRun, Subject]]] = {}
    original = subject
    try:
        for index, hook in enumerate(hooks):
            if not hook.transforms and not hook.is_local:
                asking[index] = asyncio.get_running_loop().create_task(_run(hook, original, outbound))
        for index, hook in enumerate(hooks):
            if hook.transforms:
                runs[index], subject = await _run(hook, subject, outbound)
            elif index not in asking:
                runs[index], _ = await _run(hook, original, outbound)
        for index, task in asking.items():
            runs[index], _ = await task
    finally:
        for task in asking.values():
            task.cancel()
    return [runs[index] for index in sorted(runs)], subject


async def _run(hook: Hook, subject: Subject, outbound: Outbound) -> tuple[HookRun, Subject]:
    began, moment = time.monotonic(), time.time()
    if hook.is_sequential:
        checks: list[CheckRun] = []
        for check in hook.checks:
            run = await _check(check, hook, subject, outbound)
            [run], subject = changed_by([run], subject)
            checks.append(run)
    else:
        checks, subject = changed_by(await _side_by_side(hook, subject, outbound), subject)
    milliseconds = int((time.monotonic() - began) * 1000)
    return HookRun(hook, tuple(checks), milliseconds, moment), subject


async def _side_by_side(hook: Hook, subject: Subject, outbound: Outbound) -> list[CheckRun]:
    """The checks of a hook, of which those that ask other servers run at the same time."""
    loop = asyncio.get_running_loop()
    asking = {
        index: loop.create_task(_check(check, hook, subject, outbound))
        for index, check in enumerate(hook.checks)
        if check.prepared.ask is not None
    }
    try:
        return [
            await (asking[index] if index in asking else _check(check, hook, subject, outbound))
            for index, check in enumerate(hook.checks)
        ]
    finally:
        for task in asking.values():
            task.cancel()


async def _check(check: HookCheck, hook: Hook, subject: Subject, outbound: Outbound) -> CheckRun:
    """One check. Whatever happens to it is its judgement."""
    began, moment, was_thrown = time.monotonic(), time.time(), False
    context = subject.context(check.scope, moment)
    judge, ask = check.prepared.judge, check.prepared.ask
    try:
        if judge is not None:
            is_large = len(subject.body.raw) > JUDGED
            judgement = await off_loop(lambda: judge(context)) if is_large else judge(context)
        elif ask is not None:
            limit = check.timeout if hook.timeout is None else min(check.timeout, hook.timeout)
            async with asyncio.timeout(limit):
                judgement = await ask(context, outbound)
        else:
            judgement = could_not("The check judges nothing.")
    except TimeoutError:
        judgement = could_not("The check did not end in time.", "TimeoutError")
    except Exception as error:
        judgement, was_thrown = defect(check, error), True
    took = time.monotonic() - began
    if judge is not None and took > LONG:
        await asyncio.sleep(0)  # others have their turn before the next check
    return CheckRun(check, judgement, int(took * 1000), moment, was_thrown=was_thrown)
