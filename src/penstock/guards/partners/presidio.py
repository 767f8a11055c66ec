"""A Presidio server: ``presidio.pii``. Masks are made here from the spans, unless operators are given.

Source: https://microsoft.github.io/presidio/api-docs/api-docs.html. Positions are in characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.segments import Segment
from penstock.guards.base import (
    Check,
    CheckError,
    Context,
    Edit,
    Judgement,
    Outbound,
    OutboundReply,
    OutboundRequest,
    Prepared,
)
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Exchange,
    PartnerCall,
    filled,
    inside,
    objects,
    prepared,
    rewritten,
    seconds_of,
    span,
)


def _pii(parameters: Parameters) -> Prepared:
    base, redacts = parameters.required_text("analyzerUrl"), parameters.switch("redact")
    entities, threshold = parameters.texts("entities"), parameters.number("scoreThreshold", least=0)
    wanted: dict[str, Any] = {"language": parameters.text("language", "en")}
    wanted |= {"entities": list(entities)} if entities else {}
    wanted |= {} if threshold is None else {"score_threshold": threshold}
    operators, anonymizer = parameters.object("operators"), parameters.text("anonymizerUrl")
    if operators and not anonymizer:
        parameters.complain("anonymizerUrl", "Required: operators are carried out by the anonymizer")

    def calls(context: Context) -> list[PartnerCall]:
        return [PartnerCall("/analyze", {"text": each.text, **wanted}) for each in filled(context)]

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        by_text = _entities(replies)
        if by_text is None:
            return None
        found = [entity for entities in by_text for entity in entities]
        data = {"explanation": f"{len(found)} values were found.", "entities": found}
        edits = _edits(filled(context), by_text) if redacts else None
        return Judgement(edits is not None or not found, data, edits=edits or ())

    seconds = seconds_of(parameters)
    check = prepared(parameters, Exchange("Presidio", base, calls, read, transforms=redacts))
    if not redacts or not operators or check.ask is None:
        return check
    analyze = check.ask

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        judgement = await analyze(context, outbound)
        if not judgement.edits:
            return judgement
        return await _anonymized(judgement, context, outbound, anonymizer, operators, seconds)

    return Prepared(ask=ask, size=check.size, transforms=True)


def _entities(replies: Sequence[Any]) -> list[list[dict[str, Any]]] | None:
    """The entities that were found in each text; None where a reply tells none."""
    by_text = []
    for reply in replies:
        if not isinstance(reply, list):
            return None
        entities = [
            {name: each.get(name) for name in ("entity_type", "start", "end", "score")} for each in objects(reply)
        ]
        if not all(isinstance(each["entity_type"], str) and isinstance(each["start"], int) for each in entities):
            return None
        by_text.append(entities)
    return by_text


def _edits(segments: Sequence[Segment], by_text: Sequence[Sequence[dict[str, Any]]]) -> tuple[Edit, ...] | None:
    """The edits that mask what was found; None where a place is none in its text: what was found would go on."""
    edits = []
    for segment, entities in zip(segments, by_text, strict=True):
        for each in entities:
            place = span(each["start"], each["end"], segment.text)
            if place is None:
                return None
            edits.append(Edit(segment.pointer, *place, f"<{each['entity_type']}>"))
    return tuple(edits)


async def _anonymized(
    judgement: Judgement, context: Context, outbound: Outbound, url: str, operators: Any, seconds: float
) -> Judgement:
    """The judgement with the anonymizer's texts in place of masks."""
    segments = [each for each in filled(context) if any(edit.pointer == each.pointer for edit in judgement.edits)]
    requests = []
    for segment in segments:
        spans = [
            {"start": edit.start, "end": edit.end, "score": 1.0, "entity_type": edit.replacement[1:-1]}
            for edit in judgement.edits
            if edit.pointer == segment.pointer
        ]
        body = write_json({"text": segment.text, "analyzer_results": spans, "anonymizers": operators})
        headers = {"content-type": "application/json", "accept": "application/json"}
        requests.append(OutboundRequest("POST", f"{url.rstrip('/')}/anonymize", headers, body, seconds))
    replies = await outbound.send_all(requests)
    texts = [_text(reply) for reply in replies]
    edits = rewritten(segments, texts)
    if edits is None:
        # What was found is masked all the same: an error would let it pass.
        why = f"{judgement.data['explanation']} The anonymizer gave no text: they are masked."
        return msgspec.structs.replace(judgement, data={**judgement.data, "explanation": why})
    return Judgement(judgement.verdict, judgement.data, edits=edits)


def _text(reply: OutboundReply | CheckError) -> Any:
    if isinstance(reply, CheckError) or not 200 <= reply.status < 300:
        return None
    return inside(read_json_or_none(reply.body), "text")


CHECKS: Final = (Check("presidio.pii", _pii, quotes=True),)
