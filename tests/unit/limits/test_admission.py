"""A request on its way through its limits: the request as a whole, each attempt, and every way to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from limiting import Clock, budget, concurrency, estimate, rate
from penstock.limits.admission import Admission, Admitted, Estimate
from penstock.limits.applied import Applied
from penstock.limits.counters import Alert, BucketUsage, CountersUnavailable, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import NOTHING, Amounts, Limit
from penstock.limits.memory import MemoryCounters
from penstock.limits.refusal import LimitRefusal
from penstock.limits.windows import DAY, CalendarWindow
from penstock.stores.leased_counters import LeasedCounters

MONEY = budget(100)
REQUESTS = rate(5)
SLOTS = concurrency(2)
OF_PROVIDER = budget(50, id="provider", level="provider")


class Door:
    """An admission over memory, and looks at its counters."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.counters = MemoryCounters(self.clock.read)
        self.admission = Admission(self.counters, self.clock.read)

    async def admit(
        self, request: str, limits: Sequence[Limit], guess: Estimate | None = None, **more: Any
    ) -> Admitted:
        admitted = await self.admission.admit(request, [*map(Applied, limits)], guess or estimate(), **more)
        assert isinstance(admitted, Admitted), admitted
        return admitted

    async def refuse(self, request: str, limits: Sequence[Limit], guess: Estimate | None = None) -> LimitRefusal:
        refused = await self.admission.admit(request, [*map(Applied, limits)], guess or estimate())
        assert isinstance(refused, LimitRefusal)
        return refused

    async def usage(self, limit: Limit) -> BucketUsage:
        return await self.counters.usage(Applied(limit).key_at(self.clock.now))


@pytest.fixture
def door() -> Door:
    return Door()


async def test_a_request_is_let_in_charged_and_done(door: Door) -> None:
    admitted = await door.admit("r", [MONEY, REQUESTS, SLOTS])
    assert await door.usage(MONEY) == (0, 10)
    assert [standing.used for standing in admitted.standings] == [1]
    assert await admitted.settle(Amounts(7)) == ()
    assert await admitted.settle(Amounts(7)) == ()
    await admitted.release()
    assert await door.usage(MONEY) == (7, 0)
    assert door.counters.reservations.open_count == 0


async def test_immediate_counters_are_asked_without_a_wait(door: Door) -> None:
    admission = Admission(door.counters, door.clock.read, door.counters)
    limits = [*map(Applied, [MONEY, REQUESTS, SLOTS])]
    admitted, free = (admission.admit_at_once(request, limits, estimate()) for request in ("r", "s"))
    assert isinstance(admitted, Admitted)
    assert isinstance(free, Admitted)
    assert isinstance(admission.admit_at_once("t", limits, estimate()), LimitRefusal), "both slots are taken"
    assert [standing.used for standing in free.standings] == [2]
    assert await door.usage(MONEY) == (0, 20)
    for _ in range(2):
        assert admitted.close_at_once(door.counters, Amounts(7)) == ()
        assert free.close_at_once(door.counters, None) == ()
    assert await door.usage(MONEY) == (7, 0)
    assert door.counters.reservations.open_count == 0
    assert door.admission.admit_at_once("u", limits, estimate()) is None, "nothing is known of its counters"


async def test_a_request_without_limits_is_admitted_at_once(door: Door) -> None:
    admitted = Admission(door.counters, door.clock.read, door.counters).admit_at_once("r", [], estimate())
    assert isinstance(admitted, Admitted)
    assert admitted.close_at_once(door.counters, Amounts(7)) == ()


async def test_budget_and_rate_are_one_step(door: Door) -> None:
    refused = await door.refuse("r", [REQUESTS, MONEY], estimate(101))
    assert (refused.status, refused.code) == (412, "04")
    for number in range(5):
        await door.admit(f"s{number}", [REQUESTS])
    refused = await door.refuse("t", [MONEY, REQUESTS])
    assert (refused.status, refused.code) == (429, "05")
    assert await door.usage(MONEY) == (0, 0)


async def test_a_strict_limit_holds_the_upper_bound_and_others_the_probable(door: Door) -> None:
    strict = budget(100, id="strict", strict=True)
    await door.admit("r", [MONEY, strict], estimate(10, strict=90))
    assert await door.usage(MONEY) == (0, 10)
    assert await door.usage(strict) == (0, 90)


async def test_without_an_upper_bound_a_strict_limit_says_what_is_missing(door: Door) -> None:
    guess = Estimate(Amounts(10), None, "Set max_tokens.", "m")
    refused = await door.refuse("r", [MONEY, budget(id="strict", strict=True)], guess)
    assert (refused.status, refused.message) == (400, "Set max_tokens.")
    assert await door.usage(MONEY) == (0, 0)
    await door.admit("r", [MONEY, rate(strict=True)], guess)


@pytest.mark.parametrize(("mode", "held"), [("allow", 0), ("tokens", 20)])
async def test_an_unknown_price_is_allowed_or_counted_by_tokens(door: Door, mode: str, held: int) -> None:
    limit = budget(unknown_price=mode, token_price=1000)
    admitted = await door.admit("r", [limit], estimate(None))
    assert await door.usage(limit) == (0, held)
    await admitted.settle(Amounts(None, 20, 20))
    assert await door.usage(limit) == (2 * held, 0)


async def test_an_unknown_price_is_rejected(door: Door) -> None:
    refused = await door.refuse("r", [budget(unknown_price="reject")], estimate(None))
    assert (refused.status, refused.code, refused.param) == (400, "unknown_price", "model")
    assert "model m " in refused.message
    assert "unknown_price" in refused.message


async def test_a_price_that_becomes_known_meanwhile_is_charged(door: Door) -> None:
    admitted = await door.admit("r", [MONEY], estimate(None))
    await admitted.settle(Amounts(33))
    assert await door.usage(MONEY) == (33, 0)


async def test_a_dearer_target_extends_the_request_or_counts_as_failed(door: Door) -> None:
    admitted = await door.admit("r", [MONEY, REQUESTS])
    assert await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate(10)) is None
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((0, 10), (0, 10))
    await admitted.fail_attempt()
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((0, 10), (0, 0))

    refused = await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate(60))
    assert isinstance(refused, LimitRefusal)
    assert (refused.status, refused.type) == (412, "virtual_key_exhaust_error")
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((0, 10), (0, 0))

    assert await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate(45)) is None
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((0, 45), (0, 45))
    assert isinstance(await admitted.begin_attempt([], estimate(101)), LimitRefusal)
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((0, 45), (0, 0))
    assert await admitted.begin_attempt([], estimate(5)) is None
    await admitted.settle(Amounts(30))
    assert (await door.usage(MONEY), await door.usage(OF_PROVIDER)) == ((30, 0), (0, 0))


async def test_a_broken_stream_is_billed_and_the_request_reserves_once_more(door: Door) -> None:
    once = budget(1, "requests")
    limits = [MONEY, once, REQUESTS, SLOTS]
    admitted = await door.admit("r", limits)
    await admitted.settle(Amounts(4))
    assert await admitted.renew(estimate(20), 2) is None
    assert (await door.usage(MONEY), await door.usage(once)) == ((4, 20), (1, 0))
    await admitted.settle(Amounts(15))
    assert (await door.usage(MONEY), await door.usage(once)) == ((19, 0), (1, 0))
    for number in range(4):
        await (await door.admit(f"s{number}", [REQUESTS, SLOTS])).release()
    await door.refuse("t", [REQUESTS])
    assert isinstance(await admitted.renew(estimate(100), 3), LimitRefusal)


async def test_hedged_attempts_reserve_separately(door: Door) -> None:
    first = await door.admit("r", [MONEY, rate(1)])
    second = await door.admit("r", [MONEY, rate(1)], attempt=2)
    assert await door.usage(MONEY) == (0, 20)
    await second.release()
    await first.settle(Amounts(3))
    assert await door.usage(MONEY) == (3, 0)


async def test_attempts_of_a_request_without_limits_of_its_own(door: Door) -> None:
    admitted = await door.admit("r", [])
    assert await admitted.begin_attempt([], estimate()) is None
    assert await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate()) is None
    await admitted.fail_attempt()
    assert await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate()) is None
    await admitted.settle(Amounts(8))
    assert await door.usage(OF_PROVIDER) == (8, 0)
    unlimited = await door.admit("s", [])
    assert await unlimited.settle(Amounts(8)) == ()
    await (await door.admit("t", [])).release()
    assert door.counters.reservations.open_count == 0


async def test_an_attempt_after_midnight_extends_where_the_request_reserved(door: Door) -> None:
    daily = budget(100, window=CalendarWindow("day"))
    admitted = await door.admit("r", [daily])
    door.clock.let_pass(86_400)
    assert await admitted.begin_attempt([], estimate(30)) is None
    await admitted.settle(Amounts(25))
    assert await door.usage(daily) == (0, 0)
    door.clock.now -= DAY
    assert await door.usage(daily) == (25, 0)


async def test_an_attempt_that_no_limit_can_judge_is_refused(door: Door) -> None:
    strict = budget(100, id="strict", strict=True)
    unknown = Estimate(Amounts(10), None, "Set max_tokens.", "m")
    admitted = await door.admit("r", [strict])
    assert isinstance(await admitted.begin_attempt([], unknown), LimitRefusal)
    other = await door.admit("s", [MONEY])
    refused = await other.begin_attempt([Applied(strict)], unknown)
    assert isinstance(refused, LimitRefusal)
    assert refused.code == "estimate_not_bounded"
    assert await door.usage(strict) == (0, 10)
    await other.settle(Amounts(3))
    await admitted.settle(Amounts(3))
    assert (await door.usage(MONEY), await door.usage(strict)) == ((3, 0), (3, 0))


class Unreachable(MemoryCounters):
    """Counters whose store is down."""

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        raise CountersUnavailable(1_500_000)

    extend = reserve


async def test_a_store_that_is_down_never_looks_like_an_exceeded_budget(door: Door) -> None:
    admitted = await door.admit("r", [MONEY])
    admitted._counters = Unreachable(door.clock.read)
    down = Admission(admitted._counters, door.clock.read)
    for refused in (
        await down.admit("r", [Applied(MONEY)], estimate()),
        await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate()),
    ):
        assert isinstance(refused, LimitRefusal)
        assert (refused.status, refused.type) == (503, "budget_store_unavailable")
        assert refused.headers == ((b"retry-after", b"2"), (b"retry-after-ms", b"1500"))


class Interrupted(MemoryCounters):
    """Counters that reserve, and whose answer the request doesn't live to see."""

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        await super().reserve(reservation, holds)
        raise asyncio.CancelledError


async def test_a_request_that_is_cancelled_while_it_reserves_holds_nothing(door: Door) -> None:
    counters = Interrupted(door.clock.read)
    with pytest.raises(asyncio.CancelledError):
        await Admission(counters, door.clock.read).admit("r", [Applied(MONEY)], estimate())
    assert counters.reservations.open_count == 0
    assert tuple(await counters.usage(Applied(MONEY).key_at(door.clock.now))) == (0, 0)


ENDS = ["returns", "fails", "is cancelled", "is cached", "never leaves"]
POINTS = ["before the attempt", "in the attempt", "after a failed attempt"]


async def request(admitted: Admitted, end: str, point: str, is_waiting: asyncio.Event) -> None:
    """A request that ends in some way at some point, and closes its reservation in a ``finally``."""
    actual = None
    try:
        if point != "before the attempt":
            await admitted.begin_attempt([Applied(OF_PROVIDER)], estimate(20))
            actual = Amounts(12, 5, 5)
        if point == "after a failed attempt":
            await admitted.fail_attempt()
        if end == "fails":
            raise ConnectionError
        if end == "is cancelled":
            is_waiting.set()
            await asyncio.Event().wait()
        actual = {"is cached": NOTHING, "never leaves": None}.get(end, actual)
    finally:
        if actual is None:
            await admitted.release()
        else:
            await admitted.settle(actual)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("point", POINTS)
async def test_every_exit_gives_back_what_it_held(door: Door, end: str, point: str) -> None:
    limits = [MONEY, SLOTS, budget(100, "tokens")]
    is_waiting = asyncio.Event()
    task = asyncio.create_task(request(await door.admit("r", limits), end, point, is_waiting))
    if end == "is cancelled":
        await is_waiting.wait()
        assert door.counters.reservations.open_count == 1
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for limit in (MONEY, limits[2], OF_PROVIDER):
        assert (await door.usage(limit))[1] == 0
    assert door.counters.reservations.open_count == 0
    for number in range(2):
        await door.admit(f"s{number}", [SLOTS])


class Hearing(MemoryCounters):
    """Counters that tell when they hear of an end."""

    def __init__(self) -> None:
        super().__init__(lambda: 0)
        self.heard: list[ReservationId] = []

    def settle(
        self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]
    ) -> Coroutine[Any, Any, tuple[Alert, ...]]:
        self.heard.append(reservation)
        return super().settle(reservation, actual, holds)

    def release(self, reservation: ReservationId) -> Coroutine[Any, Any, None]:
        self.heard.append(reservation)
        return super().release(reservation)


async def test_counters_hear_of_an_end_in_the_turn_of_its_record() -> None:
    """Through those that lease slices, too: what is awaited comes when a killed process has written the record."""
    counters, money = Hearing(), Applied(budget(1000))
    leased = LeasedCounters(counters, lambda: 0, lambda _: None)
    first, second = [
        await Admission(leased, lambda: 0).admit(request, [money], Estimate(Amounts(10))) for request in ("a", "b")
    ]
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    endings = first.settle(Amounts(7)), second.release()
    assert counters.heard == [("a", 1), ("b", 1)]
    assert await counters.usage(money.key_at(0)) == (0, 20)
    await asyncio.gather(*endings)
    assert await counters.usage(money.key_at(0)) == (7, 0)
    assert (await first.settle(Amounts(7)), await second.settle(Amounts(7))) == ((), ())
