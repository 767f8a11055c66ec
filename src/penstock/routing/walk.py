"""Plan -> the attempts to make, as a generator: it yields ``Attempt`` or ``Wait`` and is sent an ``Outcome``.

Every routing decision is made here and nowhere else; ``pipeline/route.py`` is the driver that carries them out. The
result is that of the last attempt made.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from penstock.core.outcome import Outcome
from penstock.routing.plan import Plan, Target


class Attempt(msgspec.Struct, frozen=True):
    """Call this target now. ``retry`` is 0 for a first try, then counts the retries of the same target."""

    target: Target
    retry: int = 0


class Wait(msgspec.Struct, frozen=True):
    """Let this many seconds pass before the next step."""

    seconds: float


class Walked(msgspec.Struct, frozen=True):
    """What a walk came to: the number for ``x-portkey-retry-attempt-count`` (spec 5.4)."""

    retry_count: int = 0


Walk = Generator[Attempt | Wait, Outcome, Walked]


def walk(plan: Plan) -> Walk:
    """The steps for a plan. Send the outcome after each ``Attempt``, and the same one again after each ``Wait``."""
    yield Attempt(plan)
    return Walked()
