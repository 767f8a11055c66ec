"""How the limits of a key stand, asked of every store of counters."""

from __future__ import annotations

import msgspec

from counting import Store
from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.applied import Applied
from penstock.pipeline.key_holder import limits_told


async def test_budgets_rates_and_concurrency(store: Store) -> None:
    money, calls, at_once = budget(5_000_000_000), rate(3), concurrency(2)
    limits = [Applied(limit) for limit in (money, calls, at_once)]
    holds = [hold(money, 1_250_000_000), hold(calls, 1), hold(at_once, 1)]
    assert await store.takes(("request", 1), *holds)
    for _ in range(5):  # asking takes nothing
        of_money, of_calls, of_concurrency = await limits_told(store.counters, limits, NOON)
    assert (of_money["used"], of_money["reserved"]) == (msgspec.Raw(b"0"), msgspec.Raw(b"1.25"))
    assert (of_money["amount"], of_money["remaining"]) == (msgspec.Raw(b"5"), msgspec.Raw(b"3.75"))
    assert (of_calls["used"], of_calls["remaining"], of_calls["window"]["unit"]) == (1, 2, "seconds")
    assert (of_concurrency["amount"], of_concurrency["used"], of_concurrency["window"]) == (2, None, None)
    for number in range(2, 4):
        assert await store.takes(("request", number), hold(calls, 1))
    _, full, _ = await limits_told(store.counters, limits, NOON)
    assert (full["used"], full["remaining"]) == (3, 0)
    assert full["resets_at"] is not None
