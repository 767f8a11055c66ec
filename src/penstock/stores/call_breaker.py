"""A circuit breaker around the calls of one store: a store that is down is not waited for by every request."""

from __future__ import annotations

from collections import deque
from typing import Final

_FAILURES: Final = 5
_WITHIN: Final = 10.0
_PAUSE: Final = 1.0


class CallBreaker:
    """Opens after 5 failures within 10 s. Once a second a call is let through then, and its success closes the breaker.
    Times are seconds of a clock that never steps back."""

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=_FAILURES)
        self._next_trial: float | None = None

    @property
    def is_open(self) -> bool:
        return self._next_trial is not None

    def admits(self, now: float) -> bool:
        """Whether a call may be made now. A trial counts as made."""
        if self._next_trial is None:
            return True
        if now < self._next_trial:
            return False
        self._next_trial = now + _PAUSE
        return True

    def failed(self, now: float) -> None:
        self._failures.append(now)
        if len(self._failures) == _FAILURES and now - self._failures[0] <= _WITHIN:
            self._next_trial = now + _PAUSE

    def succeeded(self) -> None:
        if self._failures:
            self._failures.clear()
            self._next_trial = None

    def retry_after(self, now: float) -> float:
        """Seconds until a call is let through."""
        return 0.0 if self._next_trial is None else max(0.0, self._next_trial - now)
