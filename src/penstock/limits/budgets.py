"""The counter of a budget: what is settled, and what is reserved for requests that are under way.

At every moment settled + reserved <= cap, unless the cap was lowered or a charge came to more than its reservation; in
both cases nothing more is admitted (docs/limits.md#budgets). A caller must not await between ``fits`` and ``take``.
"""

from __future__ import annotations

from typing import Final, Literal

QUIET: Final = 0
ALERTED: Final = 1
EXHAUSTED: Final = 2


def reached(settled: int, threshold: int | None, cap: int) -> Literal["threshold", "exhausted"] | None:
    """Which line an amount that is settled has reached: the higher of those that it has."""
    if settled >= cap:
        return "exhausted"
    return "threshold" if threshold is not None and settled >= threshold else None


class Bucket:
    """The counter of one budget, one value and one window. ``settled`` and ``reserved`` are in the limit's unit.

    ``alert_state`` says which alerts were raised: 0 none, 1 that of the threshold, 2 that of the exhausted budget.
    ``ends`` is the end of the window in microseconds since 1970, None if it never ends. ``holds`` is the number of open
    reservations that hold something here, even an amount of 0.
    """

    __slots__ = ("alert_state", "ends", "holds", "reserved", "settled")

    def __init__(self, ends: int | None = None) -> None:
        self.ends = ends
        self.settled = 0
        self.reserved = 0
        self.alert_state = QUIET
        self.holds = 0

    def fits(self, amount: int, cap: int, now: int) -> bool:  # noqa: ARG002 (all counters are asked alike)
        """Whether an amount may be reserved. An exhausted budget refuses what costs nothing, too: else models without
        a known price would be open to all who have spent everything."""
        return self.settled + self.reserved + amount <= cap and (amount > 0 or self.settled < cap)

    def take(self, amount: int, now: int) -> None:  # noqa: ARG002
        """Reserve an amount, after ``fits`` allowed it."""
        self.reserved += amount

    def settle(self, mark: object, reserved: int, actual: int) -> None:  # noqa: ARG002
        """Charge the actual amount in place of the reserved one. All that was spent is charged."""
        self.reserved -= reserved
        self.settled += actual

    def alert(self, threshold: int | None, cap: int) -> int:
        """The alert that is due now: ``ALERTED``, ``EXHAUSTED``, or ``QUIET`` if none is. Each is due once."""
        kind = reached(self.settled, threshold, cap)
        due = QUIET if kind is None else EXHAUSTED if kind == "exhausted" else ALERTED
        if due <= self.alert_state:
            return QUIET
        self.alert_state = due
        return due

    @property
    def used(self) -> int:
        return self.settled + self.reserved

    def is_idle(self, now: int) -> bool:  # noqa: ARG002
        """Whether the counter is at its beginning and nobody holds it, so that it can be forgotten."""
        return not self.holds and not self.settled and self.alert_state == QUIET
