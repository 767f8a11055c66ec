"""The values of a label, of which there are never more than a bound: the others share one value."""

from __future__ import annotations

from typing import Final

from penstock.observe.metrics.families import OTHER

_LONGEST: Final = 128
"""Characters of a label's value."""


class BoundedNames:
    """The first ``most`` names that joined. A name that callers choose joins only when something vouches for it, since
    a caller could fill the room with names that mean nothing."""

    __slots__ = ("_most", "_names")

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, str] = {}

    def label(self, name: str, *, may_join: bool = True) -> str:
        """The label's value for a name: the name, cut and without lone surrogates, or ``other``."""
        label = self._names.get(name)
        if label is not None:
            return label
        if not may_join or len(self._names) >= self._most:
            return OTHER
        label = self._names[name] = name[:_LONGEST].encode("utf-8", "replace").decode()
        return label
