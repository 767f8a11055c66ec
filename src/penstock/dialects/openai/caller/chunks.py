"""Writes events as OpenAI's chat completion chunks, as the events arrive.

Only finish reasons and usage are held back until the end: a provider may send more content after its first finish
reason, and sends token counts last. Source: OpenAI API reference, "The chat completion chunk object".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Fail,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.json_text import write_json
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.framing.text_template import characters
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
from penstock.dialects.waiting_pieces import MOST_WAITING, size_of

_DONE: Final = b"data: [DONE]\n\n"
_NAME: Final = 256
"""Characters of an id or a model's name at most: every chunk repeats them."""
_ROLE: Final = {"role": "assistant", "content": ""}

_Content = Text | Thinking | Refusal | Media | Citation | Foreign
_Said = _Content | ToolStart | ToolArgs | Logprobs | Stop


class _Choice(msgspec.Struct):
    """The state of one choice.

    ``is_open``: the first chunk, with the role, was written. ``length`` counts the characters of the choice's text,
    ``block`` is the number of the last text block, which began at character ``block_start``.
    """

    is_open: bool = False
    length: int = 0
    block: int = -1
    block_start: int = 0
    silent: set[int] = msgspec.field(default_factory=set)
    """Tool calls without any argument so far."""
    custom: set[int] = msgspec.field(default_factory=set)
    """Calls of tools that take free text."""
    wrapped: dict[int, list[str]] = msgspec.field(default_factory=dict)
    """The pieces of arguments that hold the free text of a call: it is told when they are whole."""
    calls: int = 0
    thought: list[str] = msgspec.field(default_factory=list)
    thought_block: int = -1
    details: int = 0
    others: int = 0
    """The count of blocks other than text and thinking, and the number of the last such block."""
    other_block: int = -1
    sources: int = 0
    cited: dict[int, int] = msgspec.field(default_factory=dict)
    """The counts of citations by block."""
    extras: dict[str, Any] = msgspec.field(default_factory=dict)
    stop: Stop | None = None


class ChunkWriter:
    """Writes one stream. ``failed`` is the ``Fail`` event that ended the stream early, if any."""

    def __init__(self, caption: Caption) -> None:
        self._caption = caption
        self._id = reply_id(caption)
        self._choices: dict[int, _Choice] = {}
        self._is_open = False
        """Whether the first choice, nearly always the only choice, is open."""
        self._extras: dict[str, Any] = {}
        self._tokens: Usage | None = None
        self._waiting = 0
        """What the arguments that wait take of the memory for them."""
        self.failed: Fail | None = None
        self._begin(Start())

    def _begin(self, start: Start) -> None:
        """Prepare the members that every chunk repeats (id, model, created)."""
        caption = self._caption
        self._id = start.id[:_NAME] or reply_id(caption)
        head = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": start.created or caption.created,
            "model": (start.model or caption.model)[:_NAME],
            "provider": caption.provider,
        }
        self._head = b"data: " + write_json(head)[:-1]
        self._tail = b',"usage":null}\n\n' if caption.include_usage else b"}\n\n"
        self._text_head = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._tail
        self._between_texts = b'"' + self._text_tail + self._text_head + b'"'

    def write(self, events: Iterable[Event]) -> bytes:
        """The chunks for these events."""
        chunks: list[bytes] = []
        for event in events:
            if type(event) is Text and event.choice == 0 and self._caption.strict and self._is_open:
                self._count(self._choices[0], event)
                chunks.append(self._text_head + write_json(event.text) + self._text_tail)
            else:
                chunks += self._chunks(event)
        return b"".join(chunks)

    def repeat(self, texts: Sequence[bytes]) -> bytes | None:
        """As ``write``, for more text of the first choice's last block, each piece as JSON without its marks; None,
        and nothing done, where a piece is told in another way."""
        if not (self._caption.strict and self._is_open):
            return None
        text = texts[0]
        if len(texts) == 1 and text.isascii() and b"\\" not in text:
            self._choices[0].length += len(text)
        else:
            self._choices[0].length += sum(map(characters, texts))
            text = self._between_texts.join(texts)
        return b'%b"%b"%b' % (self._text_head, text, self._text_tail)

    def finish(self) -> bytes:
        """The end of a successful stream: finish reasons, usage, ``[DONE]``."""
        chunks: list[bytes] = []
        counts = usage(self._tokens)
        numbers = sorted(self._choices) or [0]
        for number in numbers:
            choice = self._choices.get(number, _Choice())
            chunks += [] if choice.is_open else [self._delta(number, _ROLE)]
            chunks += self._complete_arguments(number, choice)
            chunks += self._free_texts(number, choice)
            reason = finish_reason(choice.stop, has_calls=choice.calls > 0, strict=self._caption.strict)
            body = {"index": number, "delta": {}, "logprobs": None, "finish_reason": reason}
            if not self._caption.strict:
                body |= {name: value for name, value in choice.extras.items() if name not in body}
            last = number == numbers[-1]
            rides = last and counts is not None and not self._caption.include_usage
            chunks.append(self._whole([body], counts if rides else None, last=last))
        if self._caption.include_usage and counts is not None:
            chunks.append(self._whole([], counts, last=False))
        return b"".join(chunks) + _DONE

    def _whole(self, choices: list[dict[str, Any]], counts: dict[str, Any] | None, *, last: bool) -> bytes:
        """A chunk with any choices, and optionally usage."""
        parts = [self._head, b',"choices":', write_json(choices)]
        if last and not self._caption.strict:
            named = {"id", "object", "created", "model", "provider", "choices", "usage"}
            for name, value in self._extras.items():
                if name not in named:
                    parts += [b",", write_json(name), b":", write_json(value)]
        if counts is None:
            parts.append(self._tail)
        else:
            parts += [b',"usage":', write_json(counts), b"}\n\n"]
        return b"".join(parts)

    def _delta(self, number: int, delta: Mapping[str, Any], logprobs: Any = None) -> bytes:
        body = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        return self._head + b',"choices":[' + write_json(body) + b"]" + self._tail

    # Event by event.

    def _chunks(self, event: Event) -> list[bytes]:
        match event:
            case Start():
                self._begin(event)
            case Usage():
                self._tokens = event
            case Fail():
                self.failed = event
            case Extra(name, value, None):
                self._extras[name] = value
            case Extra(name, value):
                self._choices.setdefault(event.choice or 0, _Choice()).extras[name] = value
            case _:
                choice = self._choices.setdefault(event.choice, _Choice())
                opening = [] if choice.is_open else [self._delta(event.choice, _ROLE)]
                choice.is_open = True
                self._is_open = self._is_open or event.choice == 0
                return [*opening, *self._said(event, choice)]
        return []

    def _said(self, event: _Said, choice: _Choice) -> Iterable[bytes]:
        match event:
            case Stop():
                choice.stop = event
            case ToolStart():
                yield from self._tool_start(event, choice)
            case ToolArgs():
                yield from self._tool_arguments(event, choice)
            case Logprobs(content):
                yield self._delta(event.choice, {}, {"content": content, "refusal": None})
            case _:
                delta = self._content(event, choice)
                if delta:
                    yield self._delta(event.choice, delta)

    def _content(self, event: _Content, choice: _Choice) -> dict[str, Any]:
        if isinstance(event, Media | Foreign) and event.block != choice.other_block:
            choice.other_block, choice.others = event.block, choice.others + 1
        match event:
            case Text():
                self._count(choice, event)
                return self._with_block({"content": event.text}, event, {"text": event.text})
            case Thinking():
                return self._thought(event, choice)
            case Refusal():
                return {"refusal": event.text}
            case Media() if event.mime.startswith("audio/"):
                return {"audio": {"id": f"audio_{self._id}", "data": event.data}}
            case Media():
                return {"content_blocks": [{"index": event.block, "delta": block(event)}]}
            case Citation(raw):
                delta = {"annotations": [self._source(event, choice)]} if event.url else {}
                delta |= self._carried(event, choice, choice.length - choice.block_start)
                return self._with_block(delta, event, {"citations": [self._cited(raw, event, choice)]})
            case Foreign(value):
                return self._with_block(self._carried(event, choice, 0), event, value)

    def _carried(self, event: Foreign | Citation, choice: _Choice, length: int) -> dict[str, Any]:
        """For strict clients, the detail that carries a maker's own block or citation."""
        data, owner = carried(event, length) if self._caption.strict else ("", "")
        if not data:
            return {}
        others = choice.others - 1 if isinstance(event, Foreign) else choice.others
        after = place(choice.length - length, choice.calls, others)
        choice.details += 1
        return {"reasoning_details": [reasoning_detail(choice.details - 1, owner, after, data=data)]}

    def _count(self, choice: _Choice, event: Text) -> None:
        if event.block != choice.block:
            choice.block, choice.block_start = event.block, choice.length
        choice.length += len(event.text)

    def _source(self, event: Citation, choice: _Choice) -> dict[str, Any]:
        """A web source with its index: OpenAI's SDK merges the lists of a stream by index."""
        source = {"index": choice.sources, **annotation(event, choice.block_start, choice.length)}
        choice.sources += 1
        return source

    def _cited(self, raw: Mapping[str, Any], event: Citation, choice: _Choice) -> dict[str, Any]:
        """A maker's own citation with its index within its block: OpenAI's SDK merges the lists of a stream by index,
        and refuses objects without one."""
        index = choice.cited.get(event.block, 0)
        choice.cited[event.block] = index + 1
        return {**raw, "index": index}

    def _with_block(
        self, delta: dict[str, Any], event: Text | Thinking | Media | Citation | Foreign, piece: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The delta; for callers that aren't strict, with the piece as Portkey's content block, too."""
        if self._caption.strict:
            return delta
        return {**delta, "content_blocks": [{"index": event.block, "delta": piece}]}

    def _thought(self, event: Thinking, choice: _Choice) -> dict[str, Any]:
        """The delta of a piece of reasoning. With the signature, the whole block is repeated in ``reasoning_details``,
        for the client to send back."""
        if event.block != choice.thought_block:
            choice.thought_block, choice.thought = event.block, []
        delta: dict[str, Any] = {}
        if event.text:
            choice.thought.append(event.text)
            delta["reasoning_content"] = event.text
        if event.signature or event.data:
            text = "".join(choice.thought)
            after = place(choice.length, choice.calls, choice.others)
            fields = {"text": text, "signature": event.signature, "data": event.data}
            detail = reasoning_detail(choice.details, event.owner, after, covers=event.covers, **fields)
            delta["reasoning_details"] = [detail]
            choice.details += 1
            choice.thought = []
        piece = {"thinking": event.text} if event.text else {}
        piece |= {"signature": event.signature} if event.signature else {}
        piece |= {"type": "redacted_thinking", "data": event.data} if event.data else {}
        return self._with_block(delta, event, piece)

    def _tool_start(self, event: ToolStart, choice: _Choice) -> Iterable[bytes]:
        yield from self._complete_arguments(event.choice, choice)
        choice.calls += 1
        own_id = event.id or call_id(self._id, event.choice, event.index)
        if event.custom or stands_for_free_text(event.name, self._caption):
            choice.custom.add(event.index)
            if not event.custom:
                choice.wrapped[event.index] = []
            custom = {"name": event.name, "input": ""}
            yield self._delta(
                event.choice,
                {"tool_calls": [{"index": event.index, "id": own_id, "type": "custom", "custom": custom}]},
            )
            return
        choice.silent.add(event.index)
        beside, inside = tool_signature(event.signature, event.owner, strict=self._caption.strict)
        call = {
            "index": event.index,
            "id": own_id,
            "type": "function",
            "function": {"name": event.name, "arguments": "", **inside},
            **beside,
        }
        yield self._delta(event.choice, {"tool_calls": [call]})

    def _tool_arguments(self, event: ToolArgs, choice: _Choice) -> Iterable[bytes]:
        if event.index in choice.wrapped:
            self._wait(event, choice.wrapped[event.index])
        elif event.json:
            choice.silent.discard(event.index)
            piece = {"custom": {"input": event.json}} if event.index in choice.custom else None
            call = {"index": event.index, **(piece or {"function": {"arguments": event.json}})}
            yield self._delta(event.choice, {"tool_calls": [call]})

    def _wait(self, event: ToolArgs, pieces: list[str]) -> None:
        pieces.append(event.json)
        self._waiting += size_of(event)
        if self._waiting > MOST_WAITING:
            self.failed = Fail("it calls a tool with more text than can be kept", broken=True)

    def _free_texts(self, number: int, choice: _Choice) -> Iterable[bytes]:
        for index, pieces in choice.wrapped.items():
            custom = {"input": free_text("".join(pieces))}
            yield self._delta(number, {"tool_calls": [{"index": index, "custom": custom}]})

    def _complete_arguments(self, number: int, choice: _Choice) -> Iterable[bytes]:
        """The chunks with ``{}`` for calls that ended without arguments: clients parse the arguments as JSON."""
        for index in sorted(choice.silent):
            yield self._delta(number, {"tool_calls": [{"index": index, "function": {"arguments": "{}"}}]})
        choice.silent.clear()
