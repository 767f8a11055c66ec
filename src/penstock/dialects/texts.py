"""The texts of one wire, for guards: where they stand in requests, answers and streams. A member of ``CallerDialect``.

Values in, values out. How the texts are rewritten is the same in every wire (core/segments.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, Final
from zlib import crc32

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import UNREADABLE, read_json_or_none
from penstock.core.operation import Operation
from penstock.core.segments import Delta, Pointer, Segment, SegmentKind, TextKey
from penstock.dialects.framing import sse


class NamePiece(msgspec.Struct, frozen=True):
    """What an event adds to the name of a tool call: ``key`` is that of the call's arguments, ``pointer`` leads to the
    piece in the event's data, ``call`` is the call's id, empty where the event does not tell it."""

    key: TextKey
    pointer: Pointer
    text: str
    call: str = ""


def _no_names(_event: Any) -> tuple[()]:
    return ()


class TextView(msgspec.Struct, frozen=True):
    """One wire's texts.

    ``request_types``: an operation -> Portkey's name of it in this wire (``chatComplete``), for the operations whose
    requests have texts here; ``answered`` are those of the latter whose answers have texts.
    ``request`` and ``answer``: (request type, a decoded body) -> its texts, none for a body of another shape.
    ``deltas``: (request type, an event's decoded data) -> what the event adds to texts; ``closes``: (event name,
    decoded data) -> the slot whose texts end with the event, ``ALL_SLOTS`` for all, None for neither. ``is_end``:
    whether an event (name, data) without texts ends the stream. ``results_event``: ``hook_results`` as JSON -> an event
    that tells them. ``may_skip``: an event whose texts all wait may be left out; else it goes on without them.
    ``end_mark``: bytes that each event which ends the stream holds, None where no event ends it.
    """

    request_types: Mapping[Operation, str]
    answered: frozenset[str]
    request: Callable[[str, Any], Iterable[Segment]]
    answer: Callable[[str, Any], Iterable[Segment]]
    deltas: Callable[[str, Any], Iterable[Delta]]
    closes: Callable[[bytes, Any], int | None]
    is_end: Callable[[bytes, bytes], bool]
    results_event: Callable[[bytes], bytes]
    may_skip: bool = True
    end_mark: bytes | None = b""
    text_members: Mapping[str, Callable[[Iterable[str]], list[str]]] = {}
    """Request type -> which members of a request hold all texts. A type without them is read whole."""
    read_plain_chat: Callable[[Body], PlainTexts | None] | None = None
    """Reads the body of a chat whose messages are plain faster than ``request``; None for any other body."""
    read_plain_answer: Callable[[bytes], str | None] | None = None
    """Reads the one text of an answer to a chat that has nothing else which ``answer`` reads; None for any other
    answer."""
    calls_are_texts: bool = False
    """Whether the arguments of a tool call are a text of JSON in plain answers, too, and no value."""
    name_pieces: Callable[[Any], Iterable[NamePiece]] = _no_names
    """An event's decoded data -> what it adds to names of tool calls, in a wire that may tell one over several
    events."""
    said_in_events: Mapping[str, frozenset[str]] = {}
    """A member of an event -> the members in it that tell the answer: what stands beside them repeats the request."""
    results_first: bool = True
    """Whether an event with results may begin a stream; else it follows the first event, which clients wait for."""
    kept: Mapping[str, Callable[[str, Any], Iterable[Segment]]] = {}
    """What providers keep for their callers (``threads``) -> (request type, a decoded body that is to be kept) -> its
    texts."""

    def with_results(self, results: bytes, events: bytes) -> bytes:
        """The beginning of a stream, with the event that tells results, as JSON."""
        first = b"" if self.results_first else next(sse.blocks(events), b"")
        return first + self.results_event(results) + events[len(first) :]


class _PlainMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: str
    content: str


_decode_plain: Final = msgspec.json.Decoder(list[_PlainMessage]).decode
_content: Final = attrgetter("content")


class PlainTexts(msgspec.Struct, frozen=True, dict=True):
    """The texts of ``messages`` that have a role, a text and nothing else. ``kinds``: a role -> the kind of its texts,
    where it is not plain text."""

    messages: list[_PlainMessage]
    kinds: Mapping[str, SegmentKind]

    @property
    def members(self) -> int:
        """How many members all messages have."""
        return 2 * len(self.messages)

    def text(self, *, of_last: bool) -> str:
        """The texts, or the last one of them: one on a line of its own, without empty ones."""
        messages = self.messages
        if of_last:
            return messages[-1].content if messages else ""
        return "\n".join(filter(None, map(_content, messages)))

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        kinds, text = self.kinds, SegmentKind.TEXT
        return tuple(
            [
                Segment(("messages", index, "content"), each.content, each.role, kinds.get(each.role, text), index)
                for index, each in enumerate(self.messages)
            ]
        )


def plain_messages(members: frozenset[str], kinds: Mapping[str, SegmentKind], body: Body) -> PlainTexts | None:
    """The texts of a body whose ``messages`` are plain, and which has no other members than ``members``; None for any
    other body."""
    if not members.issuperset(body.members):
        return None
    try:
        return PlainTexts(_decode_plain(body.members.get("messages", b"")), kinds)
    except UNREADABLE:
        return None


def listed(value: Any) -> list[Any]:
    """A list; nothing for any other value."""
    return value if isinstance(value, list) else []


def member(value: Any, name: str) -> Any:
    """A member of an object; None for any other value."""
    return value.get(name) if isinstance(value, dict) else None


def is_of_type(kind: bytes, name: bytes, data: bytes) -> bool:
    """Whether an event of a name, with these data, is of a kind: by its member ``type``, else by its name. The kind may
    stand anywhere in other events' data: tools have any name."""
    if name != kind and kind not in data:
        return False
    named = member(read_json_or_none(data), "type")
    return named.encode("utf-8", "replace") == kind if isinstance(named, str) else name == kind


def number_of_name(name: str) -> int:
    """A number for a member's name, by which the pieces of its text are told from those of others (``TextKey``)."""
    return crc32(name.encode("utf-8", "replace"))


def leaves(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Every string inside a value, with its place: the arguments of a tool call, say."""
    left: list[tuple[Pointer, Any]] = [(pointer, value)]
    while left:
        at, each = left.pop()
        if isinstance(each, str):
            yield at, each
        elif isinstance(each, dict):
            left.extend((*reversed([((*at, name), inner) for name, inner in each.items()]),))
        elif isinstance(each, list):
            left.extend((*reversed([((*at, index), inner) for index, inner in enumerate(each)]),))


def document_texts(part: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """The texts of a document of Anthropic's, as other wires have it, too: Claude gets it as it is. Texts in base64 are
    read elsewhere (encoded_texts.py)."""
    source = member(part, "source")
    if not isinstance(source, dict):
        return
    for name in ("title", "context"):
        yield from leaves(part.get(name), (*at, name))
    kind = source.get("type")
    if kind == "text":
        yield from leaves(source.get("data"), (*at, "source", "data"))
    elif kind == "content":
        for place, text in leaves(source.get("content"), (*at, "source", "content")):
            if place[-1] in {"text", "content"}:
                yield place, text


def input_texts(operation: Operation, names: tuple[str, ...]) -> TextView:
    """The view of an operation's inputs, which stand in members of these names. Its answers have no texts."""
    return TextView(
        {operation: operation.request_type},
        frozenset(),
        partial(_inputs_of, names),
        _nothing,
        _nothing,
        _no_slot,
        _no_end,
        bytes,
    )


def _inputs_of(names: tuple[str, ...], _kind: str, body: Any) -> Iterator[Segment]:
    for name in names:
        yield from inputs(member(body, name), (name,))


def _nothing(_kind: str, _body: Any) -> tuple[()]:
    return ()


def _no_slot(_name: bytes, _event: Any) -> int | None:
    return None


def _no_end(_name: bytes, _data: bytes) -> bool:
    return False


NO_TEXTS: Final = TextView({}, frozenset(), _nothing, _nothing, _nothing, _no_slot, _no_end, bytes)
"""The view of what has no texts that a guard can read."""


def inputs(value: Any, pointer: Pointer) -> Iterator[Segment]:
    """The texts of an input: one text, or a list of texts, of parts with a text, and of lists of these. Lists of tokens
    are no text."""
    if isinstance(value, str):
        yield Segment(pointer, value, "user", SegmentKind.INPUT)
    for index, each in enumerate(listed(value)):
        for place, text in leaves(each, (*pointer, index)):
            if not isinstance(each, dict) or place[-1] == "text":
                yield Segment(place, text, "user", SegmentKind.INPUT)
