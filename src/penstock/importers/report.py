"""What becomes of each field of another gateway's configuration: one line a field (docs/import.md#the-report)."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import msgspec

MOST_LINES: Final = 20_000
"""Lines of one report. A file that would have more is cut there, and the cut is a line of its own."""
_LONGEST: Final = 300
"""Characters of a path or of a text: names of the file's may be of any length."""


class Outcome(Enum):
    """What becomes of a field: the same here, nearly the same, or nothing."""

    EXACT = "="
    NEAR = "~"
    LOST = "✗"


class Line(msgspec.Struct, frozen=True):
    """One field by its path, for example ``model_list[0].litellm_params.rpm``, and what it becomes.

    ``needs_consent``: more would be allowed than before, or callers would be shut out.
    """

    outcome: Outcome
    path: str
    text: str
    needs_consent: bool = False

    def __str__(self) -> str:
        mark = " (!)" if self.needs_consent else ""
        return f"{self.outcome.value} {self.path}: {self.text}{mark}"


class Report:
    """The lines in the order in which the fields were read."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def exact(self, path: str, text: str) -> None:
        """Add a field that is the same here."""
        self._add(Outcome.EXACT, path, text)

    def near(self, path: str, text: str, *, needs_consent: bool = False) -> None:
        """Add a field that is nearly the same here; the text says the difference."""
        self._add(Outcome.NEAR, path, text, needs_consent=needs_consent)

    def lost(self, path: str, text: str, *, needs_consent: bool = False) -> None:
        """Add a field that is not carried over; the text says why."""
        self._add(Outcome.LOST, path, text, needs_consent=needs_consent)

    @property
    def blocking(self) -> list[Line]:
        """The lines that need the operator's consent: what is lost, and what changes who may do what."""
        return [line for line in self.lines if line.needs_consent or line.outcome is Outcome.LOST]

    def summary(self) -> str:
        """The numbers of the lines, in one sentence."""
        counts = [sum(line.outcome is outcome for line in self.lines) for outcome in Outcome]
        changing = sum(line.needs_consent for line in self.lines)
        text = "{} exact (=), {} near (~), {} not carried over (✗)".format(*counts)
        return f"{text}; {changing} would widen access, loosen a limit or shut callers out (!)" if changing else text

    def __str__(self) -> str:
        return "\n".join([*map(str, self.lines), self.summary()])

    def values(self) -> list[dict[str, Any]]:
        """The lines as JSON values."""
        return [
            {"outcome": line.outcome.value, "path": line.path, "text": line.text, "needs_consent": line.needs_consent}
            for line in self.lines
        ]

    def _add(self, outcome: Outcome, path: str, text: str, *, needs_consent: bool = False) -> None:
        if len(self.lines) < MOST_LINES:
            self.lines.append(Line(outcome, _shown(path), _shown(text), needs_consent))
        elif len(self.lines) == MOST_LINES:
            text = f"there are more than {MOST_LINES} fields: divide the file"
            self.lines.append(Line(Outcome.LOST, _shown(path), text, needs_consent=True))


def _shown(text: str) -> str:
    """A text on one line, without control characters."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
