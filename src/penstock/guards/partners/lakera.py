"""Lakera Guard: ``lakera.guard``.

Source: https://docs.lakera.ai/docs/api/guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.core.segments import Segment
from penstock.guards.base import Check, Context, Edit, Judgement, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Credentials,
    Exchange,
    PartnerCall,
    bearer,
    filled,
    inside,
    objects,
    prepared,
    role_of,
    span,
)

_SECONDS: Final = 30.0


def _guard(parameters: Parameters) -> Prepared:
    credentials = Credentials(parameters)
    key, base = credentials.required("apiKey"), credentials.url("apiBase", default="https://api.lakera.ai")
    project, end_inclusive = parameters.text("projectID"), parameters.switch("endInclusive")
    redacts = parameters.switch("redact", default=True)
    wanted = {**({"project_id": project} if project else {}), "payload": True, "breakdown": True}

    def calls(context: Context) -> list[PartnerCall]:
        messages = [{"role": role_of(each, context), "content": each.text} for each in filled(context)]
        return [PartnerCall("/v2/guard", {"messages": messages, **wanted})] if messages else []

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        [reply] = replies
        flagged = inside(reply, "flagged")
        if not isinstance(flagged, bool):
            return None
        if not flagged:
            return Judgement(verdict=True, data=reply)
        kinds = {str(each.get("detector_type")) for each in objects(reply.get("breakdown")) if each.get("detected")}
        edits, placed = _masks(filled(context), reply, end_inclusive=end_inclusive) if redacts else ((), frozenset())
        # Personal data alone is masked, and passes; anything else that was detected refuses the text, and so does a
        # kind of which nobody tells the place.
        passes = bool(kinds) and kinds <= placed
        return Judgement(passes, reply, edits=edits if passes else ())

    return prepared(parameters, Exchange("Lakera", base, calls, read, bearer(key), transforms=redacts), _SECONDS)


def _masks(segments: Sequence[Segment], reply: Any, *, end_inclusive: bool) -> tuple[tuple[Edit, ...], frozenset[str]]:
    """The edits that mask personal data, and its kinds; neither where a place is none in the texts."""
    edits: list[Edit] = []
    kinds: set[str] = set()
    for each in objects(reply.get("payload")):
        at, start, end, kind = (each.get(name) for name in ("message_id", "start", "end", "detector_type"))
        if not str(kind).startswith("pii/"):
            continue
        segment = segments[at] if isinstance(at, int) and 0 <= at < len(segments) else None
        end = end + end_inclusive if isinstance(end, int) else None
        place = None if segment is None else span(start, end, segment.text)
        if segment is None or place is None:
            return (), frozenset()
        kinds.add(str(kind))
        edits.append(Edit(segment.pointer, *place, f"[{str(kind).removeprefix('pii/').upper()}]"))
    return tuple(edits), frozenset(kinds)


CHECKS: Final = (Check("lakera.guard", _guard, quotes=True, timeout=_SECONDS),)
