"""What every ``Counters`` does, whatever it counts in. An implementation adds an engine to tests/support/stores/counting.py.

Windows of rates are a second or a minute long: ``let_pass`` passes the store's own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from counting import Store
from limiting import NOON, budget, concurrency, hold, rate
from penstock.limits.counters import Exceeded
from penstock.limits.limit import NOTHING, Amounts, Limit
from penstock.limits.windows import DAY, SECOND, CalendarWindow

MONEY = budget(100, strict=True)
SPENT = Amounts(30, 10, 10)
FIRST = ("request", 1)


async def test_nobody_overspends(store: Store) -> None:
    """200 requests at once that cost exactly their estimate, a limit for 37: all are held until all have asked."""
    limit = budget(37 * 11, strict=True)
    everybody_asked, asked = asyncio.Event(), 0

    async def request(number: int) -> bool:
        nonlocal asked
        money = hold(limit, 11)
        is_let_in = await store.takes((f"r{number}", 1), money)
        asked += 1
        if asked == 200:
            everybody_asked.set()
        await everybody_asked.wait()
        if is_let_in:
            await store.counters.settle((f"r{number}", 1), Amounts(11), [money])
        return is_let_in

    let_in = await asyncio.gather(*(request(number) for number in range(200)))
    assert sum(let_in) == 37
    assert await store.usage(hold(limit)) == (37 * 11, 0)


async def test_nobody_overspends_from_several_threads(store: Store) -> None:
    """Threads ask through the event loop that the counters belong to."""
    loop = asyncio.get_running_loop()
    limit = budget(37, "requests", strict=True)

    def submit(coroutine: Coroutine[Any, Any, bool]) -> bool:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    def ask(thread: int) -> int:
        return sum(submit(store.takes((f"t{thread}", number), hold(limit))) for number in range(20))

    with ThreadPoolExecutor(10) as threads:
        let_in = await asyncio.gather(*(loop.run_in_executor(threads, ask, thread) for thread in range(10)))
    assert sum(let_in) == 37
    assert await store.usage(hold(limit)) == (0, 37)


@pytest.mark.parametrize("refusing", [rate(5, kind="tokens"), budget(5, "tokens"), concurrency(0)])
async def test_nothing_is_taken_unless_everything_fits(store: Store, refusing: Limit) -> None:
    others = [hold(rate(1)), hold(MONEY, 100), hold(concurrency(1, id="slots"))]
    for order in ([*others, hold(refusing, 6)], [hold(refusing, 6), *others]):
        result = await store.counters.reserve(FIRST, order)
        assert isinstance(result, Exceeded)
        assert result.hold.limit == refusing
        assert result.hold.amount == 6
    assert await store.takes(("other", 1), *others)


async def test_a_reservation_is_closed_once(store: Store) -> None:
    money = hold(MONEY, 40)
    assert await store.takes(FIRST, money)
    assert await store.takes(FIRST, money), "a call whose answer was lost is sent again"
    assert await store.usage(money) == (0, 40)
    for amount in (30, 99):
        await store.counters.settle(FIRST, Amounts(amount), [money])
        assert await store.usage(money) == (30, 0)
    await store.counters.release(FIRST)
    assert await store.usage(money) == (30, 0)


async def test_a_released_reservation_leaves_budgets_as_they_were(store: Store) -> None:
    holds = [hold(MONEY, 40), hold(budget(9, "requests")), hold(concurrency(1)), hold(rate(50, kind="tokens"), 50)]
    assert await store.takes(FIRST, *holds)
    await store.counters.release(FIRST)
    await store.counters.settle(FIRST, SPENT, holds)
    assert await store.usage(holds[0]) == await store.usage(holds[1]) == (0, 0)
    assert await store.takes(("other", 1), *holds)


async def test_a_free_answer_counts_as_a_request_in_rates_only(store: Store) -> None:
    holds = [hold(MONEY, 40), hold(budget(9, "requests")), hold(rate(1))]
    assert await store.takes(FIRST, *holds)
    await store.counters.settle(FIRST, NOTHING, holds)
    assert await store.usage(holds[0]) == await store.usage(holds[1]) == (0, 0)
    assert not await store.takes(("other", 1), holds[2])


async def test_an_extension_fits_or_changes_nothing(store: Store) -> None:
    money, provider = hold(MONEY, 40), hold(budget(100, id="provider"), 70)
    assert await store.takes(FIRST, money)
    refused = await store.counters.extend(FIRST, [hold(MONEY, 61), provider])
    assert isinstance(refused, Exceeded)
    assert (await store.usage(money), await store.usage(provider)) == ((0, 40), (0, 0))
    assert not isinstance(await store.counters.extend(FIRST, [hold(MONEY, 60), provider]), Exceeded)
    assert (await store.usage(money), await store.usage(provider)) == ((0, 100), (0, 70))
    await store.counters.shrink(FIRST, [provider.key])
    assert (await store.usage(money), await store.usage(provider)) == ((0, 100), (0, 0))
    await store.counters.settle(FIRST, SPENT, [hold(MONEY, 100)])
    assert (await store.usage(money), await store.usage(provider)) == ((30, 0), (0, 0))


async def test_only_open_reservations_are_extended(store: Store) -> None:
    with pytest.raises(ValueError, match="open"):
        await store.counters.extend(FIRST, [hold(MONEY, 1)])
    await store.counters.shrink(FIRST, [hold(MONEY).key])
    await store.counters.release(FIRST)


async def test_an_overrun_is_charged_and_blocks_until_the_limit_is_raised(store: Store) -> None:
    money = hold(MONEY, 40)
    assert await store.takes(FIRST, money)
    kinds = [alert.kind for alert in await store.counters.settle(FIRST, Amounts(130), [money])]
    assert kinds == ["overrun", "exhausted"]
    assert await store.usage(money) == (130, 0)
    for amount in (0, 1):
        result = await store.counters.reserve(("other", amount), [hold(MONEY, amount)])
        assert isinstance(result, Exceeded)
        assert (result.settled, result.reserved) == (130, 0)
    assert await store.takes(("raised", 1), hold(budget(200), 70))


async def test_a_lowered_limit_blocks_at_once(store: Store) -> None:
    assert await store.takes(FIRST, hold(MONEY, 40))
    assert not await store.takes(("other", 1), hold(budget(39), 1))
    assert await store.takes(("other", 1), hold(budget(39, extra=2), 1)), "an override adds to the limit"


async def test_an_unknown_reservation_is_charged(store: Store) -> None:
    money = hold(MONEY, 40)
    for _ in range(2):
        await store.counters.settle(FIRST, SPENT, [money, hold(rate(1)), hold(concurrency(1))])
    assert await store.usage(money) == (30, 0)
    assert await store.takes(("other", 1), hold(rate(1)), hold(concurrency(1)))


@pytest.mark.parametrize(("on_loss", "at_loss"), [("charge", 40), ("release", 0)])
async def test_a_lost_reservation_is_charged_or_released_and_corrected(
    store: Store, on_loss: str, at_loss: int
) -> None:
    money = hold(budget(100, on_loss=on_loss), 40)
    assert await store.takes(FIRST, money, hold(concurrency(1)))
    await store.let_pass(30)
    await store.counters.lose(60 * SECOND)
    assert await store.usage(money) == (0, 40)
    await store.let_pass(31)
    await store.counters.lose(60 * SECOND)
    assert await store.usage(money) == (at_loss, 0)
    assert await store.takes(("other", 1), hold(concurrency(1)))
    for _ in range(2):
        await store.counters.settle(FIRST, SPENT, [money])
        assert await store.usage(money) == (30, 0)


async def test_a_request_settles_in_the_window_where_it_reserved(store: Store) -> None:
    limit = budget(100, window=CalendarWindow("day"))
    today, tomorrow = hold(limit, 100), hold(limit, 100, NOON + DAY)
    assert await store.takes(FIRST, today)
    assert await store.takes(("other", 1), tomorrow)
    await store.counters.settle(FIRST, SPENT, [today])
    assert (await store.usage(today), await store.usage(tomorrow)) == ((30, 0), (0, 100))
    assert await store.takes(("back", 1), hold(limit, 70)), "a clock that steps back finds yesterday's bucket"


async def test_a_budget_of_which_the_store_knows_nothing_is_charged(store: Store) -> None:
    """The store was down when the reservation was extended by it."""
    money, provider, late = hold(MONEY, 40), hold(budget(100, id="provider"), 5), hold(budget(100, id="late"), 5)
    assert await store.takes(FIRST, money)
    alerts = await store.counters.settle(FIRST, Amounts(30), [money, provider])
    assert (alerts, await store.usage(money), await store.usage(provider)) == ((), (30, 0), (30, 0))
    assert await store.takes(("lost", 1), money)
    await store.let_pass(61)
    await store.counters.lose(60 * SECOND)
    await store.counters.settle(("lost", 1), Amounts(20), [money, late])
    assert (await store.usage(money), await store.usage(late)) == ((50, 0), (20, 0))


async def test_values_and_epochs_have_buckets_of_their_own(store: Store) -> None:
    for number, other in enumerate(
        (hold(MONEY, 100), hold(MONEY, 100, value=b"v" * 32), hold(budget(100, epoch=1), 100))
    ):
        assert await store.takes(("r", number), other)
        assert not await store.takes(("s", number), hold(other.limit, 1, value=other.key.value))


async def test_each_line_is_told_once(store: Store) -> None:
    limit = budget(100, alert_at=50)

    async def request(number: int) -> list[str]:
        money = hold(limit, 1)
        if not await store.takes(("r", number), money):
            return []
        return [alert.kind for alert in await store.counters.settle(("r", number), Amounts(1), [money])]

    told = await asyncio.gather(*(request(number) for number in range(200)))
    assert sorted(kind for kinds in told for kind in kinds) == ["exhausted", "threshold"]


async def test_balances(store: Store) -> None:
    money = hold(MONEY, 40)
    assert await store.counters.open_balance(money.key, MONEY, 70) == 0
    assert not await store.takes(FIRST, money)
    assert await store.counters.open_balance(money.key, MONEY, 0) == 70
    assert await store.takes(FIRST, money)


async def test_no_sliding_second_has_more_than_its_value(store: Store) -> None:
    """Four callers at more than ten times the limit for three windows, under a joint limit of requests and tokens."""
    limits = [rate(100, "rps"), rate(900, "rps", "tokens")]
    passed, admitted = 0.0, []
    for number in range(4000):
        tokens = 1 + number * 7 % 17
        if await store.takes(("r", number), hold(limits[0]), hold(limits[1], tokens)):
            admitted.append((passed, tokens))
        if number % 4 == 3:
            await store.let_pass(0.003)
            passed += 0.003
    for start, _ in admitted:
        inside = [tokens for moment, tokens in admitted if start <= moment < start + 0.999]
        assert len(inside) <= 100
        assert sum(inside) <= 900
    assert sum(tokens for _, tokens in admitted) >= 0.95 * 900 * 3


@pytest.mark.parametrize("unit", ["rps", "rpm"])
@pytest.mark.parametrize("sliding", [True, False])
async def test_who_waits_as_long_as_told_is_let_in(store: Store, unit: str, sliding: bool) -> None:
    limits = [rate(7, unit, sliding=sliding), rate(90, unit, "tokens", sliding=sliding)]
    number, waits = 0, 0
    while waits < 100:
        number += 1
        holds = [hold(limits[0]), hold(limits[1], 1 + number * 7 % 29)]
        result = await store.counters.reserve(("r", number), holds)
        if isinstance(result, Exceeded):
            assert result.wait is not None
            assert 0 < result.wait <= limits[0].window.length  # type: ignore[union-attr]
            await store.let_pass(result.wait / SECOND)
            assert await store.takes(("again", number), *holds)
            waits += 1
        await store.let_pass(0.013)


async def test_what_can_never_fit_has_no_wait(store: Store) -> None:
    result = await store.counters.reserve(FIRST, [hold(rate(5, kind="tokens"), 6)])
    assert isinstance(result, Exceeded)
    assert result.wait is None


async def test_tokens_are_corrected_where_they_were_counted(store: Store) -> None:
    limit = rate(100, "rps", "tokens")
    tokens = hold(limit, 90)
    assert await store.takes(("under", 1), tokens)
    assert not await store.takes(("other", 1), hold(limit, 11))
    await store.counters.settle(("under", 1), Amounts(0, 5, 5), [tokens])
    assert await store.takes(("over", 1), tokens)
    await store.counters.settle(("over", 1), Amounts(0, 100, 50), [tokens])
    await store.let_pass(0.5)
    assert not await store.takes(("other", 1), hold(limit, 1)), "an overrun blocks"
    await store.let_pass(0.6)
    assert await store.takes(("late", 1), hold(limit, 40))
    await store.let_pass(1.1)
    assert await store.takes(("new", 1), hold(limit, 100))
    await store.counters.settle(("late", 1), Amounts(0, 0, 0), [hold(limit, 40)])
    assert not await store.takes(("other", 1), hold(limit, 1)), "what left the window is not given back"


async def test_standings_of_what_was_let_in(store: Store) -> None:
    requests, tokens = rate(10), rate(100, kind="tokens")
    result = await store.counters.reserve(FIRST, [hold(requests), hold(MONEY, 1), hold(tokens, 30)])
    assert not isinstance(result, Exceeded)
    assert [(standing.limit, standing.used, standing.remaining) for standing in result] == [
        (requests, 1, 9),
        (tokens, 30, 70),
    ]
    assert all(59 * SECOND < standing.resets_in <= 60 * SECOND for standing in result)
