"""A whole reply as Anthropic's message. Its stream is written in stream.py, of the same events.

A call whose arguments are no JSON object can't be told: ``input`` is an object. Source: Anthropic API reference,
"Create a Message".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.core.chat import Owner
from penstock.core.events import ChatReply, Choice, Citation, CollectedCall, Foreign, Media, Text, Thinking
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.anthropic.caller.members import (
    BROKEN_ARGUMENTS,
    call_id,
    citation,
    is_cut,
    media_text,
    message_id,
    own_block,
    stop_reason,
)
from penstock.dialects.anthropic.usage import write_usage
from penstock.dialects.call_arguments import is_object
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer

_Events = list[Text | Thinking | Media | Citation | Foreign]


def write_reply(reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON, of its first choice. It must not be a failure. A Failure when a call can't be told."""
    choice = reply.choices.get(0) or Choice(0)
    calls = _complete(choice)
    broken = next((call for call in calls if not is_object(call.arguments)), None)
    if broken is not None:
        return Failure(Kind.INVALID_RESPONSE, BROKEN_ARGUMENTS.format(name=broken.name), sent=True)
    told, sequence = stop_reason(
        choice.stop,
        choice.extras.get("stop_sequence"),
        has_calls=bool(choice.calls),
        is_refused=bool(choice.refusal),
    )
    return write_json(
        {
            "id": message_id(caption.seed),
            "type": "message",
            "role": "assistant",
            "model": reply.start.model or caption.model,
            "content": list(_content(choice, calls, caption)),
            "stop_reason": told,
            "stop_sequence": sequence,
            "usage": write_usage(reply.usage),
        }
    )


def _complete(choice: Choice) -> list[CollectedCall]:
    """The calls, without those that the limit of the answer cut off."""
    if is_cut(choice.stop):
        return [call for call in choice.calls if is_object(call.arguments)]
    return choice.calls


def _content(choice: Choice, calls: list[CollectedCall], caption: Caption) -> Iterator[dict[str, Any]]:
    """The blocks in the order in which they were made."""
    sealer = Sealer(caption.model, Owner.ANTHROPIC)
    made = 0
    for number, events in choice.blocks.items():
        before = choice.calls_before.get(number, 0)
        for index in range(made, min(before, len(calls))):
            yield from _call(calls[index], index, caption, sealer)
        made = max(made, before)
        yield from _block(events, sealer, hides=caption.hides_thinking)
    if choice.refusal:
        yield {"type": "text", "text": choice.refusal}
    for index in range(made, len(calls)):
        yield from _call(calls[index], index, caption, sealer)


def _call(call: CollectedCall, index: int, caption: Caption, sealer: Sealer) -> Iterator[dict[str, Any]]:
    if call.signature and call.owner != Owner.ANTHROPIC:
        sealed = sealer.call(call.owner, call.signature)
        if sealed:
            yield {"type": "thinking", "thinking": "", "signature": sealed}
    text = call.arguments.strip()
    arguments = msgspec.Raw(text.encode("utf-8", "surrogatepass")) if text else {}
    yield {
        "type": "tool_use",
        "id": call.id or call_id(caption.seed, index),
        "name": call.name,
        "input": arguments,
    }


def _block(events: _Events, sealer: Sealer, *, hides: bool) -> Iterator[dict[str, Any]]:
    """The blocks of one number: its text or its thought in one, everything else as it came."""
    thoughts = [event for event in events if isinstance(event, Thinking)]
    if thoughts:
        yield from _thought(thoughts, sealer, hides=hides)
    texts = [event.text for event in events if isinstance(event, Text)]
    cited = [told for event in events if isinstance(event, Citation) and (told := citation(event, sealer)) is not None]
    if texts or cited:
        text: dict[str, Any] = {"type": "text", "text": "".join(texts)}
        yield {**text, "citations": cited} if cited else text
    for event in events:
        if isinstance(event, Media):
            yield {"type": "text", "text": media_text(event)}
        elif isinstance(event, Foreign):
            own = own_block(event)
            if own is not None:
                yield dict(own)


def _thought(thoughts: list[Thinking], sealer: Sealer, *, hides: bool) -> Iterator[dict[str, Any]]:
    text, signature, data = (
        "".join(getattr(event, name) for event in thoughts) for name in ("text", "signature", "data")
    )
    owner = next((event.owner for event in reversed(thoughts) if event.owner), "")
    if owner == Owner.ANTHROPIC and data:
        yield {"type": "redacted_thinking", "data": data}
    if not (owner == Owner.ANTHROPIC and data) or text or signature:
        hidden = text if hides and owner != Owner.ANTHROPIC else ""
        sealed = sealer.thought(owner, signature, data, hidden)
        yield {"type": "thinking", "thinking": "" if hidden else text, "signature": sealed}
