"""Ids of tool calls that some backends use again with every turn, as providers want them that take an id only once."""

from __future__ import annotations


class CallIds:
    """The ids of one conversation, in its order. The first use of an id keeps it."""

    __slots__ = ("_uses",)

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}

    def called(self, given: str) -> str:
        """The id of a call."""
        uses = self._uses[given] = self._uses.get(given, 0) + 1
        return given if uses == 1 else f"{given}-{uses}"

    def answered(self, given: str) -> str:
        """The id of a result: that of the last call of the name."""
        uses = self._uses.get(given, 1)
        return given if uses == 1 else f"{given}-{uses}"
