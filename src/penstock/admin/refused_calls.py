"""Refused calls in the audit log: at most ten a minute of one source, and six hundred in all."""

from __future__ import annotations

from time import monotonic
from typing import Final

_OF_SOURCE: Final = 10
_OF_ALL: Final = 600
_MINUTE: Final = 60.0


class RefusedCalls:
    """Counts refused calls by source, in windows of a minute."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._counts: dict[str, int] = {}
        self._all = 0

    def is_told(self, source: str, moment: float | None = None) -> bool:
        """Count a refused call of a source. Whether the audit log is to tell it."""
        moment = monotonic() if moment is None else moment
        if moment - self._began >= _MINUTE:
            self._began, self._all = moment, 0
            self._counts.clear()
        count = self._counts.get(source, 0)
        if count >= _OF_SOURCE or self._all >= _OF_ALL:
            return False
        self._counts[source] = count + 1
        self._all += 1
        return True
