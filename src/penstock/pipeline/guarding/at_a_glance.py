"""Requests that pass at a glance: plain messages, under hooks whose checks read nothing but a text and find nothing.

Nearly all requests are so. Nothing else is made for them: neither the texts one by one, nor what a check may ask for,
nor runs of hooks. Whatever a glance doesn't tell, at_once.py judges.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from time import time
from typing import Final

from penstock.core.body import Body
from penstock.dialects.texts import PlainTexts
from penstock.guards.hook_result import results_at
from penstock.guards.member_names import coming_twice
from penstock.guards.plan import Glances

_SECONDS: Final = 0.001
"""How long all checks may take together: results tell whole milliseconds, and others wait meanwhile."""
_content: Final = attrgetter("content")


def passed_results(glances: Glances, read: Callable[[Body], PlainTexts | None], body: Body) -> bytes | None:
    """The results of hooks that all passed, as a JSON array; None where a check has to look, fails, can't judge or
    takes long, and for a body that isn't plain."""
    began, texts = time(), read(body)
    if texts is None:
        return None
    messages = texts.messages
    # Readers in which a name of the members beside the messages means another one know none of a plain body's names.
    if glances.needs_texts and coming_twice(bytes(body.members.get("messages", b"")), 2 * len(messages)):
        return None
    last = messages[-1].content if messages else ""
    whole = "\n".join(filter(None, map(_content, messages))) if glances.reads_whole else ""
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
    results = results_at(glances.results, int(began * 1000))
    if differing:
        results %= tuple(differing)
    return results if time() - began < _SECONDS else None
