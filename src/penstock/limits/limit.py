"""A limit as a value: what it counts, how much of it, in which window, and what happens beyond it.

An amount's unit follows from its kind: nanodollars, tokens, requests, or requests at the same time.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import msgspec

from penstock.core.money import nanos_reserved
from penstock.limits.windows import CalendarWindow, RateWindow

Level = Literal["organisation", "workspace", "api_key", "integration", "provider", "policy"]
Kind = Literal["cost", "tokens", "requests", "concurrency"]
Direction = Literal["all", "input", "output"]
"""Which tokens a limit of tokens counts."""
UnknownPrice = Literal["reject", "tokens", "allow"]
"""What a budget in dollars does with a model whose price is unknown: refuse the request, count each token at
``token_price``, or count nothing and say so."""
OnLoss = Literal["charge", "release"]
"""What becomes of a reservation whose worker died: it is charged at its estimate, or given back."""

BUDGET_STATUS: Final = 412
RATE_STATUS: Final = 429
STATUSES: Final = (402, 403, 412, 422, 429)
"""The statuses that a limit may choose for the requests that it refuses."""


class Limit(msgspec.Struct, frozen=True):
    """One limit of one owner. ``id`` stays when the amount changes; another kind or window makes another limit.

    ``window`` is a calendar window for a budget, a rate window for a rate, and None for concurrency. ``extra`` is what
    overrides add to ``amount``. ``alert_at`` is in the limit's own unit. A strict limit is never overspent: its
    requests are estimated by an upper bound. A reset raises ``epoch``, which begins all buckets of the limit anew.
    ``token_price`` is in picodollars. ``is_grouped``: the limit has a bucket for each combination of values. ``cap``,
    ``is_budget`` and ``is_rate`` follow from the rest; the constructor replaces whatever it is given for these.
    """

    id: str
    level: Level
    owner: str
    kind: Kind
    amount: int
    window: CalendarWindow | RateWindow | None
    direction: Direction = "all"
    alert_at: int | None = None
    strict: bool = False
    unknown_price: UnknownPrice = "allow"
    token_price: int = 0
    exceeded_status: int = 0
    """The status of a refused request; 0 stands for 412 of a budget and 429 of any other limit."""
    on_loss: OnLoss = "charge"
    epoch: int = 0
    extra: int = 0
    is_grouped: bool = False
    cap: int = 0
    """The most that may be settled and reserved together."""
    is_budget: bool = False
    is_rate: bool = False

    def __post_init__(self) -> None:
        put = msgspec.structs.force_setattr
        put(self, "cap", self.amount + self.extra)
        put(self, "is_budget", isinstance(self.window, CalendarWindow))
        put(self, "is_rate", isinstance(self.window, RateWindow))

    def window_end(self, start: int) -> int | None:
        """When a budget's window ends that began at ``start``; None for one that never ends, and for other limits."""
        return self.window.span(start).end if isinstance(self.window, CalendarWindow) else None

    @property
    def status(self) -> int:
        """The status of a refused request."""
        return self.exceeded_status or (BUDGET_STATUS if self.is_budget else RATE_STATUS)


SINGLE: Final = b""
"""The value of a limit's only bucket."""
OVERFLOW: Final = b"\xff"
"""The value of the bucket that all values share for which there is no room."""


class BucketKey(NamedTuple):
    """What one counter is called in every store. ``value`` is ``SINGLE``, ``OVERFLOW`` or the SHA-256 of the values
    that the limit groups by (policy.py). ``window_start`` is in microseconds, and 0 for rates and concurrency, whose
    windows move."""

    limit: str
    value: bytes
    epoch: int
    window_start: int


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """What one request takes of every kind of limit: estimated before it is sent, actual afterwards. ``cost`` is in
    nanodollars, None if the price is unknown. ``is_exact``: ``requests`` is the number that a slice of a limit was used
    for (slices.py), and not whether the attempt counts as a request."""

    cost: int | None = 0
    input: int = 0
    output: int = 0
    requests: int = 1
    is_exact: bool = False


NOTHING: Final = Amounts(0, 0, 0, 0)
"""What a free request takes: a cached answer, say."""


def amount_of(limit: Limit, amounts: Amounts) -> int | None:
    """What these amounts are in the unit of a limit; None if that is a cost, and the price is unknown to a limit that
    rejects unknown prices."""
    kind = limit.kind
    if kind == "cost":
        return _cost(limit, amounts) if amounts.cost is None else amounts.cost
    if kind == "requests":
        return amounts.requests
    if kind == "concurrency":
        return 1
    if limit.direction == "all":
        return amounts.input + amounts.output
    return amounts.input if limit.direction == "input" else amounts.output


def _cost(limit: Limit, amounts: Amounts) -> int | None:
    if limit.unknown_price == "tokens":
        return nanos_reserved((amounts.input + amounts.output) * limit.token_price)
    return 0 if limit.unknown_price == "allow" else None


def charge(limit: Limit, actual: Amounts) -> int | None:
    """What a limit is charged for an attempt; None: as much as the attempt reserved.

    A request counts as it was reserved: in a rate always, in a budget unless the attempt was free. A cost that is
    unknown to a limit that rejects unknown prices counts as it was reserved, too.
    """
    if limit.kind == "requests":
        if actual.is_exact:
            return actual.requests
        return None if actual.requests or limit.is_rate else 0
    return amount_of(limit, actual)


def charged(limit: Limit, reserved: int, actual: Amounts) -> int:
    """What a limit is charged for an attempt that reserved an amount."""
    amount = charge(limit, actual)
    return reserved if amount is None else amount
