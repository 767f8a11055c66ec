"""Requests that pass at a glance: plain messages, under hooks whose checks read nothing but a text and find nothing.

Nearly all requests are so. Nothing else is made for them: neither the texts one by one, nor what a check may ask for,
nor runs of hooks. Whatever a glance doesn't tell, at_once.py judges.
"""

from __future__ import annotations

from time import time
from typing import Final

from penstock.dialects.texts import PlainTexts
from penstock.guards.plan import Glances
from penstock.guards.results import moment_of

_SECONDS: Final = 0.001
"""How long all checks may take together: results tell whole milliseconds, and others wait meanwhile."""


def passed_results(glances: Glances, texts: PlainTexts) -> bytes | None:
    """The results of hooks that all passed, as a JSON array; None where a check has to look, fails, can't judge or
    takes long."""
    began = time()
    moment = b'"%b"' % moment_of(began).encode()
    messages = texts.messages
    last = messages[-1].content if messages else ""
    whole = texts.text(of_last=False) if glances.reads_whole else ""
    gaps: list[bytes] = []
    try:
        for hook in glances.hooks:
            for glance, of_last in hook:
                data = glance(last if of_last else whole)
                if data is None:
                    return None
                gaps += data, moment
            gaps.append(moment)
    except Exception:
        return None  # what judges then tells what is wrong
    return glances.results % tuple(gaps) if time() - began < _SECONDS else None
