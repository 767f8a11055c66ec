"""Ids of tool calls as providers take them: each only once, and of the characters that they allow.

Some backends use an id again with every turn, and a few for the calls of one turn.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from typing import Final


class CallIds:
    """The call ids of one conversation, in order. The first use of an id is unchanged, the second gets ``-2``."""

    __slots__ = ("_latest", "_uses")

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self._latest: dict[str, str] = {}

    def called(self, call_id: str) -> str:
        """The id of a call."""
        own = call_id
        while own in self._uses:
            self._uses[call_id] += 1
            own = f"{call_id}-{self._uses[call_id]}"
        self._uses[own] = 1
        self._latest[call_id] = own
        return own

    def answered(self, call_id: str) -> str:
        """The id of a result: that of the last call of the name."""
        return self._latest.get(call_id, call_id)


class TurnIds:
    """The call ids of one assistant's turn after the other: within a turn, each is different.

    ``["f", "f"]`` becomes ``["f", "f-2"]``. Results answer the calls of one id in their order, and a result beyond them
    answers the last.
    """

    __slots__ = ("_ids", "_waiting")

    def __init__(self) -> None:
        self.turn()

    def turn(self) -> None:
        """An assistant's turn begins: the results that follow answer its calls."""
        self._ids = CallIds()
        self._waiting: dict[str, deque[str]] = {}

    def called(self, call_id: str) -> str:
        """The id of a call. A call without an id stays without one."""
        if not call_id:
            return ""
        own = self._ids.called(call_id)
        self._waiting.setdefault(call_id, deque()).append(own)
        return own

    def answered(self, call_id: str) -> str:
        """The id of a result."""
        waiting = self._waiting.get(call_id)
        return waiting.popleft() if waiting else self._ids.answered(call_id)


_NOT_ALLOWED_ANYWHERE: Final = re.compile(r"[^a-zA-Z0-9_-]")


def allowed_id(call_id: str, allowed: re.Pattern[str], stem: int | None = None) -> str:
    """The id if ``allowed`` matches all of it; else its letters and digits with a digest, so that different ids differ.

    ``"functions.f:0"`` becomes ``"functions_f_0-0cc6deda8e86ba02"``. ``stem`` is how many characters of the id stay at
    most, beside the 17 of hyphen and digest.
    """
    if allowed.fullmatch(call_id):
        return call_id
    return f"{_NOT_ALLOWED_ANYWHERE.sub('_', call_id)[:stem]}-{_digest(call_id).hex()}"


_SHORT: Final = re.compile(r"[A-Za-z0-9]{9}")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def short_id(call_id: str) -> str:
    """The id if it is nine letters and digits, as Mistral's models demand wherever they are served; else nine of a
    digest: always the same for the same id, so that call and result stay together (docs/quirks.md#q75)."""
    if _SHORT.fullmatch(call_id):
        return call_id
    number = int.from_bytes(_digest(call_id), "big")
    letters = []
    for _ in range(9):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def _digest(call_id: str) -> bytes:
    return hashlib.blake2s(call_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
