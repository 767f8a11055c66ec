"""Members within a conversation that the middle has no place for: named as dropped, in the caller's own paths.

Readers take what they know of a message. What a wire's requests can hold beside that is told here, by the ends of its
paths: ``<text>.citations`` is the member ``citations`` of an object of type ``text``. A search for the names in the
body's bytes tells whether there may be any, so that hardly a request is looked through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core.body import Body, BodyError

_MOST: Final = 32
"""Paths that are named of one request at most."""
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
        """Note what is lost of one element of the conversation. Objects wait in a stack, as they may nest deeply."""
        waiting: list[tuple[Any, str, str]] = [(element, path, self._member)]
        while waiting:
            value, path, pattern = waiting.pop()
            if isinstance(value, list):
                waiting += [(each, f"{path}[{at}]", pattern) for at, each in reversed(list(enumerate(value)))]
            elif isinstance(value, dict):
                self._members(value, path, f"{pattern}{_kind(value)}", found, waiting)

    def _members(
        self,
        value: Mapping[str, Any],
        path: str,
        pattern: str,
        found: dict[str, None],
        waiting: list[tuple[Any, str, str]],
    ) -> None:
        for name, member in value.items():
            here = f"{pattern}.{name}"
            if name in self._names and here.endswith(self._ends):
                if member not in self._usual:
                    found[name if name in self._once else f"{path}.{name}"] = None
            elif name not in self._opaque and isinstance(member, list | dict):
                waiting.append((member, f"{path}.{name}", here))


def _kind(value: Mapping[str, Any]) -> str:
    """What tells the objects of a list apart: the type of a block, or who speaks."""
    kind = value.get("type", value.get("role"))
    return f"<{kind}>" if isinstance(kind, str) else ""
