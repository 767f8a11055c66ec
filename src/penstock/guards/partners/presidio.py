"""A Presidio server: ``presidio.pii``. Masks are made here from the spans, unless operators are given.

Source: https://microsoft.github.io/presidio/api-docs/api-docs.html. Positions are in characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.core.json_text import read_json_or_none, write_json
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
    could_not,
)
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import Exchange, PartnerCall, filled, inside, objects, prepared, rewritten


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
        if not all(isinstance(reply, list) for reply in replies):
            return None
        edits, found = [], []
        for segment, reply in zip(filled(context), replies, strict=True):
            for span in objects(reply):
                start, end, kind = span.get("start"), span.get("end"), span.get("entity_type")
                if not isinstance(start, int) or not isinstance(end, int) or not isinstance(kind, str):
                    return None
                found.append({"entity_type": kind, "start": start, "end": end, "score": span.get("score")})
                edits.append(Edit(segment.pointer, start, end, f"<{kind}>"))
        data = {"explanation": f"{len(found)} values were found.", "entities": found}
        return Judgement(redacts or not found, data, edits=tuple(edits) if redacts else ())

    check = prepared(parameters, Exchange("Presidio", base, calls, read, transforms=redacts))
    if not redacts or not operators or check.ask is None:
        return check
    analyze = check.ask

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        judgement = await analyze(context, outbound)
        return await _anonymized(judgement, context, outbound, anonymizer, operators) if judgement.edits else judgement

    return Prepared(ask=ask, size=check.size, transforms=True)


async def _anonymized(
    judgement: Judgement, context: Context, outbound: Outbound, url: str, operators: Any
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
        requests.append(OutboundRequest("POST", f"{url.rstrip('/')}/anonymize", headers, body))
    replies = await outbound.send_all(requests)
    texts = [_text(reply) for reply in replies]
    edits = rewritten(segments, texts)
    if edits is None:
        return could_not("Presidio's anonymizer gave no text.", data=judgement.data)
    return Judgement(judgement.verdict, judgement.data, edits=edits)


def _text(reply: OutboundReply | CheckError) -> Any:
    if isinstance(reply, CheckError) or not 200 <= reply.status < 300:
        return None
    return inside(read_json_or_none(reply.body), "text")


CHECKS: Final = (Check("presidio.pii", _pii, quotes=True),)
