"""Normalizes one choice of a stream: the state of the choice so far, and the rules for its deltas.

The OpenAI SDK decides what a deviation is: it adds up deltas, so a repeated role or call id reads twice over, and a
call without index raises an exception. Chunks and streams: normalize_stream.py.
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.finish_reasons import STOP, openai_reason
from penstock.dialects.function_names import LONGEST_IN_PIECES, with_piece
from penstock.dialects.openai.relay.normalize_rules import (
    Members,
    arguments_text,
    call_kind,
    calls,
    content_list,
    invented_id,
    logprobs,
    reason,
    stand_in,
    without_nulls,
)

_ROLES: Final = frozenset({"developer", "system", "user", "assistant", "tool"})

_LISTS: Final = ("annotations", "images", "reasoning_details", "content_blocks")


class StreamedCall(msgspec.Struct):
    """A tool call that has begun; what OpenAI calls a custom one has no arguments and wants none."""

    id: str
    name: str
    has_arguments: bool = False

    def go_on(self, piece: str) -> None:
        """More of the name, if any: a later delta may repeat the whole of it."""
        if piece and len(self.name) <= LONGEST_IN_PIECES:
            self.name = with_piece(self.name, piece)


class ToolCalls(msgspec.Struct):
    """The tool calls of a choice. ``places`` are the positions of those that have ``begun`` by the provider's index,
    ``by_id`` by the id that each began with, ``silent`` those of the calls without arguments so far."""

    begun: list[StreamedCall] = msgspec.field(default_factory=list)
    places: dict[int, int] = msgspec.field(default_factory=dict)
    by_id: dict[str, int] = msgspec.field(default_factory=dict)
    silent: dict[int, None] = msgspec.field(default_factory=dict)
    open: dict[int, None] = msgspec.field(default_factory=dict)
    """The provider's indexes under which a call has arguments and may get more, without being told a new index."""

    def normalize(self, call: Members, chunk: Members, index: int, listed: set[str]) -> bool:
        """A piece of a tool call: with a dense index (docs/quirks.md#q97), with what names the call at its beginning
        and only there. ``listed`` are the ids of the items before it in its list."""
        changed = without_nulls(call, ("id", "type", "function"))  # docs/quirks.md#q91
        call_function = call.get("function")
        function = call_function if isinstance(call_function, dict) else {}
        changed |= without_nulls(function, ("name", "arguments"))
        changed |= arguments_text(function)
        place = self._place(call, function, listed)
        if type(call.get("index")) is not int or call["index"] != place:
            call["index"] = place
            changed = True
        if place == len(self.begun):
            changed |= _normalize_start(call, function, invented_id(chunk, index, place))
            self._begin(call, function, place)
        else:
            changed |= _without_names(call, function, self.begun[place])
            self.begun[place].go_on(_string(function, "name"))
        if function.get("arguments"):
            self.begun[place].has_arguments = True
            self.silent.pop(place, None)
        self._open(place)
        return changed

    def without_arguments(self) -> list[Members]:
        """The pieces that give arguments, none, to the calls that had none so far."""
        pieces: list[Members] = [{"index": place, "function": {"arguments": "{}"}} for place in self.silent]
        for place in self.silent:
            self.begun[place].has_arguments = True
        self.silent.clear()
        return pieces

    def _open(self, place: int) -> None:
        if self.places.get(place) == place and self.begun[place].has_arguments:
            self.open[place] = None
        else:
            self.open.pop(place, None)

    def _begin(self, call: Members, function: Members, place: int) -> None:
        begun = StreamedCall(call["id"], _string(function, "name"), call.get("type") == "custom")
        self.begun.append(begun)
        self.by_id[begun.id] = place
        if not begun.has_arguments:
            self.silent[place] = None

    def _place(self, call: Members, function: Members, listed: set[str]) -> int:
        """Which call a piece belongs to. Without an index (docs/quirks.md#q97) its id tells, unless an item before it
        in its list has the id, too, or a call of another name (docs/quirks.md#repeated-call-ids); or else a name begins
        a new one. Gemini's parallel calls all have index 0, but names and ids of their own."""
        index, call_id, name = call.get("index"), _string(call, "id"), _string(function, "name")
        new = len(self.begun)
        if type(index) is int:
            place = self.places.get(index)
            if place is None or (name and call_id and self.begun[place].id != call_id):
                place = self.places[index] = new
                self.open.pop(index, None)
            return place
        if call_id:
            place = new if call_id in listed else self.by_id.get(call_id, new)
            listed.add(call_id)
            is_other = place < new and name and self.begun[place].name not in ("", name)
            return new if is_other else place
        return new if name or not new else new - 1


class Choice(msgspec.Struct):
    """``calls`` are its tool calls, None for a choice without any. ``reason`` is why the choice ended.
    ``is_told_in_deltas``: a chunk had a ``delta``, so that a ``message`` in a later one repeats the answer."""

    calls: ToolCalls | None = None
    listed: dict[str, int] | None = None
    """The counts of items that came in the delta's other lists."""
    reason: str | None = None
    has_begun: bool = False
    is_told_in_deltas: bool = False

    def normalize(self, choice: Members, chunk: Members) -> bool:
        """Normalize the choice of a chunk in place; whether anything deviated."""
        changed = self._normalize_place(choice)
        delta, index = choice["delta"], choice["index"]
        changed |= without_nulls(delta, ("role", "tool_calls", "function_call"))
        changed |= self._normalize_role(delta)
        changed |= content_list(delta)
        changed |= self._number_items(delta)
        listed: set[str] = set()
        for call in calls(delta):
            self.calls = self.calls or ToolCalls()
            changed |= self.calls.normalize(call, chunk, index, listed)
        changed |= self._normalize_reason(choice)
        changed |= logprobs(choice)
        return changed

    def ending(self, index: int) -> Members:
        """The choice as it stands in a last chunk when the provider never said that it ended (docs/quirks.md#q96)."""
        delta: Members = {}
        self._complete_arguments(delta)
        self.reason = openai_reason(STOP, has_calls=self.calls is not None)
        return {"index": index, "delta": delta, "finish_reason": self.reason}

    def _normalize_place(self, choice: Members) -> bool:
        """The delta is an object: Azure's filter results come without one (docs/quirks.md#q90), and some hosts put a
        ``message`` in its place."""
        if isinstance(choice.get("delta"), dict):
            self.is_told_in_deltas = True
            return False
        if self.is_told_in_deltas:
            choice["delta"] = {}
            return True
        return stand_in(choice, "delta", "message")

    def _normalize_role(self, delta: Members) -> bool:
        """Once, at the beginning: clients add up what they get (docs/quirks.md#q104; #q85 and #q97 have none)."""
        if self.has_begun:
            role = delta.pop("role", None)
            return role is not None
        self.has_begun = True
        if _string(delta, "role") in _ROLES:
            return False
        delta["role"] = "assistant"
        return True

    def _number_items(self, delta: Members) -> bool:
        """A list that goes on a list of earlier chunks has items with an index: clients merge by it."""
        changed = False
        for name in _LISTS:
            items = delta.get(name)
            if not isinstance(items, list):
                continue
            self.listed = self.listed or {}
            before = self.listed.get(name, 0)
            self.listed[name] = before + len(items)
            for number, item in enumerate(items, before):
                if before and isinstance(item, dict) and type(item.get("index")) is not int:
                    item["index"] = number
                    changed = True
        return changed

    def _normalize_reason(self, choice: Members) -> bool:
        """Null until the end (docs/quirks.md#q96, #q105), then one of OpenAI's words (docs/quirks.md#q94, #q95), once
        (docs/quirks.md#q87: clients add up words, too)."""
        finish_reason = choice.get("finish_reason")
        word = reason(finish_reason, has_calls=self.calls is not None)
        if word is None or word == self.reason:
            changed = finish_reason is not None or "finish_reason" not in choice
            choice["finish_reason"] = None
            return changed
        self.reason = word
        changed = self._complete_arguments(choice["delta"])
        if finish_reason == "eos_token":
            changed |= _without_stop_token(choice["delta"])
        if finish_reason != word:
            choice["finish_reason"] = word
            changed = True
        return changed

    def _complete_arguments(self, delta: Members) -> bool:
        """Calls that ended without any argument have none (docs/quirks.md#q88): clients read their arguments as
        JSON."""
        if self.calls is None or not self.calls.silent:
            return False
        delta["tool_calls"] = [*calls(delta), *self.calls.without_arguments()]
        return True


def _normalize_start(call: Members, function: Members, new_id: str) -> bool:
    changed = call_kind(call)
    if not _string(call, "id"):
        call["id"] = new_id
        changed = True
    if function and "arguments" not in function:
        function["arguments"] = ""
        changed = True
    return changed


def _without_names(call: Members, function: Members, known: StreamedCall) -> bool:
    """Take out what a call was named before."""
    repeats = [(call, "id")] if _string(call, "id") else []
    repeats += [(function, "name")] if known.name and _string(function, "name") == known.name else []
    for members, name in repeats:
        del members[name]
    return bool(repeats)


def _without_stop_token(delta: Members) -> bool:
    """What TGI says last is the token that ended the text (docs/quirks.md#q94), unlike others, whose last
    chunk has text (docs/quirks.md#q101)."""
    content = _string(delta, "content")
    if not (content.startswith("<") and content.endswith(">")):
        return False
    delta["content"] = ""
    return True


def _string(members: Members, name: str) -> str:
    found = members.get(name)
    return found if isinstance(found, str) else ""
