"""The texts of a request or an answer, each with its place: what guards read and rewrite, whatever the wire is.

A ``pointer`` leads from the top of a JSON document to one string: ``("messages", 0, "content")``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from penstock.core.json_text import UNREADABLE, read_json, write_json

Pointer = tuple[str | int, ...]


class SegmentKind(Enum):
    """What a text is. The values are the names in the ``kinds`` of a guard."""

    TEXT = "text"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    REASONING = "reasoning"
    REFUSAL = "refusal"
    SYSTEM = "system"
    INPUT = "input"
    """The input of an operation without messages: a prompt, a query, documents."""
    OTHER = "other"
    """What a model reads beside these: what tools are, how an answer must look, names, titles."""


class Segment(msgspec.Struct, frozen=True):
    """One text. ``message`` is the index of its message, -1 beside all messages; ``role`` is the message's role;
    ``choice`` the index of its choice in an answer. ``is_plain``: it is what Portkey's checks read of its message or
    its choice; reasoning, refusals, tool calls and what stands inside other blocks is not."""

    pointer: Pointer
    text: str
    role: str = ""
    kind: SegmentKind = SegmentKind.TEXT
    message: int = 0
    choice: int = 0
    is_plain: bool = True
    base64_behind: str | None = None
    """What stands before the text where it is in base64 (core/encoded_text.py); None for a text that stands as it
    is."""
    is_fixed: bool = False
    """It is judged and never changed: names of tools and members, a line for each, below the place."""


TextKey = tuple[SegmentKind, int, int]
"""Which text of a streamed answer: its kind, its slot (what ends together), and its index in the slot."""
ALL_SLOTS = -1
"""The end of every text of a stream."""


class Delta(msgspec.Struct, frozen=True):
    """What one event of a stream adds to a text: ``pointer`` leads to it in the event's data. ``is_whole``: the text is
    all there, begins and ends with the event, and continues no other text of its key. ``is_growing``: it is whole so
    far, and a later event tells it again, longer."""

    key: TextKey
    pointer: Pointer
    text: str
    choice: int = 0
    is_plain: bool = True
    is_whole: bool = False
    is_growing: bool = False


_NOWHERE = ValueError("a pointer that leads nowhere")
_Tree = dict[str | int, "_Tree | str | None"]


def spliced(raw: bytes, texts: Mapping[Pointer, str | None]) -> bytes:
    """A JSON document in which the strings at some pointers are others, or null where None stands for one. Any other
    value keeps its bytes, and members keep their order. Raises KeyError, IndexError or ValueError for a pointer that
    leads nowhere."""
    if not texts:
        return raw
    tree: _Tree = {}
    for pointer, text in texts.items():
        if not pointer:
            raise _NOWHERE
        level = tree
        for step in pointer[:-1]:
            inner = level.setdefault(step, {})
            if not isinstance(inner, dict):
                raise _NOWHERE
            level = inner
        level[pointer[-1]] = text
    return _spliced(raw, tree)


def _spliced(raw: bytes, tree: _Tree) -> bytes:
    if raw.lstrip()[:1] == b"[":
        elements = [bytes(each) for each in _elements(raw)]
        for index, change in tree.items():
            if not isinstance(index, int):
                raise _NOWHERE
            elements[index] = _changed(elements[index], change)
        return b"[" + b",".join(elements) + b"]"
    members = {name: bytes(value) for name, value in _members(raw).items()}
    for name, change in tree.items():
        if not isinstance(name, str):
            raise _NOWHERE
        members[name] = _changed(members[name], change)
    return b"{" + b",".join(write_json(name) + b":" + value for name, value in members.items()) + b"}"


def _changed(raw: bytes, change: _Tree | str | None) -> bytes:
    return _spliced(raw, change) if isinstance(change, dict) else write_json(change)


def with_whole_pairs(text: str) -> str:
    """A text that was put together, whose pieces may have ended in the middle of a surrogate pair."""
    if _PAIR.search(text) is None:
        return text
    return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _elements(raw: bytes) -> list[msgspec.Raw | bytes]:
    try:
        return list(msgspec.json.decode(raw, type=list[msgspec.Raw]))
    except UNREADABLE:
        return [write_json(each) for each in read_json(raw)]


def _members(raw: bytes) -> dict[str, msgspec.Raw | bytes]:
    try:
        return dict(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
    except UNREADABLE:
        return {name: write_json(each) for name, each in read_json(raw).items()}
