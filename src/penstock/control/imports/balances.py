"""What was used before an import, as the balance of a budget that the import makes.

Whichever gateway counts applies it, at its start or while it runs (stores/balance_applier.py).
"""

from __future__ import annotations

from typing import Any, Final

from penstock.control.limits.limits import NO_LIMITS, limits_of
from penstock.control.plane import Change
from penstock.control.policies import find_policy
from penstock.core.money import nanos_from_dollars
from penstock.limits.limit import SINGLE, BucketKey, Limit
from penstock.limits.windows import CalendarWindow
from penstock.stores.sql.balances.changes import add_changes

_NAME: Final = "default"
"""What people call a limit's only bucket."""


async def open_balance(change: Change, level: str, owner_id: str, dollars: Any) -> bool:
    """Count dollars as spent in the window that is open now. ``level`` is ``api_key`` or ``policy``, ``owner_id`` the
    id of its row. False where it has no budget in dollars."""
    limit = await _budget(change, level, owner_id)
    if limit is None or not isinstance(limit.window, CalendarWindow):
        return False
    span = limit.window.span(change.now)
    key = BucketKey(limit.id, SINGLE, limit.epoch, span.start)
    opened = {key: (nanos_from_dollars(dollars), _NAME, span.end)}
    await add_changes(change.connection, opened, "import", change.now)
    return True


async def _budget(change: Change, level: str, owner_id: str) -> Limit | None:
    limits: tuple[Limit, ...] = ()
    if level == "policy":
        stored = await find_policy(change.connection, "usage", owner_id)
        if stored is not None and stored.policy is not None:
            limits = (stored.policy.limit,)
    else:
        limits = (await limits_of(change.connection, "api_key", [owner_id])).get(owner_id, NO_LIMITS).limits
    return next((limit for limit in limits if limit.is_budget and limit.kind == "cost" and not limit.is_grouped), None)
