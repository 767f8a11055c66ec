"""A whole reply as Converse's. Its stream is written in stream.py, of the same events.

A call whose arguments are no JSON object can't be told: ``input`` is an object. Source: Amazon Bedrock API reference,
"Converse", "ContentBlock".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.core.chat import Owner
from penstock.core.events import ChatReply, Choice, Citation, CollectedCall, Foreign, Media, Text, Thinking
from penstock.core.failure import Failure
from penstock.core.json_text import write_json
from penstock.dialects.anthropic.caller.reply import in_order, input_of, joined_thought, whole_calls
from penstock.dialects.bedrock.caller.members import (
    call_id,
    citation,
    image,
    metrics,
    redacted,
    response_fields,
    stop_reason,
)
from penstock.dialects.bedrock.usage import write_usage
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import Sealer
from penstock.dialects.media_text import media_text

_Block = dict[str, Any]
_Events = list[Text | Thinking | Media | Citation | Foreign]


def write_reply(reply: ChatReply, caption: Caption) -> bytes | Failure:
    """The reply as JSON, of its first choice. It must not be a failure. A Failure when a call can't be told."""
    choice = reply.choices.get(0) or Choice(0)
    calls = whole_calls(choice)
    if isinstance(calls, Failure):
        return calls
    reason, sequence = stop_reason(choice.stop, choice.extras.get("stop_sequence"), has_calls=bool(choice.calls))
    return write_json(
        {
            "output": {"message": {"role": "assistant", "content": list(_content(choice, calls, caption))}},
            "stopReason": reason,
            "usage": write_usage(reply.usage),
            "metrics": metrics(caption),
            **response_fields(caption.echo, sequence),
        }
    )


def _content(choice: Choice, calls: list[CollectedCall], caption: Caption) -> Iterator[_Block]:
    """The blocks in the order in which they were made."""
    sealer = Sealer(caption.model, Owner.ANTHROPIC)
    for piece in in_order(choice, calls):
        match piece:
            case list():
                yield from _block(piece, sealer, hides=caption.hides_thinking)
            case str():
                yield {"text": piece}
            case index, call:
                yield from _call(call, index, caption, sealer)


def _call(call: CollectedCall, index: int, caption: Caption, sealer: Sealer) -> Iterator[_Block]:
    if call.signature and call.owner != Owner.ANTHROPIC:
        sealed = sealer.call(call.owner, call.signature)
        if sealed:
            yield _thought("", sealed)
    call_named = call.id or call_id(caption.seed, index)
    yield {"toolUse": {"toolUseId": call_named, "name": call.name, "input": input_of(call)}}


def _thought(text: str, signature: str) -> _Block:
    signed = {"signature": signature} if signature else {}
    return {"reasoningContent": {"reasoningText": {"text": text, **signed}}}


def _block(events: _Events, sealer: Sealer, *, hides: bool) -> Iterator[_Block]:
    """The blocks of one number: its text or its thought in one, everything else as it came."""
    thoughts = [event for event in events if isinstance(event, Thinking)]
    if thoughts:
        thought = joined_thought(thoughts, sealer, hides=hides)
        if thought.redacted:
            yield {"reasoningContent": {"redactedContent": redacted(thought.redacted)}}
        if thought.is_shown:
            yield _thought(thought.text, thought.signature)
    text = "".join(event.text for event in events if isinstance(event, Text))
    cited = [written for event in events if isinstance(event, Citation) and (written := citation(event)) is not None]
    if cited:
        yield {"citationsContent": {"content": [{"text": text}], "citations": cited}}
    elif text:
        yield {"text": text}
    for event in events:
        if isinstance(event, Media):
            shown = image(event)
            told_image = None if shown is None else {"image": {"format": shown[0], "source": {"bytes": shown[1]}}}
            yield told_image or {"text": media_text(event)}
