"""The rotation policy of a gateway key: when it gets its next text, and how long the one before works on.

Weeks begin on Monday and months on the 1st, at 00:00 UTC. Source: docs/control-plane.md#rotation.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from penstock.control.members import VALUE, Fields, Members
from penstock.control.timestamps import as_text
from penstock.limits.windows import DAY, CalendarWindow

FIELDS: Final = Fields(
    rotation_period=VALUE,
    rotation_period_days=VALUE,
    next_rotation_at=VALUE,
    key_transition_period_ms=VALUE,
    status=VALUE,
)
SHORTEST_TRANSITION: Final = 1_800_000
"""Milliseconds for which the text before works on, where nothing else is said."""
LONGEST_TRANSITION: Final = 90 * 24 * 3600 * 1000
_PERIODS: Final = ("weekly", "monthly")
_LONGEST_PERIOD: Final = 365
_ACTIVE: Final = "ACTIVE"
_WINDOWS: Final = {"weekly": CalendarWindow("week", "monday"), "monthly": CalendarWindow("month")}
_SHORTEST: Final = {"weekly": 7, "monthly": 28}
"""Days of the shortest period of a name."""

Period = Literal["weekly", "monthly"]


class RotationPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """As the column ``rotation`` holds it, in JSON. ``transition`` is in milliseconds. Without ``period`` and ``days``
    the key is rotated once."""

    transition: int = SHORTEST_TRANSITION
    period: Period | None = None
    days: int | None = None

    @property
    def is_repeated(self) -> bool:
        return self.period is not None or self.days is not None

    def next_after(self, moment: int) -> int | None:
        """The next rotation after a moment, both in microseconds since 1970; None for a policy of one rotation. Days
        are counted from the first midnight that is not before the moment."""
        if self.period is not None:
            return _WINDOWS[self.period].span(moment).end
        return None if self.days is None else -(-moment // DAY) * DAY + self.days * DAY

    def next_after_due(self, due: int, now: int) -> int | None:
        """The rotation after one that was due at a moment and is made now: those that were missed are left out."""
        following = self.next_after(due)
        return following if following is None or following > now else self.next_after(now)

    def is_within_period(self, transition: int) -> bool:
        """Whether a transition, in milliseconds, ends before the rotation after."""
        days = self.days if self.period is None else _SHORTEST[self.period]
        return days is None or transition * 1000 < days * DAY


def read(members: Members, now: int) -> tuple[RotationPolicy | None, int | None]:
    """The policy of a body's ``rotation_policy``, and its next rotation; None twice for null. Problems are added to
    those of ``members``."""
    inner = members.inner("rotation_policy")
    if inner is None:
        return None, None
    period, days = inner.choice("rotation_period", _PERIODS), inner.whole("rotation_period_days", 1, _LONGEST_PERIOD)
    transition = transition_of(inner, 1)
    inner.choice("status", (_ACTIVE,))
    moment = inner.timestamp("next_rotation_at")
    if period is not None and days is not None:
        inner.complain("rotation_period_days", "it excludes rotation_period: leave one of them out")
    if moment is not None and moment <= now:
        inner.complain("next_rotation_at", "this time is past")
    if all(inner.values.get(name) is None for name in ("rotation_period", "rotation_period_days", "next_rotation_at")):
        members.complain(
            "rotation_policy", "it says no time: set rotation_period, rotation_period_days or next_rotation_at"
        )
    named: Period | None = None if period is None else "weekly" if period == "weekly" else "monthly"
    policy = RotationPolicy(SHORTEST_TRANSITION if transition is None else transition, named, days)
    if not policy.is_within_period(policy.transition):
        inner.complain("key_transition_period_ms", "expected less than the time from one rotation to the next")
    return policy, policy.next_after(now) if moment is None else moment


def transition_of(members: Members, least: int) -> int | None:
    """``key_transition_period_ms``: at least half an hour. ``least`` is 0 where a text may end at once, else 1."""
    transition = members.whole("key_transition_period_ms", least, LONGEST_TRANSITION)
    if transition is not None and 0 < transition < SHORTEST_TRANSITION:
        or_none = "" if least else "0, or "
        members.complain("key_transition_period_ms", f"expected {or_none}at least {SHORTEST_TRANSITION}")
    return transition


def encode(policy: RotationPolicy | None) -> str | None:
    """The policy as its column holds it."""
    return None if policy is None else msgspec.json.encode(policy).decode()


def decode(text: str | None) -> RotationPolicy | None:
    """The policy of a column; None without one, and for a text that is none."""
    try:
        return None if text is None else msgspec.json.decode(text, type=RotationPolicy)
    except msgspec.DecodeError:
        return None


def shown(text: str | None, next_rotation_at: int | None) -> dict[str, Any] | None:
    """The member ``rotation_policy`` of an answer, of two columns."""
    policy = decode(text)
    if policy is None:
        return None
    return {
        "rotation_period": policy.period,
        "rotation_period_days": policy.days,
        "next_rotation_at": as_text(next_rotation_at),
        "key_transition_period_ms": policy.transition,
        "status": _ACTIVE,
    }
