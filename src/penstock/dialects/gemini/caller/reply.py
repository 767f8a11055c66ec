"""A whole reply as Gemini's response. Its stream is written in stream.py, of the same pieces.

A call whose arguments are no JSON object can't be told: ``args`` is an object. Source: Gemini API reference,
"GenerateContentResponse".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.core.events import ChatReply, Choice, Citation, CollectedCall, Refusal, Text, Thinking, is_cut
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.call_arguments import BROKEN_ARGUMENTS, is_object
from penstock.dialects.caller import Caption
from penstock.dialects.gemini.caller.members import (
    Part,
    PartWriter,
    Sources,
    about,
    content_of,
    finish_reason,
    response_id,
)
from penstock.dialects.gemini.usage import write_usage
from penstock.dialects.whole_calls import Piece, WholeCall


def write_reply(reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON. It must not be a failure. A Failure when a call can't be told."""
    candidates: list[dict[str, Any]] = []
    for choice in reply.choices.values() or (Choice(0),):
        calls = [call for call in choice.calls if not is_cut(choice.stop) or is_object(call.arguments)]
        broken = next((call for call in calls if not is_object(call.arguments)), None)
        if broken is not None:
            return Failure(Kind.INVALID_RESPONSE, BROKEN_ARGUMENTS.format(name=broken.name), sent=True)
        candidates.append(_candidate(choice, calls, caption))
    usage = write_usage(reply.usage)
    return write_json(
        {
            "candidates": candidates,
            **({"usageMetadata": usage} if usage else {}),
            "modelVersion": reply.start.model or caption.model,
            "responseId": response_id(caption, reply.start.id),
        }
    )


def _candidate(choice: Choice, calls: list[CollectedCall], caption: Caption) -> dict[str, Any]:
    writer, sources = PartWriter(caption), Sources()
    parts: list[Part] = []
    for piece in _pieces(choice, calls):
        if isinstance(piece, Text | Citation):
            sources.add(piece)
        parts += writer.write(piece)
    parts += writer.end()
    reason = finish_reason(choice.stop)
    members = about(reason, sources, choice.logprobs)
    return {"content": content_of(parts, reason), **members, "index": choice.index}


def _pieces(choice: Choice, calls: list[CollectedCall]) -> Iterator[Piece | WholeCall]:
    """All of a choice in its order, the text of a block and its thought each in one piece."""
    made = 0
    for number, events in choice.blocks.items():
        before = min(choice.calls_before.get(number, 0), len(calls))
        for index in range(made, before):
            yield _call(index, calls[index])
        made = max(made, before)
        yield from _joined(events, number)
    if choice.refusal:
        yield Refusal(choice.refusal)
    for index in range(made, len(calls)):
        yield _call(index, calls[index])


def _joined(events: list[Any], number: int) -> Iterator[Piece]:
    thoughts = [event for event in events if isinstance(event, Thinking)]
    if thoughts:
        text, signature, data = (
            "".join(getattr(event, name) for event in thoughts) for name in ("text", "signature", "data")
        )
        owner = next((event.owner for event in reversed(thoughts) if event.owner), "")
        yield Thinking(text, signature, data, owner, block=number)
    texts = [event.text for event in events if isinstance(event, Text)]
    if texts:
        yield Text("".join(texts), block=number)
    yield from (event for event in events if not isinstance(event, Thinking | Text))


def _call(index: int, call: CollectedCall) -> WholeCall:
    return WholeCall(index, call.id, call.name, call.arguments, call.signature, call.owner)
