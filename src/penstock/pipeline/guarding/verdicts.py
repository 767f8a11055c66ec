"""What guards decided, for the record of their request and for metrics: ids and verdicts, never a text.

Source: docs/guardrails.md#what-is-recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from penstock.guards.base import Phase, Reads
from penstock.guards.plan import Hook
from penstock.guards.results import CheckRun, HookRun
from penstock.observe.record import GuardVerdict
from penstock.pipeline.account import Account

PASSED: Final = "passed"
DROPPED: Final = "dropped"
UNREAD: Final = "unread"
_MOST: Final = 20
"""Verdicts that one record holds at most."""
_LONGEST_ID: Final = 64
"""Characters of a guard's id that are kept: configs choose it."""


class GuardVerdicts:
    """Counts the verdicts of this process by check and verdict, and notes in accounts those that did not simply pass.
    A check is named as the registry names it, however the config writes it."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def note(self, account: Account, runs: Iterable[HookRun]) -> None:
        """Hooks have judged."""
        for run in runs:
            is_shadow = run.hook.is_shadow
            for check in run.checks:
                judgement = check.judgement
                if check.skipped:
                    continue
                if judgement.verdict and judgement.error is None and not is_shadow:
                    self.counts[check.check.check.id, PASSED] += 1
                else:
                    self._add(account, run.hook, check.check.check.id, _verdict(run, check))

    def drop(self, account: Account, hooks: Iterable[Hook]) -> None:
        """Hooks that only look on did not judge, or not to the end."""
        for hook in hooks:
            for check in hook.checks:
                self._add(account, hook, check.check.id, DROPPED)

    def skip(self, account: Account, hooks: Iterable[Hook]) -> None:
        """Hooks can't read a request, which passes: those of their checks that read texts."""
        for hook in hooks:
            for check in hook.checks:
                if check.check.reads is Reads.TEXTS:
                    self._add(account, hook, check.check.id, UNREAD)

    def _add(self, account: Account, hook: Hook, check: str, verdict: str) -> None:
        self.counts[check, verdict] += 1
        if verdict != PASSED and len(account.guards) < _MOST:
            phase = "before" if hook.phase is Phase.BEFORE else "after"
            account.guards.append(GuardVerdict(phase, hook.id[:_LONGEST_ID], check, verdict))


def _verdict(run: HookRun, check: CheckRun) -> str:
    if run.hook.is_shadow:
        return _of_shadow(run, check)
    if check.judgement.error is not None:
        if check.passes:
            return "error_passed"
        return "error_denied" if run.denies else "error_failed"
    if check.passes:
        return PASSED
    return "denied" if run.denies else "failed"


def _of_shadow(run: HookRun, check: CheckRun) -> str:
    """What a guard in shadow mode would have done."""
    if not check.passes:
        return "would_deny" if run.hook.deny else "would_fail"
    if check.judgement.error is not None:
        return "error_passed"
    return "would_change" if check.judgement.edits or check.judgement.body is not None else PASSED
