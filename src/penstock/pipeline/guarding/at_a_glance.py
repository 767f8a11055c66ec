"""Requests that pass at a glance: plain messages, under hooks whose checks read nothing but a text and find nothing.

Nearly all requests are so. Nothing else is made for them: neither the texts one by one, nor what a check may ask for,
nor runs of hooks. Whatever a glance doesn't tell, at_once.py judges.
"""

from __future__ import annotations

from time import time
from typing import Final

from penstock.dialects.texts import PlainTexts
from penstock.guards.hook_result import results_at
from penstock.guards.plan import Glances
from penstock.guards.results import moment_of

_SECONDS: Final = 0.001
"""How long all checks may take together: results tell whole milliseconds, and others wait meanwhile."""


def passed_results(glances: Glances, texts: PlainTexts) -> bytes | None:
    """The results of hooks that all passed, as a JSON array; None where a check has to look, fails, can't judge or
    takes long."""
    began = time()
    last = texts.text(of_last=True)
    whole = texts.text(of_last=False) if glances.reads_whole else ""
    differing: list[bytes] = []
    try:
        for glance, of_last, tells_the_same in glances.checks:
            data = glance(last if of_last else whole)
            if data is None:
                return None
            if not tells_the_same:
                differing.append(data)
    except Exception:
        return None  # what judges then tells what is wrong
    results = results_at(glances.results, moment_of(began))
    if differing:
        results %= tuple(differing)
    return results if time() - began < _SECONDS else None
