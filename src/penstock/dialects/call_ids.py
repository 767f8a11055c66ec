"""Makes tool call ids unique: some backends reuse an id (``call_0``) in every turn, which some providers refuse."""

from __future__ import annotations


class CallIds:
    """The call ids of one conversation, in order. The first use of an id is unchanged, the second gets ``-2``."""

    __slots__ = ("_uses",)

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}

    def called(self, call_id: str) -> str:
        """The id of a call."""
        uses = self._uses[call_id] = self._uses.get(call_id, 0) + 1
        return call_id if uses == 1 else f"{call_id}-{uses}"

    def answered(self, call_id: str) -> str:
        """The id of a result: the new id of the last call with this id."""
        uses = self._uses.get(call_id, 1)
        return call_id if uses == 1 else f"{call_id}-{uses}"
