"""Requests and answers that pass at a glance: plain texts, under hooks whose checks read nothing but a text and find
nothing.

Nearly all are so. Nothing else is made for them: neither the texts one by one, nor what a check may ask for, nor runs
of hooks. Whatever a glance doesn't tell, at_once.py judges.
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
from penstock.pipeline.off_loop.thread import JUDGED

_SECONDS: Final = 0.001
"""How long all checks may take together: results tell whole milliseconds, and others wait meanwhile."""
_NO_HOOKS: Final = b"[]"
_content: Final = attrgetter("content")


def passed_request(glances: Glances, read: Callable[[Body], PlainTexts | None], body: Body) -> bytes | None:
    """The results of hooks that all let a request pass, as a JSON array; None where a check has to look, fails, can't
    judge or takes long, and for a body that isn't plain."""
    if glances.results == _NO_HOOKS:
        return _NO_HOOKS
    began, texts = time(), read(body)
    if texts is None:
        return None
    messages = texts.messages
    # No member of a plain body is taken for another one: only among the messages a host may read another text.
    if glances.needs_texts and _may_hold_another(body, len(messages)):
        return None
    last = messages[-1].content if messages else ""
    whole = "\n".join(filter(None, map(_content, messages))) if glances.reads_whole else ""
    return _passed(glances, (last, whole), began)


def _may_hold_another(body: Body, messages: int) -> bool:
    """Whether a host may read another text than the one that is judged, since a member of a plain body's messages comes
    twice."""
    source = body.source
    # Each member has a colon. To take them out is faster than to count them, as in ``coming_twice``.
    if source is not None and len(source) - len(source.replace(b":", b"")) == len(body.members) + 2 * messages:
        return False
    return bool(coming_twice(bytes(body.members.get("messages", b"")), 2 * messages))


def passed_answer(glances: Glances, read: Callable[[bytes], str | None], body: bytes) -> bytes | None:
    """The same of hooks that judge a whole answer; None for a large one, too, whose checks are work for a thread."""
    if len(body) > JUDGED:
        return None
    began, text = time(), read(body)
    return None if text is None else _passed(glances, (text, text), began)


def _passed(glances: Glances, texts: tuple[str, str], began: float) -> bytes | None:
    """The results of hooks whose checks all pass these texts, which were read at ``began``."""
    data = list[bytes]()
    try:
        for glance, which in glances.fixed:
            if glance(texts[which]) is None:
                return None
        for glance, which in glances.telling:
            result = glance(texts[which])
            if result is None:
                return None
            data.append(result)
    except Exception:
        return None  # what judges then tells what is wrong
    if time() - began >= _SECONDS:
        return None
    return results_at(glances.results, int(began * 1000)) % (*data,)
