"""A whole reply as Anthropic's message. Its stream is written in stream.py, of the same events.

A call whose arguments are no JSON object can't be told: ``input`` is an object. Source: Anthropic API reference,
"Create a Message".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.core.chat import Owner
from penstock.core.events import ChatReply, Choice, Citation, CollectedCall, Foreign, Media, Text, Thinking, is_cut
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.anthropic.caller.members import (
    call_id,
    citation,
    message_id,
    own_block,
    stop_reason,
)
from penstock.dialects.anthropic.usage import write_usage
from penstock.dialects.call_arguments import BROKEN_ARGUMENTS, is_object
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer
from penstock.dialects.media_text import media_text

_Events = list[Text | Thinking | Media | Citation | Foreign]


def write_reply(reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON, of its first choice. It must not be a failure. A Failure when a call can't be told."""
    choice = reply.choices.get(0) or Choice(0)
    calls = whole_calls(choice)
    if isinstance(calls, Failure):
        return calls
    reason, sequence = stop_reason(
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
            "stop_reason": reason,
            "stop_sequence": sequence,
            "usage": write_usage(reply.usage),
        }
    )


def whole_calls(choice: Choice) -> list[CollectedCall] | Failure:
    """The calls, without those that the limit of the answer cut off; a Failure when one of them can't be told."""
    calls = choice.calls
    if is_cut(choice.stop):
        return [call for call in calls if is_object(call.arguments)]
    broken = next((call for call in calls if not is_object(call.arguments)), None)
    if broken is not None:
        return Failure(Kind.INVALID_RESPONSE, BROKEN_ARGUMENTS.format(name=broken.name), sent=True)
    return calls


def in_order(choice: Choice, calls: list[CollectedCall]) -> Iterator[_Events | str | tuple[int, CollectedCall]]:
    """What a choice says in the order in which it was made: the events of a block, the text in which the model
    declines, a call with its index."""
    made = 0
    for number, events in choice.blocks.items():
        before = min(choice.calls_before.get(number, 0), len(calls))
        for index in range(made, before):
            yield index, calls[index]
        made = max(made, before)
        yield events
    if choice.refusal:
        yield choice.refusal
    for index in range(made, len(calls)):
        yield index, calls[index]


def input_of(call: CollectedCall) -> msgspec.Raw | dict[str, Any]:
    """A call's arguments, as the model wrote them."""
    text = call.arguments.strip()
    return msgspec.Raw(text.encode("utf-8", "surrogatepass")) if text else {}


def _content(choice: Choice, calls: list[CollectedCall], caption: Caption) -> Iterator[dict[str, Any]]:
    """The blocks in the order in which they were made."""
    sealer = Sealer(caption.model, Owner.ANTHROPIC)
    for piece in in_order(choice, calls):
        match piece:
            case list():
                yield from _block(piece, sealer, hides=caption.hides_thinking)
            case str():
                yield {"type": "text", "text": piece}
            case index, call:
                yield from _call(call, index, caption, sealer)


def _call(call: CollectedCall, index: int, caption: Caption, sealer: Sealer) -> Iterator[dict[str, Any]]:
    if call.signature and call.owner != Owner.ANTHROPIC:
        sealed = sealer.call(call.owner, call.signature)
        if sealed:
            yield {"type": "thinking", "thinking": "", "signature": sealed}
    named = {"id": call.id or call_id(caption.seed, index), "name": call.name}
    yield {"type": "tool_use", **named, "input": input_of(call)}


def _block(events: _Events, sealer: Sealer, *, hides: bool) -> Iterator[dict[str, Any]]:
    """The blocks of one number: its text or its thought in one, everything else as it came."""
    thoughts = [event for event in events if isinstance(event, Thinking)]
    if thoughts:
        yield from _thought(thoughts, sealer, hides=hides)
    texts = [event.text for event in events if isinstance(event, Text)]
    cited = [
        written for event in events if isinstance(event, Citation) and (written := citation(event, sealer)) is not None
    ]
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


class JoinedThought(msgspec.Struct, frozen=True):
    """The thought of a block: ``redacted`` is what only Claude can read, in a block of its own. ``is_shown``: it has a
    block with its text and its signature."""

    text: str
    signature: str
    redacted: str
    is_shown: bool


def joined_thought(thoughts: list[Thinking], sealer: Sealer, *, hides: bool) -> JoinedThought:
    """The pieces of one thought together. ``hides``: the caller wants no text of other makers' thoughts."""
    text, signature, data = (
        "".join(getattr(event, name) for event in thoughts) for name in ("text", "signature", "data")
    )
    owner = next((event.owner for event in reversed(thoughts) if event.owner), "")
    redacted = data if owner == Owner.ANTHROPIC else ""
    if redacted and not (text or signature):
        return JoinedThought("", "", redacted, is_shown=False)
    hidden = text if hides and owner != Owner.ANTHROPIC else ""
    sealed = sealer.thought(owner, signature, data, hidden)
    return JoinedThought("" if hidden else text, sealed, redacted, is_shown=True)


def _thought(thoughts: list[Thinking], sealer: Sealer, *, hides: bool) -> Iterator[dict[str, Any]]:
    thought = joined_thought(thoughts, sealer, hides=hides)
    if thought.redacted:
        yield {"type": "redacted_thinking", "data": thought.redacted}
    if thought.is_shown:
        yield {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
