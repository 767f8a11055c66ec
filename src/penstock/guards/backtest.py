"""A guard over requests and answers of the past: what would have been denied or changed, by check.

Values in, values out: pipeline and command line bring what is judged. Source: docs/guardrails.md#backtests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.guards.results import CheckRun, HookRun

_MOST_EXAMPLES: Final = 5


class CheckTally(msgspec.Struct):
    """What one check would have done. ``examples`` are the first references (``line 7``) where it fails."""

    passed: int = 0
    failed: int = 0
    changed: int = 0
    errors: int = 0
    examples: list[str] = msgspec.field(default_factory=list)

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.changed + self.errors


class Tally(msgspec.Struct):
    """What guards would have done: bodies that they judged, denied and changed, and each check's part. ``textless``:
    bodies in which no guard finds a text, so that checks of texts say nothing of them."""

    judged: int = 0
    textless: int = 0
    denied: int = 0
    changed: int = 0
    checks: dict[str, CheckTally] = msgspec.field(default_factory=dict)

    def add(self, reference: str, runs: Sequence[HookRun]) -> None:
        """Guards have judged one body. ``reference`` says where it stands; its text is not kept."""
        self.judged += 1
        self.denied += any(run.hook.deny and not run.verdict for run in runs)
        self.changed += any(_changes(check) for run in runs for check in run.checks)
        for run in runs:
            for check in run.checks:
                self._add(reference, check)

    def _add(self, reference: str, run: CheckRun) -> None:
        tally = self.checks.setdefault(run.check.id, CheckTally())
        if run.judgement.error is not None:
            tally.errors += 1
        elif not run.judgement.verdict:
            tally.failed += 1
            if len(tally.examples) < _MOST_EXAMPLES:
                tally.examples.append(reference)
        elif _changes(run):
            tally.changed += 1
        else:
            tally.passed += 1


def _changes(run: CheckRun) -> bool:
    return bool(run.judgement.edits) or run.judgement.body is not None
