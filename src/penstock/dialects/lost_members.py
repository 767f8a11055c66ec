"""Members within a conversation that the middle has no place for: named as dropped, in the caller's own paths.

Readers take what they know of a message. What a wire's requests can hold beside that is told here, by the ends of its
paths: ``<text>.citations`` is the member ``citations`` of an object of type ``text``. So is each name that no maker's
conversations have (conversation_members.py). Conversations of texts alone are told apart by one typed decode, and a
quick look tells whether any other holds such a name, so that hardly a request is looked through for the paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.json_text import UNREADABLE
from penstock.dialects.conversation_members import KNOWN, OPAQUE

_MOST: Final = 32
"""Paths that are named of one request at most."""
_LONGEST: Final = 256
"""Characters of a path that are told at most, in its middle none: callers choose the names in it."""
_HOLDERS: Final = (list, dict)
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {}, False)
"""Values that mean the same as leaving a member out."""


class LostMembers:
    """What one wire's conversations can hold that is lost on the way to any other wire.

    ``member`` is the conversation, ``ends`` are ends of paths. Of what is in ``once`` the member's name alone is told.
    ``usual`` are values by which a member says nothing. ``opaque`` are members whose insides are the caller's own, as
    those are that are so in any wire. ``kinds`` are the types of objects that are read, where objects have types: those
    of other types are lost as a whole, or pass as a whole. ``spellings`` are other forms of known names.
    ``beside`` are members beside the conversation of whose objects the same is lost.
    """

    def __init__(
        self,
        member: str,
        ends: Iterable[str] = (),
        *,
        once: Iterable[str] = (),
        usual: Iterable[Any] = (),
        opaque: Iterable[str] = (),
        kinds: Iterable[str] = (),
        spellings: Iterable[str] = (),
        beside: Iterable[str] = (),
    ) -> None:
        self._member = member
        self._beside = tuple(beside)
        self._ends = tuple(ends)
        self._once = frozenset(once)
        self._usual = (*_NOTHING, *usual)
        self._opaque = OPAQUE.union(opaque)
        self._kinds = frozenset(kinds)
        self._spellings = frozenset(spellings)
        self._longest = max(map(len, self._ends), default=1)
        self._names = frozenset(end.rpartition(".")[2] for end in self._ends)
        self._tokens = tuple(f'"{name}"'.encode() for name in sorted(self._names))

    def of(self, body: Body) -> tuple[str, ...]:
        """The paths of what is lost of a request that was read, each once."""
        found: dict[str, None] = {}
        try:
            for name in self._beside:
                raw = body.raw(name)
                if raw is not None and (self._may_hold_ends(raw) or self._holds_unknown(body.value(name))):
                    self._look(body.value(name), name, found)
            self._look_through(body, found)
        except BodyError:
            pass  # whoever read the request has told it
        return tuple(found)[:_MOST]

    def _look_through(self, body: Body, found: dict[str, None]) -> None:
        """Note what is lost of the conversation. Raises BodyError."""
        raw = body.raw(self._member)
        if raw is None:
            return
        may_hold_ends = self._may_hold_ends(raw)
        if not may_hold_ends and _are_texts(raw):
            return
        elements = body.elements(self._member) or ()
        if not may_hold_ends and isinstance(elements, list) and not self._holds_unknown(elements):
            return
        for position, element in enumerate(elements):
            if may_hold_ends or self._holds_unknown(element):
                self._look(element, f"{self._member}[{position}]", found)
            if len(found) >= _MOST:
                return

    def _may_hold_ends(self, raw: bytes | memoryview | msgspec.Raw) -> bool:
        """Whether JSON holds a name with which a path of what is lost ends."""
        return any(token in raw for token in self._tokens)

    def _holds_unknown(self, element: Any) -> bool:
        """Whether a value holds a name that no maker's conversations have."""
        opaque, kinds, waiting = self._opaque, self._kinds, [element]
        for value in waiting:  # which grows meanwhile
            if value.__class__ is list:
                waiting += value
            elif value.__class__ is dict:
                kind = value.get("type") if kinds else None
                if kind is not None and (kind.__class__ is not str or kind not in kinds):
                    continue
                if not KNOWN.issuperset(value) and any(map(self._is_unknown, value)):
                    return True
                for name, each in value.items():
                    if (each.__class__ is dict or each.__class__ is list) and name not in opaque:
                        waiting.append(each)
        return False

    def _is_unknown(self, name: str) -> bool:
        """Whether no maker has this name, in no spelling."""
        return name not in KNOWN and name not in self._spellings

    def _is_read(self, value: Mapping[str, Any]) -> bool:
        """Whether the members of an object are read one by one."""
        kind = value.get("type")
        return kind is None or not self._kinds or (isinstance(kind, str) and kind in self._kinds)

    def _look(self, element: Any, path: str, found: dict[str, None]) -> None:
        """Note what is lost of one element of the conversation. Objects wait in a stack, as they may nest deeply, and
        paths are written of what is found alone: a name of the caller's may be as long as the body."""
        waiting: list[Iterator[_Place]] = [iter([_Place(element, None, path, self._member)])]
        while waiting:
            place = next(waiting[-1], None)
            if place is None:
                waiting.pop()
            elif isinstance(place.value, list):
                waiting.append(_elements(place, place.value))
            elif isinstance(place.value, dict):
                waiting.append(self._members(place, place.value, found))

    def _members(self, place: _Place, value: Mapping[str, Any], found: dict[str, None]) -> Iterator[_Place]:
        """The members of an object that may hold more, while those that are lost are noted."""
        pattern = f"{place.pattern}{_kind(value)}"[-self._longest :]
        is_read = self._is_read(value)
        for name, member in value.items():
            is_lost = name in self._names and f"{pattern}.{name}".endswith(self._ends)
            if is_lost or (is_read and self._is_unknown(name)):
                if member not in self._usual and len(found) < _MOST:
                    found[name if name in self._once else f"{_shown(place.path())}.{_shown(name)}"] = None
            elif member and isinstance(member, _HOLDERS) and name not in self._opaque:
                yield _Place(member, place, f".{name}", f"{pattern}.{name}"[-self._longest :])


class _Place:
    """A value in a conversation, what holds it and the last step of the path to it. ``pattern`` is the end of the path
    without positions."""

    __slots__ = ("holder", "pattern", "step", "value")

    def __init__(self, value: Any, holder: _Place | None, step: str, pattern: str) -> None:
        self.value = value
        self.holder = holder
        self.step = step
        self.pattern = pattern

    def path(self) -> str:
        steps, place = [self.step], self.holder
        while place is not None:
            steps.append(place.step)
            place = place.holder
        return "".join(reversed(steps))


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str = ""
    type: Literal["text", "input_text", "output_text"] = "text"


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message of texts alone, in any wire."""

    role: str | None = None
    content: str | list[_Text] = ""
    parts: list[_Text] = []
    type: Literal["message"] = "message"


_TEXTS: Final = msgspec.json.Decoder(list[_Message] | str)


def _are_texts(raw: bytes | memoryview | msgspec.Raw) -> bool:
    """Whether a conversation is of texts alone."""
    try:
        _TEXTS.decode(raw)
    except UNREADABLE:
        return False
    return True


def _shown(path: str) -> str:
    return path if len(path) <= _LONGEST else f"{path[: _LONGEST // 2]}…{path[-_LONGEST // 2 :]}"


def _elements(place: _Place, value: Sequence[Any]) -> Iterator[_Place]:
    """The elements of an array that may hold anything."""
    for position, each in enumerate(value):
        if each and isinstance(each, _HOLDERS):
            yield _Place(each, place, f"[{position}]", place.pattern)


def _kind(value: Mapping[str, Any]) -> str:
    """What tells the objects of a list apart: the type of a block, or who speaks."""
    kind = value.get("type", value.get("role"))
    return f"<{kind}>" if isinstance(kind, str) else ""
