"""Ids of tool calls that some backends use again with every turn, as providers want them that take an id only once."""

from __future__ import annotations


class CallIds:
    """The ids of one conversation, in its order. The first use of an id keeps it."""

    __slots__ = ("_uses",)

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}

    def called(self, call_id: str) -> str:
        """The id of a call."""
        uses = self._uses[call_id] = self._uses.get(call_id, 0) + 1
        return call_id if uses == 1 else f"{call_id}-{uses}"

    def answered(self, call_id: str) -> str:
        """The id of a result: that of the last call of the name."""
        uses = self._uses.get(call_id, 1)
        return call_id if uses == 1 else f"{call_id}-{uses}"
