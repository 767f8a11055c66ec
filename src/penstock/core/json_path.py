"""Removes one value from a JSON document by its path; all other values keep their bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import UNREADABLE

Path = tuple[str | int | None, ...]
"""Steps from the outside in: a member's name, an index, or None for every element of an array."""

_STEP: Final = re.compile(r"(?:\A|\.)([^.\[\]]+)|\[(\d{1,6}|\*)\]")
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def parse_path(text: str) -> Path:
    """Read ``a.b``, ``tools[0].x`` or ``tools[*].function.strict``. Raises ValueError."""
    if text.startswith("."):
        raise ValueError("no path at character 0")
    steps: list[str | int | None] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or (step[1] is None and not steps):
            raise ValueError(f"no path at character {at}")
        name, index = step.groups()
        steps.append(name if name is not None else None if index == "*" else int(index))
        at = step.end()
    if not steps:
        raise ValueError("an empty path")
    return tuple(steps)


def without_path(body: Body, path: Path) -> Body:
    """The body without the value at the path; the same body if there is no such value."""
    first, *steps_after = path
    if not isinstance(first, str) or first not in body:
        return body
    if not steps_after:
        return body.without(first)
    raw = body.raw(first) or b"null"
    less = _without(raw, tuple(steps_after))
    return body if less is raw else body.replaced({first: less})


def without_paths(body: Body, paths: Sequence[Path]) -> Body:
    """The body without the values at the paths, taken out one after the other. Each part is parsed once."""
    opened: dict[str, _Part] = {}
    for first, *steps_after in paths:
        if not isinstance(first, str) or first not in body:
            continue
        if not steps_after:
            body = body.without(first)
            opened.pop(first, None)
        else:
            opened.setdefault(first, _Part(body.raw(first) or b"null")).remove(steps_after)
    changed = {name: part.encode() for name, part in opened.items() if part.is_changed}
    return body.replaced(changed) if changed else body


class _Part:
    """A value that is parsed when a path leads into it: its members or elements are parts again."""

    __slots__ = ("_inner", "_raw", "is_changed")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._inner: dict[str, _Part] | list[_Part] | None = None
        self.is_changed = False

    def remove(self, path: Sequence[str | int | None]) -> bool:
        """Take out the value at the path; whether there was one."""
        step, *steps_after = path
        try:
            inner = self._opened(by_name=isinstance(step, str))
        except (ValueError, RecursionError):
            return False
        found = _found(inner, step)
        if steps_after:
            is_news = [inner[key].remove(steps_after) for key in found]  # type: ignore[index] # as it was found
            self.is_changed |= any(is_news)
            return any(is_news)
        for key in reversed(found):
            del inner[key]  # type: ignore[arg-type]
        self.is_changed |= bool(found)
        return bool(found)

    def _opened(self, *, by_name: bool) -> dict[str, _Part] | list[_Part]:
        """The members or the elements. Raises ValueError for a value of the other kind."""
        if self._inner is None:
            if by_name:
                body = Body.parse(self._raw)
                self._inner = {name: _Part(body.raw(name) or b"null") for name in body}
            else:
                self._inner = [_Part(element) for element in _elements(self._raw)]
        if isinstance(self._inner, dict) is not by_name:
            raise ValueError("a value of another kind")
        return self._inner

    def encode(self) -> bytes:
        """The value as JSON; what wasn't changed keeps its bytes."""
        if not self.is_changed or self._inner is None:
            return self._raw
        if isinstance(self._inner, dict):
            return Body({name: part.encode() for name, part in self._inner.items()}).encode()
        return b"[" + b",".join([part.encode() for part in self._inner]) + b"]"


def _found(inner: dict[str, _Part] | list[_Part], step: str | int | None) -> list[str] | list[int]:
    """The keys of the parts that a step leads to."""
    if isinstance(step, str):
        return [step] if step in inner else []
    if step is None:
        return list(range(len(inner)))
    return [step] if step < len(inner) else []


def _without(raw: bytes, path: Path) -> bytes:
    """The JSON without the value at the path; the same bytes object if there is no such value."""
    try:
        return _from_object(raw, path) if isinstance(path[0], str) else _from_array(raw, path)
    except (ValueError, RecursionError):
        return raw


def _from_object(raw: bytes, path: Path) -> bytes:
    inner = Body.parse(raw)
    less = without_path(inner, path)
    return raw if less is inner else less.encode()


def _from_array(raw: bytes, path: Path) -> bytes:
    first, *steps_after = path
    items = _elements(raw)
    chosen = range(len(items)) if first is None else [first] if isinstance(first, int) and first < len(items) else []
    if steps_after:
        less = [_without(item, tuple(steps_after)) if index in chosen else item for index, item in enumerate(items)]
    else:
        less = [item for index, item in enumerate(items) if index not in chosen]
    return raw if less == items else b"[" + b",".join(less) + b"]"


def _elements(raw: bytes) -> list[bytes]:
    """The elements of an array, each as its own bytes. Raises ValueError."""
    try:
        return [bytes(item) for item in _ARRAY.decode(raw)]
    except msgspec.ValidationError:
        raise ValueError("no array") from None
    except UNREADABLE:
        # Lone surrogates, which only the standard library accepts.
        return _elements_leniently(raw.decode())


def _elements_leniently(text: str) -> list[bytes]:
    items: list[bytes] = []
    at = 1
    while text[:1] == "[":
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr] # it matches everywhere
        if text[at] == "]":
            return items
        _, end = _LENIENT.raw_decode(text, at)
        items.append(text[at:end].encode())
        at = end
    raise ValueError("no array")


_LENIENT: Final = json.JSONDecoder()
_BETWEEN: Final = re.compile(r"[ \t\n\r,]*")
