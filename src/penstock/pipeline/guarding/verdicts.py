"""What guards decided, for the record of their request and for metrics: ids and verdicts, never a text.

Source: docs/guardrails.md#what-is-recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from penstock.guards.base import Phase, Reads
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.results import CheckRun, HookRun
from penstock.observe.record import GuardVerdict
from penstock.pipeline.account import Account

PASSED: Final = "passed"
DROPPED: Final = "dropped"
UNREAD: Final = "unread"
OVERFLOWED: Final = "overflowed"
_MOST: Final = 20
"""Verdicts that one record holds at most."""
_MOST_GROUPS: Final = 256
"""Groups of checks that are counted as such: configs choose them."""
_LONGEST_ID: Final = 64
"""Characters of a guard's id that are kept: configs choose it."""


class _Passed(dict[tuple[str, ...], int]):
    """Counts by group. ``count`` empties it once there are many groups."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, ids: tuple[str, ...]) -> int:
        if len(self) >= _MOST_GROUPS:
            self._count()
        return 0


class GuardVerdicts:
    """Counts the verdicts of this process by check and verdict, and notes in accounts those that did not simply pass.
    A check is named as the registry names it, however the config writes it."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self.passed = _Passed(self._count_passed)
        """Checks that simply passed together, and nothing else is to be told of them: how often each such group did."""

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How often each check came to each verdict."""
        self._count_passed()
        return self._counts

    def note(self, account: Account, runs: Iterable[HookRun], released: int | None = None) -> None:
        """Hooks have judged. ``released``: a denial came when so many characters of a stream had gone out."""
        for run in runs:
            if run.is_clean and not run.hook.is_shadow:
                self.passed[run.hook.check_ids] += 1
                continue
            for check in run.checks:
                if not check.skipped:
                    verdict = _verdict(run, check)
                    self._add(account, run.hook, check.check.check.id, verdict, released if run.denies else None)

    def _count_passed(self) -> None:
        for ids, count in self.passed.items():
            for each in ids:
                self._counts[each, PASSED] += count
        self.passed.clear()

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

    def overflow(self, account: Account, checks: Iterable[tuple[Hook, HookCheck]]) -> None:
        """More of a stream's text would have had to wait for checks than may."""
        for hook, check in checks:
            self._add(account, hook, check.check.id, OVERFLOWED)

    def _add(self, account: Account, hook: Hook, check: str, verdict: str, released: int | None = None) -> None:
        self._counts[check, verdict] += 1
        if verdict != PASSED and len(account.guards) < _MOST:
            phase = "before" if hook.phase is Phase.BEFORE else "after"
            account.guards.append(GuardVerdict(phase, hook.id[:_LONGEST_ID], check, verdict, released))


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
    return "would_change" if check.transformed else PASSED
