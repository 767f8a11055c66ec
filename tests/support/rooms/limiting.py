"""Limits, estimates and a clock for the tests of limits."""

from __future__ import annotations

from typing import Any, NamedTuple

from penstock.core.money import nanos_settled
from penstock.core.prices import Prices
from penstock.core.usage import Usage
from penstock.limits.admission import Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Hold
from penstock.limits.limit import Amounts, Kind, Limit
from penstock.limits.pricing import PricedModel, SteadyPrice
from penstock.limits.windows import RATE_UNITS, SECOND, CalendarWindow, RateWindow

NOON: int = 20_454 * 86_400 * SECOND + 43_200 * SECOND
"""1 January 2026, 12:00 UTC."""


class Clock:
    """Microseconds since 1970 that pass when a test says so."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def read(self) -> int:
        return self.now

    def let_pass(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def budget(amount: int = 100, kind: Kind = "cost", window: CalendarWindow | None = None, **more: Any) -> Limit:
    given = {"id": f"budget-{kind}", "level": "api_key", "owner": "k", **more}
    return Limit(kind=kind, amount=amount, window=window or CalendarWindow(), **given)


def rate(amount: int = 10, unit: str = "rpm", kind: Kind = "requests", *, sliding: bool = True, **more: Any) -> Limit:
    window = RATE_UNITS[unit]
    given = {"id": f"rate-{kind}-{unit}", "level": "api_key", "owner": "k", **more}
    return Limit(kind=kind, amount=amount, window=RateWindow(window.length, window.step, sliding), **given)


def concurrency(amount: int = 2, **more: Any) -> Limit:
    given = {"id": "concurrency", "level": "api_key", "owner": "k", **more}
    return Limit(kind="concurrency", amount=amount, window=None, **given)


def hold(limit: Limit, amount: int = 1, now: int = NOON, value: bytes = b"", value_key: str = "default") -> Hold:
    return Hold(Applied(limit, value, value_key).key_at(now), limit, amount, value_key)


def estimate(cost: int | None = 10, input_tokens: int = 10, output: int = 10, *, strict: int | None = None) -> Estimate:
    """An estimate, with ``strict`` as the cost of its upper bound: the same without it."""
    normal = Amounts(cost, input_tokens, output)
    return Estimate(normal, normal if strict is None else Amounts(strict, input_tokens, output), "", "m")


class FixedPricing:
    """``Pricing`` with one price for all models but ``unpriced``: picodollars of a token of the prompt, of the answer."""

    is_loading = False

    async def ready(self) -> None:
        """They are there."""

    def __init__(self, input_price: int, output_price: int, *unpriced: str) -> None:
        self.fixed = Prices(input_price, output_price)
        self.unpriced = {*unpriced}

    def prices(self, model: PricedModel, *, strict: bool) -> Prices | None:
        return None if model.model in self.unpriced else self.fixed

    def steady(self, model: PricedModel) -> SteadyPrice | None:
        return None if model.model in self.unpriced else SteadyPrice(self.fixed, 1 << 32, "fixed", "exact")

    def charge(self, model: PricedModel, usage: Usage, at: float | None = None) -> FixedCharge | None:
        if model.model in self.unpriced:
            return None
        picos = (usage.prompt or 0) * self.fixed.input + (usage.completion or 0) * self.fixed.output
        return FixedCharge(nanos_settled(picos), "fixed", "exact")


class FixedCharge(NamedTuple):
    nanos: int
    price_version: str
    price_match: str
