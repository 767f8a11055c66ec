"""Requests that pass at a glance: plain messages, under hooks whose checks read nothing but a text and find nothing.

Nearly all requests are so. Nothing else is made for them: neither the texts one by one, nor what a check may ask for.
Whatever a glance doesn't tell, at_once.py judges.
"""

from __future__ import annotations

from time import monotonic, time
from typing import Final

from penstock.dialects.texts import PlainTexts
from penstock.guards.plan import Glances
from penstock.guards.results import CheckRun, GlancedRun, HookRun

_SECONDS: Final = 0.001
"""How long all checks may take together: results tell whole milliseconds, and others wait meanwhile."""


def passed_runs(glances: Glances, texts: PlainTexts) -> list[HookRun] | None:
    """The runs of hooks that all passed; None where a check has to look, fails, can't judge or takes long."""
    moment, until = time(), monotonic() + _SECONDS
    last = texts.text(of_last=True) if glances.reads_last else ""
    whole = texts.text(of_last=False) if glances.reads_whole else ""
    runs: list[HookRun] = []
    try:
        for hook, checks in glances.hooks:
            passed: list[CheckRun] = []
            for check, glance, sees_last in checks:
                judgement = glance(last if sees_last else whole)
                if judgement is None or not judgement.verdict or judgement.error is not None or monotonic() > until:
                    return None
                passed.append(CheckRun(check, judgement, 0, moment))
            runs.append(GlancedRun(hook, tuple(passed), 0, moment))
    except Exception:
        return None  # what judges then tells what is wrong
    return runs
