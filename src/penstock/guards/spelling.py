"""How a text was spelled that goes on bit by bit: JSON has several spellings of a character, and what guards leave as
it is keeps its own."""

from __future__ import annotations

from collections import deque


class Spelling:
    """What came of a text and has not gone on yet, in bits: each as it reads and as it was spelled. From the first
    place on where something else goes on than what came, nothing of it is known."""

    __slots__ = ("_is_known", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, str]] = deque()
        self._is_known = True

    def add(self, text: str, spelled: str) -> None:
        """More has come. A ``text`` of several characters is spelled as it reads."""
        if self._is_known and text:
            self._waiting.append((text, spelled))

    def take(self, text: str) -> tuple[str, str]:
        """What goes on now: how its beginning was spelled, and the rest, whose spelling is not known."""
        taken, at = list[str](), 0
        while at < len(text) and self._waiting:
            came, spelled = self._waiting[0]
            if text.startswith(came, at):
                self._waiting.popleft()
                taken.append(spelled)
                at += len(came)
                continue
            if spelled == came and came.startswith(text[at : at + len(came)]):
                self._waiting[0] = (came[len(text) - at :],) * 2
                return "".join([*taken, text[at:]]), ""
            break
        if at < len(text):
            self._waiting.clear()
            self._is_known = False
        return "".join(taken), text[at:]
