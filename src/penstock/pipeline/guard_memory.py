"""What the guards of one request found so far, for its further attempts and targets: hooks that are written alike and
change nothing judge a request once."""

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
from penstock.pipeline.guard_hooks import Subject, run_hooks, undone

if TYPE_CHECKING:
    from penstock.pipeline.guard_pieces import JudgedPieces

_TOO_LATE: Final = "the model has the request already: leave parallel out"


class GuardMemory(msgspec.Struct):
    """What the guards of one request found so far: runs of before-hooks by hook and body, results by target."""

    runs: dict[tuple[object, ...], HookRun] = msgspec.field(default_factory=dict)
    targets: dict[str, JudgedRequest] = msgspec.field(default_factory=dict)
    pieces: dict[str, JudgedPieces] = msgspec.field(default_factory=dict)
    """By target, what came of the requests inside the request."""


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
    """The runs of before-hooks. Where no hook changes the request, a hook that is written alike and has judged the same
    body is not asked again. ``note`` gets the runs that are new."""
    if any(hook.transforms for hook in hooks):
        runs, subject = await run_hooks(hooks, subject, outbound)
        note(runs)
        return runs, subject
    keys = [(hook.id, hook.fingerprint, _seen_by(hook, subject)) for hook in hooks]
    new = [hook for hook, key in zip(hooks, keys, strict=True) if key not in memory.runs]
    runs, subject = await run_hooks(new, subject, outbound)
    note(runs)
    for run in runs:
        memory.runs[run.hook.id, run.hook.fingerprint, _seen_by(run.hook, subject)] = run
    return [memory.runs[key] for key in keys], subject


def known_runs(memory: GuardMemory, hooks: Sequence[Hook], subject: Subject) -> list[HookRun]:
    """The runs of those hooks that have judged the same body before."""
    keys = [(hook.id, hook.fingerprint, _seen_by(hook, subject)) for hook in hooks]
    return [memory.runs[key] for key in keys if key in memory.runs]


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


def _seen_by(hook: Hook, subject: Subject) -> tuple[object, ...]:
    """What a hook's verdict depends on beside its parameters."""
    asks = any(each.prepared.ask is not None for each in hook.checks)
    return subject.request.raw, subject.provider if asks else ""
