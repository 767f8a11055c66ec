"""Hooks that only look on: they run beside their requests, change nothing and deny nothing.

Their verdicts stand in metrics, and in the record where the request still lasts. Source: docs/guardrails.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.guards.base import Outbound
from penstock.guards.plan import Hook
from penstock.pipeline.account import Account
from penstock.pipeline.guarding.at_once import undone
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject
from penstock.pipeline.guarding.verdicts import GuardVerdicts

_LOG: Final = logging.getLogger("penstock")
_MOST: Final = 256
"""Hooks of one process that only look on and run at the same time: further ones are dropped, and counted."""
_LAST_SECONDS: Final = 2.0
"""How long they may take to end when the gateway stops."""
_WHY: Final = "the guard only looks on"


class LookingOn(msgspec.Struct, frozen=True):
    """The hooks that only look on. ``tasks`` run now, each with the account of its request."""

    verdicts: GuardVerdicts = msgspec.field(default_factory=GuardVerdicts)
    tasks: dict[asyncio.Task[None], tuple[Account, Sequence[Hook]]] = msgspec.field(default_factory=dict)

    async def run(self, account: Account, hooks: Sequence[Hook], outbound: Outbound, subject: Subject) -> None:
        """Let hooks judge: those of local checks in shadow mode at once, which costs less than a task and brings their
        verdicts into the record; the others beside the request. Each judges its share of requests."""
        hooks = [hook for hook in hooks if hook.sample >= 1 or random.random() < hook.sample]  # noqa: S311
        at_once = [hook for hook in hooks if hook.is_shadow and hook.is_local]
        if at_once:
            await self._judged(account, at_once, outbound, subject)
        hooks = [hook for hook in hooks if not (hook.is_shadow and hook.is_local)]
        if not hooks:
            return
        if len(self.tasks) >= _MOST:
            self.verdicts.drop(account, hooks)
            return
        looking = self._judged(account, hooks, outbound, subject)
        task = asyncio.get_running_loop().create_task(looking, name="guards that look on")
        self.tasks[task] = account, hooks
        task.add_done_callback(self.tasks.pop)

    async def _judged(self, account: Account, hooks: Sequence[Hook], outbound: Outbound, subject: Subject) -> None:
        runs, _ = await run_hooks(hooks, subject, outbound, awaits_all=True)
        shadows = [run for run in runs if run.hook.is_shadow]
        others = undone([run for run in runs if not run.hook.is_shadow], _WHY)
        self.verdicts.note(account, [msgspec.structs.replace(run, can_deny=False) for run in (*others, *shadows)])

    async def stop(self) -> None:
        """Let the hooks end, for two seconds; give up those that don't, and count them as dropped."""
        if not self.tasks:
            return
        _, late = await asyncio.wait(self.tasks, timeout=_LAST_SECONDS)
        for task in late:
            self.verdicts.drop(*self.tasks[task])
            task.cancel()
        if late:
            _LOG.warning("guards that look on were given up at the stop: %d", len(late))
            await asyncio.wait(late, timeout=_LAST_SECONDS / 4)
