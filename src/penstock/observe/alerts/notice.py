"""A notice: what people are told, as a value."""

from __future__ import annotations

import datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec

NoticeKind = Literal["budget_threshold", "budget_exhausted", "circuit_open", "store_down", "error_rate", "key_rotation"]
_TYPES: Final[dict[NoticeKind, str]] = {
    "budget_threshold": "budget.threshold_reached",
    "budget_exhausted": "budget.exhausted",
    "circuit_open": "circuit.opened",
    "store_down": "store.down",
    "error_rate": "error_rate.exceeded",
    "key_rotation": "key.rotation",
}
"""The types that webhooks name."""
Data = dict[str, str | int | float | None]


def one_line(text: str) -> str:
    """A text that people chose, a name of a key or of a model, without what can be sent to nobody and what looks like a
    line or a field of its own."""
    sound = text.encode("utf-8", "replace").decode()
    return "".join([each if each.isprintable() else " " for each in sound])


class Notice(msgspec.Struct, frozen=True):
    """``key`` names what is told, and its window: the same key is told once. ``at`` is in seconds since 1970; ``text``
    is a sentence for people; ``data`` are its parts for programs. ``owner`` is the gateway key's id in the database
    whose mail addresses are told, too; None for any other notice."""

    kind: NoticeKind
    key: str
    at: float
    text: str
    data: Data = {}
    owner: str | None = None

    @property
    def id(self) -> str:
        """The same for the same key, wherever it is told from."""
        return f"alert_{sha256(self.key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"

    @property
    def sentence(self) -> str:
        """``text`` on one line, whatever a name in it holds."""
        return one_line(self.text)

    @property
    def payload(self) -> dict[str, object]:
        """What a webhook gets."""
        moment = datetime.datetime.fromtimestamp(self.at, datetime.UTC).isoformat(timespec="seconds")
        return {
            "type": _TYPES[self.kind],
            "timestamp": moment.replace("+00:00", "Z"),
            "id": self.id,
            "data": {"message": self.sentence, **self.data},
        }
