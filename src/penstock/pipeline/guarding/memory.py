"""What the guards of one request found so far, for its further attempts and targets: hooks that are written alike judge
a request once; where one changes it, all of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.core.failure import Failure
from penstock.dialects.caller import RequestBody
from penstock.guards.base import Outbound
from penstock.guards.plan import Hook
from penstock.guards.restore import Restoring
from penstock.guards.results import HookRun
from penstock.pipeline.guarding.at_once import undone
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject

if TYPE_CHECKING:
    from penstock.pipeline.guarding.pieces import JudgedPieces

_TOO_LATE: Final = "the model has the request already: leave parallel out"


class GuardMemory(msgspec.Struct):
    """What the guards of one request found so far: by target, and the runs of hooks that other targets may ask, too,
    each with the subject that it judged."""

    targets: dict[str, JudgedRequest] = msgspec.field(default_factory=dict)
    pieces: dict[str, JudgedPieces] = msgspec.field(default_factory=dict)
    """By target, what came of the requests inside the request."""
    judged: list[JudgedRequest] = msgspec.field(default_factory=list)
    changing: list[Changing] = msgspec.field(default_factory=list)

    def run_of(self, hook: Hook, subject: Subject) -> HookRun | None:
        """The run of a hook that is written alike and judged the same; None where there was none."""
        for judged in self.judged:
            for run in judged.runs:
                if _is_alike(run, hook) and _is_same(hook, judged.subject, subject):
                    return _as_of(hook, run)
        return None

    def changed_by(self, hooks: Sequence[Hook], subject: Subject) -> tuple[list[HookRun], Subject] | None:
        """The runs of hooks of which some change the request, and what they made of it; None where others have judged,
        or something else."""
        for runs, before, after in self.changing:
            if len(runs) == len(hooks) and all(
                _is_alike(run, hook) and _is_same(hook, before, subject) for run, hook in zip(runs, hooks, strict=True)
            ):
                changed = subject if after is before else subject.changed(after.request.raw)
                return list(map(_as_of, hooks, runs)), changed
        return None


Changing = tuple[list[HookRun], Subject, Subject]
"""The runs of all hooks where some change the request, what they judged, and what they made of it."""


class JudgedRequest(msgspec.Struct):
    """The request for one target, after its before-hooks: ``request`` is None if it was not changed."""

    runs: list[HookRun]
    subject: Subject
    request: RequestBody | None = None
    failure: Failure | None = None
    restoring: Restoring | None = None
    is_whole: bool = False
    """Whether the hooks that judge beside the provider have judged, too."""


async def remembered(
    memory: GuardMemory,
    hooks: Sequence[Hook],
    subject: Subject,
    outbound: Outbound,
    note: Callable[[Sequence[HookRun]], None],
) -> tuple[list[HookRun], Subject]:
    """The runs of before-hooks. A hook that is written alike and has judged the same body is not asked again; where a
    hook changes the request, all of them have to be. ``note`` gets the runs that are new."""
    if any(hook.transforms for hook in hooks):
        changed = memory.changed_by(hooks, subject)
        if changed is not None:
            return changed
        runs, after = await run_hooks(hooks, subject, outbound)
        note(runs)
        memory.changing.append((runs, subject, after))
        return runs, after
    known = {id(hook): memory.run_of(hook, subject) for hook in hooks}
    runs, _ = await run_hooks([hook for hook in hooks if known[id(hook)] is None], subject, outbound)
    note(runs)
    memory.judged.append(JudgedRequest(runs, subject))
    new = iter(runs)
    return [known[id(hook)] or next(new) for hook in hooks], subject


def known_runs(memory: GuardMemory, hooks: Sequence[Hook], subject: Subject) -> list[HookRun]:
    """The runs of those hooks that have judged the same body before."""
    return [run for hook in hooks if (run := memory.run_of(hook, subject)) is not None]


async def judged_aside(
    memory: GuardMemory,
    hooks: Sequence[Hook],
    subject: Subject,
    outbound: Outbound,
    note: Callable[[Sequence[HookRun]], None],
) -> list[HookRun]:
    """The runs of hooks that judge what the provider has already: they change nothing."""
    runs, _ = await remembered(memory, hooks, subject, outbound, lambda new: note(undone(new, _TOO_LATE)))
    return undone(runs, _TOO_LATE)


def _is_alike(run: HookRun, hook: Hook) -> bool:
    """Whether a run is that of a hook which is written alike, with all of its checks."""
    is_whole = not any(each.skipped for each in run.checks)
    return is_whole and run.hook.id == hook.id and run.hook.fingerprint == hook.fingerprint


def _as_of(hook: Hook, run: HookRun) -> HookRun:
    """The run as that of a hook which is written alike: results are told by hook."""
    return run if run.hook is hook else msgspec.structs.replace(run, hook=hook)


def _is_same(hook: Hook, seen: Subject, subject: Subject) -> bool:
    """Whether two subjects are the same to a hook: the provider matters to the checks that ask another server."""
    return seen.request.raw == subject.request.raw and (hook.is_local or seen.provider == subject.provider)
