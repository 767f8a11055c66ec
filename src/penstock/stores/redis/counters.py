"""Counters in Redis or Valkey, for many workers: each call is one run of scripts/counters.lua, in the server's time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from penstock.core.money import LARGEST_IN_DOUBLES
from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import Amounts, BucketKey, Limit, charged
from penstock.limits.reservations import MOST_VALUES
from penstock.stores.counter_calls import (
    CallMaker,
    CounterCall,
    LoseAnswer,
    SettleAnswer,
    StepAnswer,
    in_order,
    key_call,
    read_alerts,
    read_charges,
    read_lost,
    read_step,
)
from penstock.stores.redis.connection import RedisConnection, Script
from penstock.stores.sql.ids import random_id
from penstock.stores.stored_counters import BalanceKeeper, Charge, LostCharge, StoreClock, StoreDown, tell_nobody

_LOG: Final = logging.getLogger("penstock")
SETTLING: Final = 3.0
"""Seconds for which a Redis that has lost its counters is not loaded: meanwhile each worker sees the loss (RENEWAL),
reserves what it holds, and writes down what it has settled."""
_BATCH: Final = 100
"""Reservations that one run of the script loses: other calls wait meanwhile."""
_CLOSE_TIMEOUT: Final = 1.0
_REBUILD_TIME: Final = 60_000
"""Milliseconds after which another worker may rebuild, if the first one died."""
T = TypeVar("T")


class RedisCounters:
    """``StoredCounters`` in Redis. ``organisation`` is a part of all keys.

    The key ``generation`` says that the counters were loaded. Without it no step is made until ``load`` has been
    called: it loads what ``balances`` has kept. ``settling`` is in seconds.
    """

    renewal = 1.0

    def __init__(
        self,
        connection: RedisConnection,
        balances: BalanceKeeper | None = None,
        organisation: str = "default",
        most_values: int = MOST_VALUES,
        clock: StoreClock | None = None,
        settling: float = SETTLING,
    ) -> None:
        self.worker = random_id()
        self._connection = connection
        self._balances = balances
        self._settling = settling
        self._seen = self._trusted = ""
        self._prefix = f"penstock:{{{organisation}}}"
        self._generation = f"{self._prefix}:generation"
        self._is_checked = False
        self._maker = CallMaker(self.worker, most_values, clock)
        self._script = Script(Path(__file__).parent / "scripts" / "counters.lua")
        self._alerts: list[Alert] = []
        self.told_lost: Callable[[Sequence[LostCharge]], None] = tell_nobody

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return await self._take(reservation, holds, extends=False)

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return await self._take(reservation, holds, extends=True)

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        await self._run("release", self._maker.of_reservation(reservation, keys=tuple(map(key_call, keys))), int)

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        call = self._maker.settlement(reservation, actual, _exact(holds))
        answer = await self._run("settle", call, SettleAnswer)
        if self._balances is not None:
            # A settlement comes twice if its answer was lost: what it charged wasn't noted then.
            is_known = not answer.is_repeated
            self._balances.note(read_charges(answer.charges) if is_known else _charges(actual, holds))
        before, self._alerts = self._alerts, []
        return (*before, *read_alerts(answer.alerts))

    async def release(self, reservation: ReservationId) -> None:
        await self._run("release", self._maker.of_reservation(reservation), int)

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        alerts: list[Alert] = []
        while True:
            call = msgspec.structs.replace(self._maker.call(older_than=older_than), most=_BATCH)
            answer = await self._run("lose", call, LoseAnswer)
            alerts += read_alerts(answer.alerts)
            if self._balances is not None:
                self._balances.note(read_charges(answer.charges))
            charges = read_lost(answer.of)
            if charges:
                self.told_lost(charges)
                await self._run("told", self._maker.told(charges), int)
            if answer.lost < _BATCH:
                return tuple(alerts)

    async def usage(self, key: BucketKey) -> BucketUsage:
        return BucketUsage(*await self._run("usage", self._maker.call(keys=(key_call(key),)), tuple[int, int]))

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        before = await self._open_balance(Hold(key, limit, 0), settled, rebuilds=False)
        if self._balances is not None:
            self._balances.note([Charge(key, "default", settled - before, limit.window_end(key.window_start))])
        return before

    async def renew(self) -> int:
        return await self._run("renew", self._maker.call(host=socket.gethostname()), int)

    async def forget(self, ended_before: int, most: int = 0) -> int:  # noqa: ARG002 (the server drops them itself)
        """0: the keys expire, and counters at their beginning are deleted at once."""
        return 0

    async def close(self) -> None:
        """Leave without waiting for the lease to end, if the server can be reached."""
        with contextlib.suppress(StoreDown, TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._run("leave", self._maker.call(), int)
        await self._connection.close()

    async def generation(self) -> str | None:
        """The key ``generation``. The first call logs why the server is a bad place for counters."""
        if not self._is_checked:
            for warning in await self._connection.check():
                _LOG.warning("%s", warning)
            self._is_checked = True
        found = await self._connection.command("GET", self._generation)
        self._seen = "" if found is None else found.decode()
        return self._seen or None

    async def restore(self, held: Mapping[ReservationId, Mapping[BucketKey, Hold]]) -> None:
        for reservation, holds in list(held.items()):
            asked = in_order(_exact(holds.values()))
            call = self._maker.of_reservation(reservation, asked, rebuilds=True)
            await self._run("reserve", call, StepAnswer)
        self._trusted = self._seen

    async def load(self) -> bool:
        """Load what ``balances`` has kept. One worker at a time does it."""
        lock = f"{self._prefix}:rebuilding"
        if not await self._connection.command("SET", lock, self.worker, "NX", "PX", _REBUILD_TIME):
            return False
        try:
            await self._load()
        finally:
            with contextlib.suppress(StoreDown):
                await self._connection.command("DEL", lock)
        return True

    async def _load(self) -> None:
        balances = await self._kept()
        if balances:
            await asyncio.sleep(self._settling)
            balances = await self._kept()
        for hold, settled in balances:
            await self._open_balance(hold, settled, rebuilds=True)
        self._trusted = random_id()
        await self._connection.command("SET", self._generation, self._trusted)
        _LOG.warning("the counters in %s were empty: %d budgets are loaded now", self._connection.name, len(balances))

    async def _kept(self) -> Sequence[tuple[Hold, int]]:
        return () if self._balances is None else await self._balances.read()

    async def _open_balance(self, hold: Hold, settled: int, *, rebuilds: bool) -> int:
        if not hold.limit.is_budget:
            raise TypeError("only a budget has a balance")
        (hold,) = _exact([hold])
        call = self._maker.of_balance(hold, min(settled, LARGEST_IN_DOUBLES))
        call = msgspec.structs.replace(call, rebuilds=rebuilds)
        return await self._run("open_balance", call, int)

    async def _take(self, reservation: ReservationId, holds: Sequence[Hold], *, extends: bool) -> Reserved | Exceeded:
        holds = _exact(holds)
        asked = in_order(holds)
        call = self._maker.of_reservation(reservation, asked, extends=extends)
        result, alerts = read_step(await self._run("reserve", call, StepAnswer), asked, holds)
        self._alerts += alerts
        return result

    async def _run(self, step: str, call: CounterCall, kind: type[T]) -> T:
        if self._trusted:
            call = msgspec.structs.replace(call, generation=self._trusted)
        answer = await self._connection.run(self._script, self._prefix, step, msgspec.msgpack.encode(call))
        return msgspec.msgpack.decode(answer, type=kind)


def _exact(holds: Iterable[Hold]) -> list[Hold]:
    """Holds whose limits are no larger than scripts can count exactly: a larger one refuses from there on."""
    return [hold if hold.limit.cap <= LARGEST_IN_DOUBLES else _lowered(hold) for hold in holds]


def _lowered(hold: Hold) -> Hold:
    limit = msgspec.structs.replace(hold.limit, amount=LARGEST_IN_DOUBLES, extra=0)
    return Hold(hold.key, limit, hold.amount, hold.value_key)


def _charges(actual: Amounts, holds: Sequence[Hold]) -> list[Charge]:
    """What budgets were charged for a reservation that is closed."""
    return [
        Charge(hold.key, hold.value_key, charged(hold.limit, hold.amount, actual), _end(hold))
        for hold in holds
        if hold.limit.is_budget
    ]


def _end(hold: Hold) -> int | None:
    return hold.limit.window_end(hold.key.window_start)
