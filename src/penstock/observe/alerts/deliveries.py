"""Which notices have been told by which channel: asked before a notice is told, so that it is told once.

A claim has a lease. A process that dies before it has told a notice leaves a claim that another one takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.observe.alerts.notice import Notice


class DeliveriesLost(Exception):
    """The store of deliveries can't be reached."""


class Deliveries(Protocol):
    """What several processes share. Times are in seconds since 1970. Every call raises DeliveriesLost."""

    async def claim(self, notice: Notice, channel: str, now: float, until: float) -> bool:
        """Claim a notice for a channel, until a moment. False: it was claimed before."""
        ...

    async def renew(self, notice_id: str, channel: str, lease: float, until: float) -> bool:
        """Make a claim that ends at the moment ``lease`` last ``until`` a later one. False: another process has it."""
        ...

    async def finish(self, notice_id: str, channel: str, *, is_told: bool) -> None:
        """End a claim: the notice was told, or is given up."""
        ...

    async def overdue(self, channel: str, now: float, until: float) -> Sequence[Notice]:
        """Claim, until a moment, what others have claimed and not told in time."""
        ...
