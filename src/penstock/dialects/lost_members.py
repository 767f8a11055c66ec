"""Members within a conversation that the middle has no place for: named as dropped, in the caller's own paths.

Readers take what they know of a message. What a wire's requests can hold beside that is told here, by the ends of its
paths: ``<text>.citations`` is the member ``citations`` of an object of type ``text``. A search for the names in the
body's bytes tells whether there may be any, so that hardly a request is looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from penstock.core.body import Body, BodyError

_MOST: Final = 32
"""Paths that are named of one request at most."""
_LONGEST: Final = 4096
"""Characters of a path at most: callers choose the names in it."""
_HOLDERS: Final = (list, dict)
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {}, False)
"""Values that mean the same as leaving a member out."""


class LostMembers:
    """What one wire's conversations can hold that is lost on the way to any other wire.

    ``member`` is the conversation, ``ends`` are ends of paths. Of what is in ``once`` the member's name alone is told.
    ``usual`` are values by which a member says nothing. ``opaque`` are members whose insides are the caller's own.
    """

    def __init__(
        self,
        member: str,
        ends: Iterable[str],
        *,
        once: Iterable[str] = (),
        usual: Iterable[Any] = (),
        opaque: Iterable[str] = (),
    ) -> None:
        self._member = member
        self._ends = tuple(ends)
        self._once = frozenset(once)
        self._usual = (*_NOTHING, *usual)
        self._opaque = frozenset(opaque)
        self._longest = max(map(len, self._ends))
        self._names = frozenset(end.rpartition(".")[2] for end in self._ends)
        self._tokens = tuple(f'"{name}"'.encode() for name in sorted(self._names))

    def of(self, body: Body) -> tuple[str, ...]:
        """The paths of what is lost of a request that was read, each once."""
        raw = body.raw(self._member)
        if raw is None or not any(token in raw for token in self._tokens):
            return ()
        found: dict[str, None] = {}
        try:
            for position, element in enumerate(body.elements(self._member) or ()):
                self._look(element, f"{self._member}[{position}]", found)
                if len(found) >= _MOST:
                    break
        except BodyError:
            pass  # whoever read the request has told it
        return tuple(found)[:_MOST]

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
        for name, member in value.items():
            if name in self._names and f"{pattern}.{name}".endswith(self._ends):
                if member not in self._usual and len(found) < _MOST:
                    found[name if name in self._once else f"{place.path()[:_LONGEST]}.{name}"] = None
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


def _elements(place: _Place, value: Sequence[Any]) -> Iterator[_Place]:
    """The elements of an array that may hold anything."""
    for position, each in enumerate(value):
        if each and isinstance(each, _HOLDERS):
            yield _Place(each, place, f"[{position}]", place.pattern)


def _kind(value: Mapping[str, Any]) -> str:
    """What tells the objects of a list apart: the type of a block, or who speaks."""
    kind = value.get("type", value.get("role"))
    return f"<{kind}>" if isinstance(kind, str) else ""
