"""Limits that the store of counters can't tell; tests/contract/test_limits_told.py and tests/e2e/test_me.py have the rest."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.limits.applied import Applied
from penstock.limits.counters import BucketUsage, CountersUnavailable, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.windows import CalendarWindow, RateWindow
from penstock.pipeline.key_holder import limits_told

BUDGET = Limit("b", "workspace", "w", "tokens", 100, CalendarWindow("days", days=7), "input", alert_at=50, strict=True)
RATE = Limit("r", "api_key", "k", "requests", 5, RateWindow(60_000_000, 1_000_000))


class Down(MemoryCounters):
    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        raise CountersUnavailable(1)

    async def usage(self, key: BucketKey) -> BucketUsage:
        raise CountersUnavailable(1)


async def test_what_is_not_known_is_none() -> None:
    budget, rate = await limits_told(Down(lambda: 0), [Applied(BUDGET), Applied(RATE)], 1_000_000)
    assert budget == {
        "id": "b", "level": "workspace", "type": "tokens", "unit": "tokens", "tokens": "input",
        "window": {"unit": "days", "days": 7}, "value": "default", "amount": 100, "used": None, "reserved": None,
        "remaining": None, "alert_threshold": 50, "resets_at": "1970-01-08T00:00:00Z", "strict": True,
    }  # fmt: skip
    assert (rate["used"], rate["resets_at"], rate["window"]) == (None, None, {"unit": "seconds", "seconds": 60})
