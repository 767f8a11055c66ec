"""The output items of a response, as they are told: event by event, or whole.

A call has two ids: that of its item, and ``call_id``, by which its result answers it. Summaries of thoughts are texts
of their own, joined by an empty line. Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import Owner
from penstock.core.events import (
    Citation,
    Event,
    Foreign,
    Logprobs,
    Media,
    Refusal,
    Text,
    Thinking,
    ToolArgs,
    ToolStart,
)
from penstock.core.json_text import write_json

_CALLS: Final[Mapping[str, str]] = {"function_call": "arguments", "custom_tool_call": "input"}
"""The items that are calls of the caller's tools, and the member with what they are called with."""
_BETWEEN: Final = "\n\n"
_MOST_ITEMS: Final = 4096
"""Items of one response that are read."""


class _Item(msgspec.Struct):
    """One item as far as it is told. ``call`` is the index of a call, -1 for any other item."""

    call: int = -1
    has_arguments: bool = False
    is_done: bool = False
    thinks: int = -1
    """The number of the block of its thought, -1 before it begins."""
    summaries: int = -1
    """The number of the last summary that was told."""
    texts: dict[int, tuple[int, int]] = msgspec.field(default_factory=dict)
    """By the number of a part: its block, and the characters of the answer before it."""
    told: set[int] = msgspec.field(default_factory=set)
    """The parts whose text was told in pieces."""
    scored: bool = False
    """Whether log probabilities came with the pieces."""
    cited: int = 0


class Output:
    """Reads the items of one response. ``readers`` are the readers of events by their type; ``is_refused``: the model
    declined to answer."""

    def __init__(self) -> None:
        self.is_refused = False
        self.ended: set[str] = set()
        """The ids of items whose end was told: some hosts count them otherwise in the whole response."""
        self._items: dict[int, _Item] = {}
        self._blocks = self._calls = self._length = 0
        self.readers: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Event]]] = {
            "response.output_text.delta": self._text,
            "response.output_text.done": self._text_done,
            "response.output_text.annotation.added": self._annotation,
            "response.refusal.delta": self._refusal,
            "response.refusal.done": self._refusal_done,
            "response.reasoning_summary_text.delta": self._summary,
            "response.reasoning_text.delta": self._thought,
            "response.function_call_arguments.delta": self._arguments,
            "response.function_call_arguments.done": self._arguments_done,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.custom_tool_call_input.done": self._arguments_done,
            "response.output_item.added": self._added,
            "response.output_item.done": self._done,
        }

    def _item(self, value: Mapping[str, Any]) -> _Item:
        return self._at(json_text.integer(value, "output_index") or 0)

    def _at(self, number: int) -> _Item:
        item = self._items.get(number)
        if item is None:
            item = _Item()
            if len(self._items) < _MOST_ITEMS:
                self._items[number] = item
        return item

    def _new_block(self) -> int:
        self._blocks += 1
        return self._blocks - 1

    # Texts.

    def _part(self, item: _Item, value: Mapping[str, Any]) -> tuple[int, int]:
        """The number of a text's part, and that of its block."""
        number = json_text.integer(value, "content_index") or 0
        known = item.texts.get(number)
        if known is None:
            known = item.texts[number] = (self._new_block(), self._length)
        return number, known[0]

    def _text(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item, text = self._item(value), json_text.text(value, "delta")
        number, block = self._part(item, value)
        self._length += len(text)
        if text:
            item.told.add(number)
            yield Text(text, 0, block)
        scores = json_text.mappings(value.get("logprobs"))
        if scores:
            item.scored = True
            yield Logprobs(tuple(scores))

    def _text_done(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item = self._item(value)
        number, _ = self._part(item, value)
        scores = [] if item.scored else json_text.mappings(value.get("logprobs"))
        if number not in item.told:
            yield from self._text({**value, "delta": value.get("text"), "logprobs": None})
        if scores:
            item.scored = True
            yield Logprobs(tuple(scores))

    def _annotation(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item = self._item(value)
        number, _ = self._part(item, value)
        item.cited += 1
        yield self._citation(json_text.mapping(value, "annotation"), item, number)

    def _citation(self, source: Mapping[str, Any], item: _Item, number: int) -> Citation:
        """A source. Its place counts the characters of its part; here it counts those of the whole answer."""
        block, before = item.texts[number]
        start, end = json_text.integer(source, "start_index"), json_text.integer(source, "end_index")
        return Citation(
            source,
            json_text.text(source, "url"),
            json_text.text(source, "title"),
            None if start is None else before + start,
            None if end is None else before + end,
            0,
            block,
        )

    def _refusal(self, value: Mapping[str, Any]) -> Iterator[Event]:
        self.is_refused = True
        text = json_text.text(value, "delta")
        if text:
            self._item(value).told.add(json_text.integer(value, "content_index") or 0)
            yield Refusal(text)

    def _refusal_done(self, value: Mapping[str, Any]) -> Iterator[Event]:
        if (json_text.integer(value, "content_index") or 0) not in self._item(value).told:
            yield from self._refusal({**value, "delta": value.get("refusal")})

    # Thoughts.

    def _block_of(self, item: _Item) -> int:
        if item.thinks < 0:
            item.thinks = self._new_block()
        return item.thinks

    def _summary(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item, number = self._item(value), json_text.integer(value, "summary_index") or 0
        block, text = self._block_of(item), json_text.text(value, "delta")
        if 0 <= item.summaries < number:
            text = _BETWEEN + text
        item.summaries = max(item.summaries, number)
        if text:
            yield Thinking(text, block=block)

    def _thought(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item = self._item(value)
        item.summaries = max(item.summaries, 0)
        text = json_text.text(value, "delta")
        if text:
            yield Thinking(text, block=self._block_of(item))

    # Calls.

    def _begun(self, number: int, value: Mapping[str, Any]) -> Iterator[Event]:
        """A call begins, unless it has."""
        item, kind = self._at(number), json_text.text(value, "type")
        if item.call < 0:
            item.call = self._calls
            self._calls += 1
            call_id = json_text.text(value, "call_id") or json_text.text(value, "id")
            name = json_text.text(value, "name")
            yield ToolStart(item.call, name, call_id, custom=kind == "custom_tool_call")

    def _arguments(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item, piece = self._item(value), json_text.text(value, "delta")
        if item.call >= 0 and piece:
            item.has_arguments = True
            yield ToolArgs(piece, item.call)

    def _arguments_done(self, value: Mapping[str, Any]) -> Iterator[Event]:
        if not self._item(value).has_arguments:
            yield from self._arguments({**value, "delta": value.get("arguments", value.get("input"))})

    # Items.

    def _added(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item = json_text.mapping(value, "item")
        if json_text.text(item, "type") in _CALLS:
            yield from self._begun(json_text.integer(value, "output_index") or 0, item)

    def _done(self, value: Mapping[str, Any]) -> Iterator[Event]:
        item = json_text.mapping(value, "item")
        yield from self.whole(json_text.integer(value, "output_index") or 0, item)
        if len(self.ended) < _MOST_ITEMS:
            self.ended.add(json_text.text(item, "id"))

    def whole(self, number: int, value: Mapping[str, Any]) -> Iterator[Event]:
        """What an ended item says that wasn't told before."""
        item, kind = self._at(number), json_text.text(value, "type")
        if item.is_done:
            return
        item.is_done = True
        match kind:
            case "message":
                yield from self._message(number, value)
            case "reasoning":
                yield from self._reasoning(number, value)
            case "function_call" | "custom_tool_call":
                yield from self._begun(number, value)
                yield from self._called(item, value.get(_CALLS[kind]))
            case "image_generation_call":
                data = json_text.text(value, "result")
                form = json_text.text(value, "output_format") or "png"
                if data:
                    yield Media(f"image/{form}", data, block=self._new_block())
            case _:
                if kind:
                    yield Foreign(value, 0, self._new_block(), Owner.OPENAI)

    def _called(self, item: _Item, arguments: Any) -> Iterator[Event]:
        if arguments and not item.has_arguments:
            text = arguments if isinstance(arguments, str) else write_json(arguments).decode("utf-8", "surrogatepass")
            item.has_arguments = True
            yield ToolArgs(text, item.call)

    def _message(self, number: int, value: Mapping[str, Any]) -> Iterator[Event]:
        item, place = self._at(number), {"output_index": number}
        parts = json_text.mappings(value.get("content"))
        if item.told:
            yield from self._beside(item, parts)
            return
        for index, part in enumerate(parts):
            at = {**place, "content_index": index}
            if part.get("type") == "refusal":
                yield from self._refusal({**at, "delta": part.get("refusal")})
            elif isinstance(part.get("text"), str):
                yield from self._text({**at, "delta": part["text"], "logprobs": part.get("logprobs")})
                for source in json_text.mappings(part.get("annotations")):
                    yield self._citation(source, item, index)

    def _beside(self, item: _Item, parts: list[dict[str, Any]]) -> Iterator[Event]:
        """Scores and sources of texts that were told in pieces, where they come with the whole item alone. Some hosts
        count the parts of a stream from another number than those of the whole item."""
        texts = [part for part in parts if isinstance(part.get("text"), str)]
        is_scored, is_cited = item.scored, item.cited > 0
        for number, part in zip(sorted(item.texts), texts, strict=False):
            scores = [] if is_scored else json_text.mappings(part.get("logprobs"))
            if scores:
                item.scored = True
                yield Logprobs(tuple(scores))
            for source in [] if is_cited else json_text.mappings(part.get("annotations")):
                yield self._citation(source, item, number)

    def _reasoning(self, number: int, value: Mapping[str, Any]) -> Iterator[Event]:
        item, place = self._at(number), {"output_index": number}
        if item.summaries < 0:
            for index, part in enumerate(json_text.mappings(value.get("summary"))):
                yield from self._summary({**place, "summary_index": index, "delta": part.get("text")})
        if item.summaries < 0:
            for part in json_text.mappings(value.get("content")):
                yield from self._thought({**place, "delta": part.get("text")})
        data = json_text.text(value, "encrypted_content")
        if data:
            yield Thinking(data=data, owner=Owner.OPENAI, block=self._block_of(item))
