"""Hooks whose checks ask nobody: all of them judge in one go, without a task and without waiting.

Checks with the same scope get one context, so that its text is put together once. The changes of checks that saw the
same body become one new body.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic, thread_time, time
from typing import Final

import msgspec

from penstock.core.json_text import read_json_or_none, write_json
from penstock.guards.base import Context, Judgement, could_not
from penstock.guards.edits import Unchangeable, changing, edited
from penstock.guards.plan import Hook, HookCheck, Scope
from penstock.guards.results import CheckRun, HookRun
from penstock.pipeline.guarding.subject import Subject

Stub = Callable[[HookCheck], Judgement | None]
_LOG: Final = logging.getLogger(__name__)
_BOTH: Final = "another check changed the body at the same time: set sequential"
LONG: Final = 0.002
"""Seconds of a check that is felt by others."""
_PASSED: Final = Judgement(verdict=True)


def judged_at_once(
    hooks: Sequence[Hook], subject: Subject, stub: Stub | None = None, seconds: float = math.inf
) -> tuple[list[HookRun], Subject]:
    """The runs of hooks, in their order, and what they made of the subject. ``stub`` says what a check says that would
    ask another server, None if that isn't known. No runs, and the same subject, if that takes more than ``seconds`` of
    computing time."""
    judging, over = judged_in_turns(hooks, subject, stub), thread_time() + seconds
    while thread_time() < over:
        try:
            judging.send(None)
        except StopIteration as end:
            runs, changed = end.value
            return runs, changed
    judging.close()
    return [], subject


async def judged_in_turns(
    hooks: Sequence[Hook], subject: Subject, stub: Stub | None = None
) -> tuple[list[HookRun], Subject]:
    """The same; others have their turn after each check that takes long, and nothing else is waited for."""
    original, runs = subject, list[HookRun]()
    contexts: dict[Scope, Context] = {}
    for hook in hooks:
        if hook.is_plain:
            runs.append(await _judged_plainly(hook, original, contexts))
            continue
        moment, began = time(), monotonic()
        checks, changed = await _judged(hook, subject if hook.transforms else original, stub, moment)
        if hook.transforms:
            subject = changed
        runs.append(HookRun(hook, tuple(checks), int((monotonic() - began) * 1000), moment))
    return runs, subject


async def _judged_plainly(hook: Hook, subject: Subject, contexts: dict[Scope, Context]) -> HookRun:
    """The run of a hook whose checks don't depend on each other."""
    moment, now = time(), monotonic()
    first = now
    checks: list[CheckRun] = []
    changes = False
    for check, judge, scope in hook.judges:
        context = contexts.get(scope)
        if context is None:
            context = contexts[scope] = subject.context(scope, moment)
        was_thrown = False
        try:
            judgement = judge(context)
        except TimeoutError:
            judgement = could_not("The check did not end in time.", "TimeoutError")
        except Exception as error:
            judgement, was_thrown = defect(check, error), True
        if judgement.edits or judgement.body is not None:
            changes = True
        began, now = now, monotonic()
        took = now - began
        checks.append(CheckRun(check, judgement, int(took * 1000), moment, False, was_thrown))
        if took > LONG:
            await asyncio.sleep(0)
            now = monotonic()
    if changes:
        checks, _ = changed_by(checks, subject)
    return HookRun(hook, tuple(checks), int((now - first) * 1000), moment)


async def _judged(hook: Hook, subject: Subject, stub: Stub | None, moment: float) -> tuple[list[CheckRun], Subject]:
    """The runs of a hook's checks, each on what the one before it made of the text where they are sequential."""
    checks: list[CheckRun] = []
    for check in hook.checks:
        run = _check(check, subject, stub, moment)
        if hook.is_sequential:
            [run], subject = changed_by([run], subject)
        checks.append(run)
        if run.milliseconds > LONG * 1000:
            await asyncio.sleep(0)
    return (checks, subject) if hook.is_sequential else changed_by(checks, subject)


def _check(check: HookCheck, subject: Subject, stub: Stub | None, moment: float) -> CheckRun:
    judge, was_thrown, began = check.prepared.judge, False, monotonic()
    judgement: Judgement | None
    try:
        if judge is not None:
            judgement = judge(subject.context(check.scope, moment))
        else:
            judgement = could_not("The check judges nothing.") if stub is None else stub(check)
    except TimeoutError:
        judgement = could_not("The check did not end in time.", "TimeoutError")
    except Exception as error:
        judgement, was_thrown = defect(check, error), True
    milliseconds = int((monotonic() - began) * 1000)
    skipped = judgement is None
    return CheckRun(check, judgement or _PASSED, milliseconds, time(), was_thrown=was_thrown, skipped=skipped)


def defect(check: HookCheck, error: BaseException) -> Judgement:
    """The judgement of a check that failed. The message may hold what was checked: the kind of the error is all that is
    told."""
    _LOG.error("the check %s failed with %s", check.id, type(error).__name__)
    return could_not("The check failed.", "Check error")


def undone(runs: Sequence[HookRun], why: str) -> list[HookRun]:
    """The runs of hooks whose changes can't be made: a change is its check's error."""
    return [
        msgspec.structs.replace(
            run, checks=tuple([_failed(each, why) if each.transformed else each for each in run.checks])
        )
        for run in runs
    ]


def changed_by(runs: list[CheckRun], subject: Subject) -> tuple[list[CheckRun], Subject]:
    """The subject with the changes of checks that saw the same body. A change that can't be made is the check's
    error; one that changes nothing is none."""
    edits = {index: each for index, run in enumerate(runs) if (each := changing(subject.body, run.judgement.edits))}
    bodies = {index: body for index, run in enumerate(runs) if (body := _new_body(run, subject)) is not None}
    if not edits and not bodies:
        return runs, subject
    done = [*runs]
    raw, whole = subject.body.raw, max(bodies, default=-1)
    for index, body in bodies.items():
        problem = _BOTH if edits or index != whole else subject.accepts(body)
        raw = raw if problem is not None else body
        done[index] = _transformed(runs[index]) if problem is None else _failed(runs[index], problem)
    if edits:
        try:
            raw = edited(subject.body, [edit for each in edits.values() for edit in each])
        except Unchangeable as error:
            return [_failed(run, str(error)) if index in edits else run for index, run in enumerate(done)], subject
    done = [_transformed(run) if index in edits else run for index, run in enumerate(done)]
    return done, (subject if raw == subject.body.raw else subject.changed(raw))


def _new_body(run: CheckRun, subject: Subject) -> bytes | None:
    """The JSON with which a check replaces the body; None where it says the same."""
    body = run.judgement.body
    if body is None or write_json(read_json_or_none(body)) == write_json(subject.body.json):
        return None
    return body


def _transformed(run: CheckRun) -> CheckRun:
    return msgspec.structs.replace(run, transformed=True)


def _failed(run: CheckRun, problem: str) -> CheckRun:
    judgement = could_not(f"The change is refused: {problem}.", data=run.judgement.data)
    return msgspec.structs.replace(run, judgement=judgement, transformed=False, is_unmade=True)
