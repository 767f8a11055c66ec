"""Reads the content of one choice in OpenAI's shape, a whole message or a delta of it, as events (core/events.py).

Source: OpenAI API reference, "The chat completion chunk object". Replies and their ends: reply.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.events import (
    Citation,
    Event,
    Extra,
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
from penstock.dialects.function_names import LONGEST_IN_PIECES, with_piece

_IN_DELTA: Final = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "annotations"}
    | {"images", "audio"}
)
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})


class ChoiceState(msgspec.Struct):
    """The state of one choice of a reply.

    ``block`` and ``kind`` are the number and the kind of the last content block. ``ids`` and ``names`` are those of the
    tool calls by our index; ``by_host_index`` and ``by_id`` are our indexes by the host's index and by the id.
    ``is_whole``: the choice is no piece of a stream, so that each item of its list of calls is a call. ``unnamed`` is
    our index of the call that is told when its name is whole, None for none. ``functions`` are the names that the
    request offers, as far as they are known.
    """

    block: int = -1
    kind: type[Event] | None = None
    ids: list[str] = msgspec.field(default_factory=list)
    names: list[str] = msgspec.field(default_factory=list)
    by_host_index: dict[int, int] = msgspec.field(default_factory=dict)
    by_id: dict[str, int] = msgspec.field(default_factory=dict)
    is_finished: bool = False
    is_whole: bool = False
    unnamed: int | None = None
    functions: tuple[str, ...] = ()

    def block_of(self, kind: type[Event]) -> int:
        """The number of the block for a piece of this kind: a piece of another kind begins a new block."""
        if kind is not self.kind:
            self.kind = kind
            self.block += 1
        return self.block


def said(delta: Mapping[str, Any], number: int, state: ChoiceState) -> Iterator[Event]:
    """The events of one delta, or of a whole message, of the choice ``number``."""
    if state.unnamed is not None and any(delta.get(name) for name in _BESIDE_CALLS):
        yield from named(number, state)
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    if thought and isinstance(thought, str):
        yield Thinking(thought, choice=number, block=state.block_of(Thinking))
    content = delta.get("content")
    if content and isinstance(content, str):
        yield Text(content, number, state.block_of(Text))
    elif content:
        for part in json_text.mappings(content):
            yield from _part(part, number, state)
    if not _PLAIN.issuperset(delta):
        yield from _said_besides(delta, number, state)


_PLAIN: Final = frozenset({"role", "content", "reasoning_content", "reasoning"})
_BESIDE_CALLS: Final = ("content", "reasoning_content", "reasoning", "refusal", "images", "audio")
"""What a name in pieces doesn't go on behind."""


def _said_besides(delta: Mapping[str, Any], number: int, state: ChoiceState) -> Iterator[Event]:
    """The events of the delta's rare members."""
    refusal = json_text.text(delta, "refusal")
    if refusal:
        yield Refusal(refusal, number)
    for image in json_text.mappings(delta.get("images")):
        yield from _part(image, number, state)
    sound = delta.get("audio")
    if isinstance(sound, dict):
        yield from _sound(sound, number, state)
    for annotation in json_text.mappings(delta.get("annotations")):
        yield _citation(annotation, number, max(state.block, 0))
    listed: set[str] = set()
    for call in json_text.mappings(delta.get("tool_calls")):
        yield from _call(call, number, state, listed)
    legacy = delta.get("function_call")
    if isinstance(legacy, dict) and any(legacy.values()):
        yield from _call({"index": 0, "function": legacy}, number, state, listed)
    yield from extras(delta, _IN_DELTA, number)


def _part(part: Mapping[str, Any], number: int, state: ChoiceState) -> Iterator[Event]:
    """The events of one part of a list content: text, thinking (Mistral's is a list of texts), an image, other
    parts."""
    kind, image = part.get("type"), part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if kind == "text":
        text = json_text.text(part, "text")
        if text:
            yield Text(text, number, state.block_of(Text))
    elif kind == "thinking":
        thinking = part.get("thinking")
        text = (
            thinking
            if isinstance(thinking, str)
            else "".join(json_text.text(each, "text") for each in json_text.mappings(thinking))
        )
        if text:
            yield Thinking(text, choice=number, block=state.block_of(Thinking))
    elif isinstance(url, str) and url:
        yield _image(url, number, state.block_of(Media))
    else:
        yield Foreign(part, number, state.block_of(Foreign))


def _image(url: str, number: int, block: int) -> Media:
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Media(head[len("data:") : -len(";base64")], data, choice=number, block=block)
    return Media("image/*", url=url, choice=number, block=block)


def _sound(sound: Mapping[str, Any], number: int, state: ChoiceState) -> Iterator[Event]:
    """The events of OpenAI's member ``audio``: its ``data`` comes in pieces; the request chose the format. Other
    members of ``audio`` are kept unchanged."""
    data = json_text.text(sound, "data")
    if data:
        yield Media("audio/*", data, choice=number, block=state.block_of(Media))
    others = {name: value for name, value in sound.items() if value and name != "data"}
    if others:
        yield Extra("audio", others, number)


def _citation(annotation: Mapping[str, Any], number: int, block: int) -> Citation:
    source = annotation.get("url_citation")
    source = source if isinstance(source, dict) else {}
    start, end = json_text.integer(source, "start_index"), json_text.integer(source, "end_index")
    return Citation(
        annotation, json_text.text(source, "url"), json_text.text(source, "title"), start, end, number, block
    )


def source_of_reply(source: Any, block: int) -> Citation | None:
    """A source that stands beside the choices, an address or an object with one, of a block of the first choice."""
    members = {"url": source} if isinstance(source, str) else source
    url = json_text.text(members, "url") if isinstance(members, dict) else ""
    if not url.startswith(_ADDRESSES):
        return None
    title = json_text.text(members, "title")
    return Citation({"type": "url_citation", "url_citation": {"url": url, "title": title}}, url, title, block=block)


_ADDRESSES: Final = ("https://", "http://")


def _call(call: Mapping[str, Any], number: int, state: ChoiceState, listed: set[str]) -> Iterator[Event]:
    """The events of a tool call or a piece of a tool call. Only one piece has an id, mostly the first; in later pieces
    it is absent or empty (docs/quirks.md#q2, #q91). So is the name, unless it comes in pieces: the call is told when it
    has an id and the whole name of a function, or when something else follows. ``listed`` are the ids of the items
    before it in its list: some hosts give all calls of a turn one id (docs/quirks.md#repeated-call-ids)."""
    members = call.get("function") or call.get("custom")
    function = members if isinstance(members, dict) else {}
    call_id, name = json_text.text(call, "id"), json_text.text(function, "name")
    host_index = json_text.integer(call, "index")
    is_next = (state.is_whole and bool(name)) or (host_index is None and call_id in listed)
    at = None if is_next else _known(host_index, call_id, name, state)
    if call_id:
        listed.add(call_id)
    if state.unnamed is not None and at != state.unnamed:
        yield from named(number, state)
    if at is None:
        at = state.unnamed = len(state.ids)
        state.ids.append(call_id)
        state.names.append(name)
        state.by_id[call_id] = at
    elif at == state.unnamed:
        _go_on(at, call_id, name, state)
    if host_index is not None:
        state.by_host_index[host_index] = at
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, dict):
        arguments = write_json(arguments).decode()
    piece = arguments if isinstance(arguments, str) else ""
    if state.unnamed is not None and (piece or state.is_whole or _is_known(at, state)):
        yield from named(number, state)
    if piece:
        yield ToolArgs(piece, at, number)


def _go_on(at: int, call_id: str, name: str, state: ChoiceState) -> None:
    """Add a piece's id and name to those of the call that isn't told yet."""
    if name:
        state.names[at] = with_piece(state.names[at], name)
    if call_id and not state.ids[at]:
        state.ids[at] = call_id
        state.by_id[call_id] = at


def _is_known(at: int, state: ChoiceState) -> bool:
    """Whether nothing can follow that changes how a call begins: its name is that of a function, and the beginning of
    no other's, or is longer than any."""
    name = state.names[at]
    if len(name) > LONGEST_IN_PIECES:
        return True
    is_whole = bool(name and state.ids[at]) and name in state.functions
    return is_whole and not any(other != name and other.startswith(name) for other in state.functions)


def named(number: int, state: ChoiceState) -> Iterator[Event]:
    """The beginning of the call whose name is whole now, if one waits for it."""
    at = state.unnamed
    if at is not None:
        state.unnamed = None
        yield ToolStart(at, state.names[at], state.ids[at], choice=number)


def _known(host_index: int | None, call_id: str, name: str, state: ChoiceState) -> int | None:
    """Our index of the call that a piece continues; None when the piece begins a call. Some hosts send no index or a
    wrong index (docs/quirks.md#q97): then a new id begins a call, or another name under it, or a name if there is no
    id."""
    if host_index is not None:
        at = state.by_host_index.get(host_index)
        is_other = at is not None and name and call_id and state.ids[at] not in ("", call_id)
        return None if is_other else at
    if call_id:
        at = state.by_id.get(call_id)
        is_other = at is not None and name and state.names[at] not in ("", name)
        return None if is_other else at
    return None if name or not state.ids else len(state.ids) - 1


def logprobs(logprobs: Any, number: int) -> list[Event]:
    content = tuple(json_text.mappings(logprobs.get("content"))) if isinstance(logprobs, dict) else ()
    return [Logprobs(content, number)] if content else []


def extras(value: Mapping[str, Any], documented: frozenset[str], number: int | None = None) -> list[Event]:
    """The members that OpenAI doesn't document, without null and empty values."""
    return [
        Extra(name, each, number) for name, each in value.items() if name not in documented and each not in _NOTHING
    ]
