"""A string that cannot be printed by accident."""

from __future__ import annotations

from typing import Final, final


@final
class Secret:
    """A credential. ``reveal()`` is the only way to its text; every formatting route shows ``***``.

    Pickling is refused too, so that a secret can't leave in a crash report or a cached object.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")
