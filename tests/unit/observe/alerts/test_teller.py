"""One channel: claims, attempts, the end of attempts, what others left behind."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from penstock.observe.alerts.deliveries import DeliveriesLost
from penstock.observe.alerts.notice import Notice
from penstock.observe.alerts.teller import Teller

NOTICE = Notice("store_down", "k", 1.0, "Lost.")


class Scripted:
    """A channel that answers one problem after the other, then none."""

    name = "webhook"

    def __init__(self, *problems: str | Exception) -> None:
        self.problems = list(problems)
        self.told: list[Notice] = []

    async def tell(self, notice: Notice) -> str:
        self.told.append(notice)
        problem = self.problems.pop(0) if self.problems else ""
        if isinstance(problem, Exception):
            raise problem
        return problem


class Shared:
    """Deliveries that are kept by a test; ``lost`` makes them fail."""

    def __init__(self, *claimed: str, left: Sequence[Notice] = (), lost: bool = False) -> None:
        self.claimed = set(claimed)
        self.left = left
        self.lost = lost
        self.finished: list[tuple[str, bool]] = []
        self.leases: list[tuple[float, float]] = []
        self.taken_over: set[str] = set()

    def _check(self) -> None:
        if self.lost:
            raise DeliveriesLost

    async def claim(self, notice: Notice, channel: str, now: float, until: float) -> bool:
        self._check()
        is_new = notice.id not in self.claimed
        self.claimed.add(notice.id)
        return is_new

    async def renew(self, notice_id: str, channel: str, lease: float, until: float) -> bool:
        self._check()
        self.leases.append((lease, until))
        return notice_id not in self.taken_over

    async def finish(self, notice_id: str, channel: str, *, is_told: bool) -> None:
        self._check()
        self.finished.append((notice_id, is_told))

    async def overdue(self, channel: str, now: float, until: float) -> Sequence[Notice]:
        self._check()
        return self.left


class Clock:
    now = 1000.0

    def read(self) -> float:
        return self.now


async def test_it_is_told_once() -> None:
    channel, shared = Scripted(), Shared()
    teller = Teller(channel, shared)
    for _ in range(2):
        teller.notify(NOTICE)
        await teller.tell_due()
    assert (len(channel.told), teller.counts["told"], shared.finished) == (1, 1, [(NOTICE.id, True)])


async def test_what_another_has_claimed_is_its_own() -> None:
    channel = Scripted()
    teller = Teller(channel, Shared(NOTICE.id))
    teller.notify(NOTICE)
    await teller.tell_due()
    assert channel.told == []


async def test_pauses_grow_until_it_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    channel, shared, clock = Scripted(*["down"] * 7), Shared(), Clock()
    teller = Teller(channel, shared, clock.read)
    teller.notify(NOTICE)
    times = []
    while not teller.counts["failed"]:
        before = len(channel.told)
        await teller.tell_due()
        if len(channel.told) > before:
            times.append(clock.now)
        clock.now += 1
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [1, 4, 15, 60, 240, 600]
    assert shared.finished == [(NOTICE.id, False)]
    assert "an alert was not told by webhook (down): Lost." in caplog.text


async def test_each_attempt_renews_the_claim_and_none_is_made_of_what_another_took_over() -> None:
    channel, shared, clock = Scripted("down", "down"), Shared(), Clock()
    teller = Teller(channel, shared, clock.read)
    teller.notify(NOTICE)
    await teller.tell_due()
    clock.now += 1
    await teller.tell_due()
    assert shared.leases == [(2200.0, 2201.0)]
    shared.taken_over.add(NOTICE.id)
    clock.now += 2000
    await teller.tell_due()
    assert (len(channel.told), shared.leases[1:]) == (2, [(2201.0, 4201.0)])
    clock.now += 2000
    await teller.tell_due()
    assert (len(channel.told), len(shared.leases)) == (2, 2)


async def test_while_the_store_is_lost_it_is_told_all_the_same() -> None:
    channel = Scripted("down")
    clock = Clock()
    teller = Teller(channel, Shared(lost=True), clock.read)
    teller.notify(NOTICE)
    await teller.tell_due()
    clock.now += 10
    await teller.tell_due()
    assert (len(channel.told), teller.counts["told"]) == (2, 1)


async def test_what_could_not_be_claimed_is_claimed_when_the_store_is_back() -> None:
    channel, shared, clock = Scripted("down", "down"), Shared(lost=True), Clock()
    teller = Teller(channel, shared, clock.read)
    teller.notify(NOTICE)
    await teller.tell_due()
    shared.lost = False
    clock.now += 1
    await teller.tell_due()
    assert (len(channel.told), shared.claimed, shared.leases) == (2, {NOTICE.id}, [])
    clock.now += 4
    await teller.tell_due()
    assert (len(channel.told), shared.leases, shared.finished) == (3, [(2201.0, 2205.0)], [(NOTICE.id, True)])


async def test_a_claim_that_could_not_be_renewed_is_renewed_as_the_store_knows_it() -> None:
    channel, shared, clock = Scripted("down", "down"), Shared(), Clock()
    teller = Teller(channel, shared, clock.read)
    teller.notify(NOTICE)
    for is_lost in (False, True, False):
        shared.lost = is_lost
        await teller.tell_due()
        clock.now += 10
    assert (len(channel.told), shared.leases) == (3, [(2200.0, 2220.0)])


async def test_a_defect_of_a_channel_costs_no_other_notice() -> None:
    channel = Scripted(RuntimeError("a defect"))
    teller = Teller(channel)
    teller.notify(NOTICE)
    teller.notify(Notice("store_down", "other", 1.0, "Lost, too."))
    await teller.tell_due()
    assert teller.counts["told"] == 1


async def test_the_queue_is_bounded() -> None:
    teller = Teller(Scripted())
    for number in range(1002):
        teller.notify(Notice("store_down", str(number), 1.0, ""))
    assert teller.counts["dropped"] == 2


async def test_what_others_left_behind_is_told_and_the_last_ones_at_the_end() -> None:
    channel = Scripted()
    teller = Teller(channel, Shared(NOTICE.id, left=[NOTICE]))
    await teller._take_over()
    await teller._take_over()
    await teller.stop()
    assert channel.told == [NOTICE]
