"""What a limit counts, and in which unit."""

from __future__ import annotations

import pytest

from limiting import budget, concurrency, rate
from penstock.limits.limit import NOTHING, Amounts, Limit, amount_of, charged

AMOUNTS = Amounts(500, 30, 12)


@pytest.mark.parametrize(
    ("limit", "amount"),
    [
        (budget(), 500),
        (budget(kind="tokens"), 42),
        (budget(kind="tokens", direction="input"), 30),
        (budget(kind="tokens", direction="output"), 12),
        (budget(kind="requests"), 1),
        (rate(kind="tokens"), 42),
        (rate(), 1),
        (concurrency(), 1),
    ],
)
def test_what_a_request_takes(limit: Limit, amount: int) -> None:
    assert amount_of(limit, AMOUNTS) == amount


def test_an_unknown_price() -> None:
    unknown = Amounts(None, 30, 12)
    assert amount_of(budget(unknown_price="allow"), unknown) == 0
    assert amount_of(budget(unknown_price="reject"), unknown) is None
    # 42 tokens at 2,500 picodollars are 105 nanodollars.
    assert amount_of(budget(unknown_price="tokens", token_price=2500), unknown) == 105
    assert charged(budget(unknown_price="reject"), 77, unknown) == 77


def test_requests_stay_counted_in_rates_and_not_in_budgets() -> None:
    assert charged(rate(), 1, NOTHING) == 1
    assert charged(budget(kind="requests"), 1, NOTHING) == 0
    assert charged(budget(kind="requests"), 0, AMOUNTS) == 0, "an attempt that is no request of its own"
    assert charged(rate(kind="tokens"), 50, NOTHING) == 0


def test_statuses_and_caps() -> None:
    assert (budget().status, rate().status, concurrency().status) == (412, 429, 429)
    assert budget(exceeded_status=402).status == 402
    assert budget(100, extra=20).cap == 120
    assert [limit.is_budget for limit in (budget(), rate(), concurrency())] == [True, False, False]
    assert [limit.is_rate for limit in (budget(), rate(), concurrency())] == [False, True, False]
