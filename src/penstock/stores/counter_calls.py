"""Steps of counters as values, for stores whose functions carry them out: PostgreSQL's and Redis's.

A store's function decides whether everything fits, and answers with the counters as they are. Which limit is told, how
long to wait and how rates stand is worked out here, by the same code as in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from penstock.limits.counters import Alert, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import OVERFLOW, Amounts, BucketKey, Limit, charge
from penstock.limits.partial import CounterState, counter_of
from penstock.limits.policy import overflow_of
from penstock.limits.rates import Part
from penstock.limits.tightest import standings_of, tightest
from penstock.limits.windows import RateWindow
from penstock.stores.stored_counters import CLOSED_KEPT, KEPT, LEASE, LOST_KEPT, Charge, LostCharge

_MOST_LIMITS: Final = 10_000

CounterKind = Literal["budget", "gauge", "sliding", "fixed"]


class LimitTexts:
    """Limits in JSON, as a store's reservations keep them: each is written and read once."""

    def __init__(self) -> None:
        self._texts: dict[Limit, str] = {}
        self._limits: dict[str, Limit] = {}

    def text(self, limit: Limit) -> str:
        return self._texts.get(limit) or self._keep(limit, msgspec.json.encode(limit).decode())[1]

    def limit(self, text: str) -> Limit:
        return self._limits.get(text) or self._keep(msgspec.json.decode(text, type=Limit), text)[0]

    def _keep(self, limit: Limit, text: str) -> tuple[Limit, str]:
        if len(self._texts) >= _MOST_LIMITS:
            self._texts, self._limits = {}, {}
        self._texts[limit] = text
        self._limits[text] = limit
        return limit, text


class HoldCall(msgspec.Struct, frozen=True):
    """A hold as a function reads it. ``value`` is in hexadecimal digits. ``length`` and ``step`` are those of a rate's
    window. ``charge`` is what a settlement charges, None for as much as was reserved."""

    limit: str
    value: str
    epoch: int
    start: int
    name: str
    kind: CounterKind
    amount: int
    cap: int
    alert_at: int | None
    length: int
    step: int
    ends: int | None
    grouped: bool
    definition: str
    charge: int | None


class CounterCall(msgspec.Struct, frozen=True):
    """One step. ``at`` stands for the store's own time in tests; ``keys`` None for all buckets of a reservation.
    ``rebuilds``: the step loads counters into a store that has lost them, and fits always. ``generation``: the loading
    that the worker counts on, empty for any."""

    worker: str
    most: int
    at: int | None
    request: str = ""
    attempt: int = 0
    extends: bool = False
    rebuilds: bool = False
    generation: str = ""
    holds: tuple[HoldCall, ...] = ()
    keys: tuple[tuple[str, str, int, int], ...] | None = None
    settled: int = 0
    older_than: int = 0
    ended_before: int = 0
    reservations: tuple[ReservationId, ...] = ()
    host: str = ""
    lease: int = LEASE
    kept: int = KEPT
    closed_kept: int = CLOSED_KEPT
    lost_kept: int = LOST_KEPT


class StepAnswer(msgspec.Struct, frozen=True):
    """What a function answers to a reservation. ``counters`` are in the order of the call: settled, reserved, the state
    of the alerts, the parts of a window, the value of the counter. ``overflowed`` are the numbers of the holds that
    begin an overflow."""

    outcome: Literal["taken", "exceeded", "closed"]
    at: int = 0
    counters: tuple[tuple[int, int, int, tuple[Part, ...], str], ...] = ()
    overflowed: tuple[int, ...] = ()


AlertAnswer = tuple[Literal["overrun", "threshold", "exhausted"], int, str, str, int, int, str]
"""An alert as a function answers it: kind, amount, the four parts of the key, the limit in JSON."""


ChargeAnswer = tuple[str, str, int, int, str, int, int]
"""A charge as a function answers it: the four parts of the key, the bucket's name, amount, the window's end or -1."""


LostAnswer = tuple[str, int, str, str, int, int, int]
"""What a lost reservation was charged: its two parts, the four parts of the counter's key, nanodollars."""


class LoseAnswer(msgspec.Struct, frozen=True):
    """How many reservations were lost, the alerts, what budgets in dollars were charged for which reservation of which
    the ledger wasn't told yet, and, of Redis, the charges."""

    lost: int
    alerts: tuple[AlertAnswer, ...] = ()
    charges: tuple[ChargeAnswer, ...] = ()
    of: tuple[LostAnswer, ...] = ()


class SettleAnswer(msgspec.Struct, frozen=True):
    """What Redis answers to a settlement. ``is_repeated``: the reservation was closed, and nothing was charged now."""

    alerts: tuple[AlertAnswer, ...]
    charges: tuple[ChargeAnswer, ...]
    is_repeated: bool


def read_alerts(answers: Iterable[AlertAnswer]) -> tuple[Alert, ...]:
    """The alerts that a step of the store has raised."""
    return tuple(
        Alert(kind, msgspec.json.decode(text, type=Limit), BucketKey(limit, bytes.fromhex(value), epoch, start), amount)
        for kind, amount, limit, value, epoch, start, text in answers
    )


def read_charges(answers: Iterable[ChargeAnswer]) -> list[Charge]:
    """What a step of the store has added to budgets; a window without an end ends below 0 in the store's words."""
    return [
        Charge(BucketKey(limit, bytes.fromhex(value), epoch, start), name, amount, None if ends < 0 else ends)
        for limit, value, epoch, start, name, amount, ends in answers
    ]


def read_lost(answers: Iterable[LostAnswer]) -> list[LostCharge]:
    """What budgets in dollars were charged for lost reservations."""
    return [
        LostCharge((request, attempt), BucketKey(limit, bytes.fromhex(value), epoch, start), amount)
        for request, attempt, limit, value, epoch, start, amount in answers
    ]


def key_call(key: BucketKey) -> tuple[str, str, int, int]:
    return key.limit, key.value.hex(), key.epoch, key.window_start


class CallMaker:
    """Makes the calls of one worker. ``clock`` replaces the store's own time in tests."""

    def __init__(self, worker: str, most_values: int, clock: Callable[[], int] | None) -> None:
        self._worker = worker
        self._most = most_values
        self._clock = clock
        self._texts = LimitTexts()

    def call(self, **members: Any) -> CounterCall:
        return CounterCall(self._worker, self._most, None if self._clock is None else self._clock(), **members)

    def of_reservation(self, reservation: ReservationId, holds: Sequence[Hold] = (), **members: Any) -> CounterCall:
        return self.call(request=reservation[0], attempt=reservation[1], holds=tuple(map(self._hold, holds)), **members)

    def of_balance(self, hold: Hold, settled: int) -> CounterCall:
        return self.call(holds=(self._hold(hold),), settled=settled)

    def told(self, charges: Iterable[LostCharge]) -> CounterCall:
        """The ledger is told of lost reservations."""
        return self.call(reservations=tuple({charge.reservation for charge in charges}))

    def settlement(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> CounterCall:
        unique = {hold.key: hold for hold in holds}
        calls = tuple(self._hold(hold, charge(hold.limit, actual)) for hold in in_order(unique.values()))
        return self.call(request=reservation[0], attempt=reservation[1], holds=calls)

    def _hold(self, hold: Hold, actual: int | None = None) -> HoldCall:
        key, limit = hold.key, hold.limit
        window = limit.window if isinstance(limit.window, RateWindow) else None
        return HoldCall(
            *key_call(key),
            hold.value_key,
            counter_kind(limit),
            hold.amount,
            limit.cap,
            limit.alert_at,
            window.length if window else 0,
            (window.step if window.sliding else window.length) if window else 0,
            limit.window_end(key.window_start),
            limit.is_grouped,
            self._texts.text(limit),
            actual,
        )


def in_order(holds: Iterable[Hold]) -> list[Hold]:
    """Holds in the order in which a store locks their buckets."""
    return sorted(holds, key=lambda hold: hold.key)


def counter_kind(limit: Limit) -> CounterKind:
    """By which kind of counter the store counts a limit."""
    if limit.is_budget:
        return "budget"
    if isinstance(limit.window, RateWindow):
        return "sliding" if limit.window.sliding else "fixed"
    return "gauge"


def read_step(
    answer: StepAnswer, asked: Sequence[Hold], holds: Sequence[Hold]
) -> tuple[Reserved | Exceeded, list[Alert]]:
    """What a reservation came to, and its alerts. ``asked`` are the holds in the order of the call, ``holds`` in the
    caller's. Raises ValueError if the reservation's state allows no such step."""
    if answer.outcome == "closed":
        raise ValueError("only an open reservation can be extended, and a closed one is never opened again")
    counters = {hold.key: _counter(hold, state) for hold, state in zip(asked, answer.counters, strict=True)}
    in_turn = [counters[hold.key] for hold in holds]
    standings = standings_of(in_turn, answer.at)
    alerts = [Alert("overflow", asked[number].limit, asked[number].key) for number in answer.overflowed]
    if answer.outcome == "taken":
        return standings, alerts
    return tightest(in_turn, standings, answer.at), alerts


def _counter(hold: Hold, state: tuple[int, int, int, tuple[Part, ...], str]) -> tuple[Hold, Any]:
    """A counter as it is, with the hold that it counts: under the overflow's name, if that counts it."""
    key = hold.key
    if state[4] == OVERFLOW.hex() and key.value != OVERFLOW:
        hold = Hold(overflow_of(key), hold.limit, hold.amount, "overflow")
    return hold, counter_of(hold.limit, key, CounterState(*state[:4]))
