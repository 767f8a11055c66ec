"""Runs the hooks of one phase: their checks side by side or one after the other, within their time, and the changes.

Hooks that only look on run together. Hooks that may change the text run in their order, each on what the ones before
it made of the text: no change is lost, and the result doesn't depend on timing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.segments import Segment
from penstock.guards.base import Context, GuardedBody, Judgement, Outbound, Phase, could_not
from penstock.guards.edits import Unchangeable, edited
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.results import CheckRun, HookRun
from penstock.pipeline.off_loop import LARGE, off_loop

_LOG: Final = logging.getLogger(__name__)
_LONG: Final = 0.002
"""Seconds of a check that is felt by others."""
_BOTH: Final = "another check changed the body at the same time: set sequential"


class Subject(msgspec.Struct, frozen=True):
    """What is judged, and what is told about it (``Context``). ``read`` reads the texts of a new body of the phase;
    ``accepts``: why a whole new body can't take the place of the old one, None where it can."""

    phase: Phase
    request_type: str
    provider: str
    request: GuardedBody
    read: Callable[[Any], Sequence[Segment]]
    accepts: Callable[[bytes], str | None]
    response: GuardedBody | None = None
    metadata: Mapping[str, Any] = {}
    operator_metadata: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    is_streaming: bool = False
    status: int | None = None
    trace: str = ""

    @property
    def body(self) -> GuardedBody:
        return self.request if self.response is None else self.response

    def changed(self, raw: bytes) -> Subject:
        """The same with another body in this phase."""
        body = GuardedBody(raw, self.read, is_changed=True)
        if self.phase is Phase.BEFORE:
            return msgspec.structs.replace(self, request=body)
        return msgspec.structs.replace(self, response=body)

    def context(self, check: HookCheck) -> Context:
        """What a check is given."""
        return Context(
            self.phase,
            self.request_type,
            self.provider,
            self.request,
            self.response,
            self.metadata,
            self.operator_metadata,
            self.headers,
            self.is_streaming,
            self.status,
            check.scope.chosen(self.body, self.phase),
            self.trace,
            time.time(),
        )


async def run_hooks(hooks: Sequence[Hook], subject: Subject, outbound: Outbound) -> tuple[list[HookRun], Subject]:
    """The runs of hooks, in their order, and what they made of the subject."""
    runs: dict[int, HookRun] = {}
    asking: dict[int, asyncio.Task[tuple[HookRun, Subject]]] = {}
    original = subject
    try:
        for index, hook in enumerate(hooks):
            if not hook.transforms and not is_local(hook):
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


def judged_at_once(
    hooks: Sequence[Hook], subject: Subject, stub: Callable[[HookCheck], Judgement | None]
) -> tuple[list[HookRun], Subject]:
    """The runs of hooks whose checks ask nobody: ``stub`` says what a check says that would, None if that isn't known.
    What the hooks made of the subject, too."""
    original, runs = subject, list[HookRun]()
    for hook in hooks:
        changed = subject if hook.transforms else original
        checks: list[CheckRun] = []
        for check in hook.checks:
            run = _judged_now(check, changed, stub)
            if hook.is_sequential:
                [run], changed = _changed([run], changed)
            checks.append(run)
        if not hook.is_sequential:
            checks, changed = _changed(checks, changed)
        if hook.transforms:
            subject = changed
        runs.append(HookRun(hook, tuple(checks), 0, time.time()))
    return runs, subject


def _judged_now(check: HookCheck, subject: Subject, stub: Callable[[HookCheck], Judgement | None]) -> CheckRun:
    judge = check.prepared.judge
    try:
        judgement = stub(check) if judge is None else judge(subject.context(check))
    except Exception as error:
        _LOG.error("the check %s failed with %s", check.id, type(error).__name__)
        judgement = could_not("The check failed.", "Check error")
    return CheckRun(check, judgement or Judgement(verdict=True), 0, time.time(), skipped=judgement is None)


def undone(runs: Sequence[HookRun], why: str) -> list[HookRun]:
    """The runs of hooks whose changes can't be made: a change is its check's error."""
    return [
        msgspec.structs.replace(
            run, checks=tuple(_failed(each, why) if each.transformed else each for each in run.checks)
        )
        for run in runs
    ]


def is_local(hook: Hook) -> bool:
    """Whether no check of the hook asks another server."""
    return all(each.prepared.ask is None for each in hook.checks)


async def _run(hook: Hook, subject: Subject, outbound: Outbound) -> tuple[HookRun, Subject]:
    began, moment = time.monotonic(), time.time()
    if hook.is_sequential:
        checks: list[CheckRun] = []
        for check in hook.checks:
            run = await _check(check, hook, subject, outbound)
            [run], subject = _changed([run], subject)
            checks.append(run)
    else:
        checks, subject = _changed(await _side_by_side(hook, subject, outbound), subject)
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
    context = subject.context(check)
    judge, ask = check.prepared.judge, check.prepared.ask
    try:
        if judge is not None:
            is_large = len(subject.body.raw) > LARGE
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
        # The message may hold what was checked: the kind of the error is all that is told.
        _LOG.error("the check %s failed with %s", check.id, type(error).__name__)
        judgement, was_thrown = could_not("The check failed.", "Check error"), True
    took = time.monotonic() - began
    if judge is not None and took > _LONG:
        await asyncio.sleep(0)  # others have their turn before the next check
    return CheckRun(check, judgement, int(took * 1000), moment, was_thrown=was_thrown)


def _changed(runs: list[CheckRun], subject: Subject) -> tuple[list[CheckRun], Subject]:
    """The subject with the changes of checks that saw the same body. A change that can't be made is the check's
    error."""
    edits = [edit for run in runs for edit in run.judgement.edits]
    bodies = [run for run in runs if run.judgement.body is not None]
    if not edits and not bodies:
        return runs, subject
    whole = bodies[-1] if bodies else None
    done: list[CheckRun] = []
    raw = subject.body.raw
    for run in runs:
        problem = None
        if run.judgement.body is not None:
            problem = _BOTH if edits or run is not whole else subject.accepts(run.judgement.body)
            raw = raw if problem is not None else run.judgement.body
        done.append(run if problem is None else _failed(run, problem))
    if edits:
        try:
            raw = edited(subject.body, edits)
        except Unchangeable as error:
            return [_failed(run, str(error)) if run.judgement.edits else run for run in done], subject
    changed = [
        msgspec.structs.replace(run, transformed=bool(run.judgement.edits or run.judgement.body is not None))
        for run in done
    ]
    return changed, (subject if raw == subject.body.raw else subject.changed(raw))


def _failed(run: CheckRun, problem: str) -> CheckRun:
    judgement = could_not(f"The change is refused: {problem}.", data=run.judgement.data)
    return msgspec.structs.replace(run, judgement=judgement, transformed=False)
