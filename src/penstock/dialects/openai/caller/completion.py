"""Writes a whole reply as OpenAI's chat completion. chunks.py writes the same events as a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from penstock.core.events import (
    ChatReply,
    Choice,
    Citation,
    CollectedCall,
    Event,
    Foreign,
    Media,
    PlainReply,
    Text,
    Thinking,
)
from penstock.core.finish_reasons import is_complete
from penstock.core.json_text import write_json
from penstock.dialects.caller import Caption, NormalizedReply, Verdict
from penstock.dialects.free_text_tools import free_text
from penstock.dialects.openai.caller.carried import carried
from penstock.dialects.openai.caller.members import (
    annotation,
    block,
    call_id,
    finish_reason,
    place,
    reasoning_detail,
    reply_id,
    stands_for_free_text,
    tool_signature,
    usage,
)

_Block = list[Text | Thinking | Media | Citation | Foreign]


def completion(reply: ChatReply, caption: Caption) -> bytes:
    """The reply as JSON. ``reply.failure`` must be None."""
    start = reply.start
    own_id = start.id or reply_id(caption)
    choices = [reply.choices[index] for index in sorted(reply.choices)] or [Choice(0)]
    if caption.echo.forms:
        choices = [_with_free_text(choice, caption) for choice in choices]
    body: dict[str, Any] = {
        "id": own_id,
        "object": "chat.completion",
        "created": start.created or caption.created,
        "model": start.model or caption.model,
        "provider": caption.provider,
        "choices": [_choice(choice, own_id, strict=caption.strict) for choice in choices],
    }
    counts = usage(reply.usage)
    if counts is not None:
        body["usage"] = counts
    if not caption.strict:
        body |= {name: value for name, value in reply.extras.items() if name not in body}
    return write_json(body)


def _with_free_text(choice: Choice, caption: Caption) -> Choice:
    """The choice with free text in the calls of functions that stand for tools which take it."""
    calls = [
        msgspec.structs.replace(call, custom=True, arguments=free_text(call.arguments))
        if stands_for_free_text(call.name, caption) and not call.custom
        else call
        for call in choice.calls
    ]
    return msgspec.structs.replace(choice, calls=calls)


def plain_completion(reply: PlainReply, caption: Caption) -> NormalizedReply | None:
    """As ``completion`` and ``verdict``, of a reply that is text alone; None for a caller that isn't strict, whose
    completion holds more."""
    if not caption.strict:
        return None
    start, stop, text = reply.start, reply.stop, reply.text
    reason = None if stop is None else stop.reason
    message = {"role": "assistant", "content": text, "refusal": None}
    body: dict[str, Any] = {
        "id": start.id or reply_id(caption),
        "object": "chat.completion",
        "created": start.created or caption.created,
        "model": start.model or caption.model,
        "provider": caption.provider,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
    }
    counts = usage(reply.usage)
    if counts is not None:
        body["usage"] = counts
    return NormalizedReply(write_json(body), _WHOLE if text and is_complete(reason) else None)


def verdict(reply: ChatReply, caption: Caption) -> Verdict | None:
    """What ``judge`` says of the completion where it is a whole, good answer; None for any other, which is to be
    read."""
    if not (reply.choices and caption.strict):
        return None
    for choice in reply.choices.values():
        reason = finish_reason(choice.stop, has_calls=bool(choice.calls), strict=True)
        if not (is_complete(reason) and (choice.calls or _has_text(choice))):
            return None
    return _WHOLE


_WHOLE: Final = Verdict(is_complete=True)
"""A whole, good answer. What it used is known of the reply that it was written from."""


def _has_text(choice: Choice) -> bool:
    for events in choice.blocks.values():
        for event in events:
            if type(event) is Text and event.text:
                return True
    return False


def _choice(choice: Choice, reply_id: str, *, strict: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "index": choice.index,
        "message": _message(choice, reply_id, strict=strict),
        "logprobs": {"content": choice.logprobs, "refusal": None} if choice.logprobs else None,
        "finish_reason": finish_reason(choice.stop, has_calls=bool(choice.calls), strict=strict),
    }
    if not strict:
        entry |= {name: value for name, value in choice.extras.items() if name not in entry}
    return entry


def _message(choice: Choice, reply_id: str, *, strict: bool) -> dict[str, Any]:
    texts: list[str] = []
    others: list[Thinking | Media | Citation | Foreign] = []
    for events in choice.blocks.values():
        for event in events:
            if type(event) is Text:
                texts.append(event.text)
            else:
                others.append(event)  # type: ignore[arg-type]
    text = "".join(texts)
    has_more = choice.calls or choice.refusal or (others and any(isinstance(event, Media) for event in others))
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not has_more else None,
        "refusal": choice.refusal or None,
    }
    if choice.calls:
        message["tool_calls"] = [
            _call(call, reply_id, choice.index, position, strict=strict) for position, call in enumerate(choice.calls)
        ]
    if others:
        _add_reasoning(message, choice, strict=strict)
        annotations = list(_annotations(choice.blocks.values()))
        if annotations:
            message["annotations"] = annotations
        _add_media(message, others, reply_id)
    if not strict:
        blocks = [each for events in choice.blocks.values() for each in _blocks(events)]
        if blocks:
            message["content_blocks"] = blocks
    return message


def _add_reasoning(message: dict[str, Any], choice: Choice, *, strict: bool) -> None:
    """Add ``reasoning_content`` (the text), and ``reasoning_details`` with the opaque values that the maker needs
    back; for strict clients, which get no ``content_blocks``, with the maker's own blocks and citations, too."""
    blocks = choice.blocks
    text = "".join(event.text for events in blocks.values() for event in events if isinstance(event, Thinking))
    if text:
        message["reasoning_content"] = text
    details: list[dict[str, Any]] = []
    length = others = 0
    for number, events in blocks.items():
        after = place(length, choice.calls_before.get(number, 0), others)
        characters = sum(len(event.text) for event in events if isinstance(event, Text))
        length += characters
        others += any(isinstance(event, Media | Foreign) for event in events)
        thoughts = [event for event in events if isinstance(event, Thinking)]
        signature, data = ("".join(getattr(event, name) for event in thoughts) for name in ("signature", "data"))
        if signature or data:
            text = "".join(event.text for event in thoughts)
            owner = next((event.owner for event in reversed(thoughts) if event.owner), "")
            fields = {"text": text, "signature": signature, "data": data}
            covers = thoughts[-1].covers
            details.append(reasoning_detail(len(details), owner, after, covers=covers, **fields))
        for event in events if strict else ():
            if isinstance(event, Foreign | Citation):
                data, owner = carried(event, characters)
                details += [reasoning_detail(len(details), owner, after, data=data)] if data else []
    if details:
        message["reasoning_details"] = details


def _call(call: CollectedCall, reply_id: str, choice: int, index: int, *, strict: bool) -> dict[str, Any]:
    own_id = call.id or call_id(reply_id, choice, index)
    if call.custom:
        return {"id": own_id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    beside, inside = tool_signature(call.signature, call.owner, strict=strict)
    return {
        "id": own_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}", **inside},
        **beside,
    }


def _annotations(blocks: Iterable[_Block]) -> Iterable[dict[str, Any]]:
    """Web sources. A source without character positions covers the text of its block."""
    start = end = 0
    for events in blocks:
        start = end
        for event in events:
            if isinstance(event, Text):
                end += len(event.text)
        yield from (annotation(event, start, end) for event in events if isinstance(event, Citation) and event.url)


def _add_media(message: dict[str, Any], events: Iterable[Event], reply_id: str) -> None:
    """Add media: sound in OpenAI's member ``audio``, images as content blocks even for strict callers
    (docs/portkey.md#images-and-sound)."""
    media = [event for event in events if isinstance(event, Media)]
    sounds = [event for event in media if event.mime.startswith("audio/")]
    images = [event for event in media if not event.mime.startswith("audio/")]
    if sounds:
        data = "".join(sound.data for sound in sounds)
        message["audio"] = {"id": f"audio_{reply_id}", "data": data, "expires_at": 0, "transcript": ""}
    if images:
        message["content_blocks"] = [dict(block(image)) for image in images]


def _blocks(events: _Block) -> Iterable[dict[str, Any]]:
    """The content blocks of one block number: text or thinking joined to one block, other events one block each."""
    texts = [event for event in events if isinstance(event, Text)]
    thoughts = [event for event in events if isinstance(event, Thinking)]
    if thoughts:
        whole = (Thinking("".join(t.text for t in thoughts), "".join(t.signature for t in thoughts),
                          "".join(t.data for t in thoughts)))  # fmt: skip
        yield dict(block(whole))
    if texts:
        cited = [event.raw for event in events if isinstance(event, Citation)]
        text = {"type": "text", "text": "".join(event.text for event in texts)}
        yield {**text, "citations": cited} if cited else text
    for event in events:
        if isinstance(event, Media | Foreign):
            yield dict(block(event))
