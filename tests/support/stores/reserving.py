"""Requests that do anything in any order, and a model of what counters then say.

The model keeps a list of reservations and adds up whenever it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Protocol

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from limiting import NOON, budget, hold
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import Amounts, BucketKey
from penstock.limits.windows import DAY, SECOND, CalendarWindow

NAMES = ("key", "workspace", "provider")
AMOUNTS = st.integers(0, 60)


class Model:
    """What is spent and what is reserved, as two lists of (bucket, amount)."""

    def __init__(self) -> None:
        self.spent: list[tuple[BucketKey, int]] = []
        self.open: dict[tuple[str, int], list[tuple[BucketKey, int]]] = {}
        self.lost: dict[tuple[str, int], list[tuple[BucketKey, int]]] = {}

    def usage(self, key: BucketKey) -> tuple[int, int]:
        reserved = (each for holds in self.open.values() for each in holds)
        return (sum(n for k, n in self.spent if k == key), sum(n for k, n in reserved if k == key))

    def fits(self, holds: list[Hold]) -> bool:
        for each in holds:
            settled, reserved = self.usage(each.key)
            cap = each.limit.cap
            if settled + reserved + each.amount > cap or (each.amount == 0 and settled >= cap):
                return False
        return True

    def take(self, reservation: tuple[str, int], holds: list[Hold]) -> None:
        self.open.setdefault(reservation, []).extend((each.key, each.amount) for each in holds)

    def settle(self, reservation: tuple[str, int], amount: int) -> None:
        estimated = self.lost.pop(reservation, [])
        self.spent += [(key, -reserved) for key, reserved in estimated]
        keys = {key for key, _ in (estimated or self.open.pop(reservation, []))}
        self.spent += [(key, amount) for key in keys]

    def lose(self, reservation: tuple[str, int]) -> None:
        self.lost[reservation] = self.open.pop(reservation)
        self.spent += self.lost[reservation]


class Steps(Protocol):
    """The steps of ``Counters``, one after the other, at moments that the machine chooses."""

    def reserve(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded: ...

    def extend(self, reservation: ReservationId, holds: Sequence[Hold], now: int) -> Reserved | Exceeded: ...

    def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None: ...

    def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]: ...

    def release(self, reservation: ReservationId) -> None: ...

    def lose(self, older_than: int, now: int) -> tuple[Alert, ...]: ...

    def usage(self, key: BucketKey) -> BucketUsage: ...


_PREFIXES = count()


class Requests(RuleBasedStateMachine):
    """Requests that reserve, change targets, end or are lost, while an operator edits limits and time passes."""

    reservations = Bundle("reservations")

    def __init__(self, counters: Steps) -> None:
        super().__init__()
        self.counters = counters
        self.prefix = next(_PREFIXES)
        self.holds_of: dict[tuple[str, int], list[Hold]] = {}
        self.model = Model()
        self.caps = dict.fromkeys(NAMES, 100)
        self.epochs = dict.fromkeys(NAMES, 0)
        self.now = NOON
        self.number = 0
        self.keys: set[BucketKey] = set()
        self.overran: set[BucketKey] = set()

    def holds(self, names: tuple[str, ...], amount: int) -> list[Hold]:
        window = CalendarWindow("day")
        limits = [
            budget(self.caps[name], window=window, id=f"{self.prefix}-{name}", epoch=self.epochs[name])
            for name in names
        ]
        holds = [hold(limit, amount, self.now) for limit in limits]
        self.keys.update(each.key for each in holds)
        return holds

    @rule(target=reservations, amount=AMOUNTS, names=st.sampled_from([NAMES[:1], NAMES[:2], NAMES]))
    def reserve(self, amount: int, names: tuple[str, ...]) -> tuple[str, int]:
        self.number += 1
        reservation = (f"{self.prefix}-request", self.number)
        holds = self.holds(names, amount)
        fits = self.model.fits(holds)
        assert isinstance(self.counters.reserve(reservation, holds, self.now), Exceeded) is not fits
        if fits:
            self.model.take(reservation, holds)
            self.holds_of[reservation] = holds
        return reservation

    @rule(reservation=reservations, amount=AMOUNTS)
    def ask_again(self, reservation: tuple[str, int], amount: int) -> None:
        if reservation in self.model.open:
            assert not isinstance(self.counters.reserve(reservation, self.holds(NAMES, amount), self.now), Exceeded)

    @rule(reservation=reservations, amount=AMOUNTS)
    def extend(self, reservation: tuple[str, int], amount: int) -> None:
        if reservation in self.model.open:
            holds = self.holds(NAMES, amount)
            fits = self.model.fits(holds)
            assert isinstance(self.counters.extend(reservation, holds, self.now), Exceeded) is not fits
            if fits:
                self.model.take(reservation, holds)
                self.holds_of[reservation] += holds

    @rule(reservation=reservations)
    def fall_back(self, reservation: tuple[str, int]) -> None:
        keys = [key for key in self.keys if key.limit.endswith("-provider")]
        self.counters.shrink(reservation, keys)
        self.holds_of[reservation] = [each for each in self.holds_of.get(reservation, []) if each.key not in keys]
        if reservation in self.model.open:
            self.model.open[reservation] = [each for each in self.model.open[reservation] if each[0] not in keys]

    @rule(reservation=reservations, amount=AMOUNTS)
    def settle(self, reservation: tuple[str, int], amount: int) -> None:
        if reservation in self.model.open or reservation in self.model.lost:
            held: dict[BucketKey, int] = {}
            for key, reserved in self.model.open.get(reservation, []) + self.model.lost.get(reservation, []):
                held[key] = held.get(key, 0) + reserved
            self.overran |= {key for key, reserved in held.items() if amount > reserved}
            self.model.settle(reservation, amount)
            self.counters.settle(reservation, Amounts(amount), self.holds_of[reservation])

    @rule(reservation=reservations)
    def settle_exactly(self, reservation: tuple[str, int]) -> None:
        amounts = {key: 0 for key, _ in self.model.open.get(reservation, [])}
        for key, amount in self.model.open.get(reservation, []):
            amounts[key] += amount
        if len(set(amounts.values())) == 1:
            amount = next(iter(amounts.values()))
            self.model.settle(reservation, amount)
            self.counters.settle(reservation, Amounts(amount), self.holds_of[reservation])

    @rule(reservation=consumes(reservations))
    def cancel(self, reservation: tuple[str, int]) -> None:
        self.counters.release(reservation)
        self.model.open.pop(reservation, None)

    @rule()
    def lose(self) -> None:
        self.now += SECOND
        self.counters.lose(0, self.now)
        for reservation in list(self.model.open):
            self.model.lose(reservation)

    @rule(name=st.sampled_from(NAMES), cap=st.integers(1, 200))
    def edit(self, name: str, cap: int) -> None:
        if cap < self.caps[name]:
            self.overran |= {key for key in self.keys if key.limit.endswith(f"-{name}")}
        self.caps[name] = cap

    @rule(name=st.sampled_from(NAMES))
    def reset(self, name: str) -> None:
        self.epochs[name] += 1

    @rule()
    def roll(self) -> None:
        self.now += DAY

    @invariant()
    def counters_are_as_the_model_says(self) -> None:
        for key in self.keys:
            settled, reserved = usage = tuple(self.counters.usage(key))
            assert usage == self.model.usage(key)
            assert reserved >= 0
            if key not in self.overran:
                assert settled + reserved <= self.caps[key.limit.partition("-")[2]]

    def teardown(self) -> None:
        for reservation in self.model.open:
            self.counters.release(reservation)
        assert all(self.counters.usage(key).reserved == 0 for key in self.keys)
