"""Counters in PostgreSQL, for workers on many hosts: each call is one call of one function (migration 0005)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from penstock.limits.counters import Alert, BucketUsage, Exceeded, Hold, ReservationId, Reserved
from penstock.limits.limit import Amounts, BucketKey, Limit
from penstock.limits.reservations import MOST_VALUES
from penstock.stores.counter_calls import (
    AlertAnswer,
    CallMaker,
    CounterCall,
    LoseAnswer,
    StepAnswer,
    in_order,
    key_call,
    read_alerts,
    read_lost,
    read_step,
)
from penstock.stores.sql.database import parse_address
from penstock.stores.sql.ids import random_id
from penstock.stores.stored_counters import BATCH, RENEWAL, LostCharge, StoreClock, StoreDown, tell_nobody

CONNECTIONS: Final = 4
"""Connections of a worker: the rows of a bucket are locked anyway, more connections would wait for each other."""
_CONNECT_TIMEOUT: Final = 5.0
_CLOSE_TIMEOUT: Final = 1.0
_TRIES: Final = 4
"""How often a step is tried that another one made impossible: a deadlock, a row dropped meanwhile."""
_AGAIN: Final = frozenset({"40001", "40P01", "23505"})
_USAGE: Final = (
    "SELECT settled, reserved FROM bucket WHERE limit_id = $1 AND value = decode($2, 'hex') AND epoch = $3 "
    "AND window_start = $4"
)
_TELL: Final = (
    "UPDATE reservation r SET closed_at = coalesce(($1::jsonb->>'at')::bigint, penstock_now()) "
    "FROM jsonb_array_elements($1::jsonb->'reservations') told "
    "WHERE r.request_id = told->>0 AND r.attempt = (told->>1)::integer AND r.state = 'lost'"
)
"""The ledger has a line of lost reservations."""
T = TypeVar("T")


class PostgresCounters:
    """``StoredCounters`` in the tables of schema/counters.py, which migrate.py has made. ``address`` is the database's.
    Its time is the server's."""

    renewal = RENEWAL

    def __init__(self, address: str, most_values: int = MOST_VALUES, clock: StoreClock | None = None) -> None:
        self.worker = random_id()
        url = parse_address(address)
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = url.render_as_string(hide_password=True)
        self._maker = CallMaker(self.worker, most_values, clock)
        self._pool: Any = None
        self._connecting = asyncio.Lock()
        self._alerts: list[Alert] = []
        self.told_lost: Callable[[Sequence[LostCharge]], None] = tell_nobody

    async def reserve(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return await self._take(reservation, holds, extends=False)

    async def extend(self, reservation: ReservationId, holds: Sequence[Hold]) -> Reserved | Exceeded:
        return await self._take(reservation, holds, extends=True)

    async def shrink(self, reservation: ReservationId, keys: Sequence[BucketKey]) -> None:
        await self._run("release", self._maker.of_reservation(reservation, keys=tuple(map(key_call, keys))))

    async def settle(self, reservation: ReservationId, actual: Amounts, holds: Sequence[Hold]) -> tuple[Alert, ...]:
        text = await self._run("settle", self._maker.settlement(reservation, actual, holds))
        before, self._alerts = self._alerts, []
        return (*before, *read_alerts(msgspec.json.decode(text, type=tuple[AlertAnswer, ...])))

    async def release(self, reservation: ReservationId) -> None:
        await self._run("release", self._maker.of_reservation(reservation))

    async def lose(self, older_than: int) -> tuple[Alert, ...]:
        alerts: list[Alert] = []
        while True:
            text = await self._run("lose", self._maker.call(older_than=older_than), most=BATCH)
            answer = msgspec.json.decode(text, type=LoseAnswer)
            alerts += read_alerts(answer.alerts)
            charges = read_lost(answer.of)
            if charges:
                self.told_lost(charges)
                await self._ask("execute", _TELL, msgspec.json.encode(self._maker.told(charges)).decode())
            if answer.lost < BATCH:
                return tuple(alerts)

    async def usage(self, key: BucketKey) -> BucketUsage:
        row = await self._ask("fetchrow", _USAGE, *key_call(key))
        return BucketUsage(*(row or (0, 0)))

    async def open_balance(self, key: BucketKey, limit: Limit, settled: int) -> int:
        if not limit.is_budget:
            raise TypeError("only a budget has a balance")
        return int(await self._run("open_balance", self._maker.of_balance(Hold(key, limit, 0), settled)))

    async def renew(self) -> int:
        return int(await self._run("renew", self._maker.call(host=socket.gethostname())))

    async def forget(self, ended_before: int, most: int = BATCH) -> int:
        return int(await self._run("forget", self._maker.call(ended_before=ended_before), most=most))

    async def generation(self) -> str | None:
        """Always the same: tables never lose what they hold. Raises StoreDown if they can't be written."""
        await self.renew()
        return ""

    async def restore(self, held: Mapping[ReservationId, Mapping[BucketKey, Hold]]) -> None:
        """Nothing: the tables have it."""

    async def load(self) -> bool:
        return True

    async def close(self) -> None:
        """Leave without waiting for the lease to end, if the server can be reached."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await pool.execute("DELETE FROM worker WHERE id = $1", self.worker)
                await pool.close()
        except _errors():
            pool.terminate()

    async def _take(self, reservation: ReservationId, holds: Sequence[Hold], *, extends: bool) -> Reserved | Exceeded:
        asked = in_order(holds)
        text = await self._run("reserve", self._maker.of_reservation(reservation, asked, extends=extends))
        result, alerts = read_step(msgspec.json.decode(text, type=StepAnswer), asked, holds)
        self._alerts += alerts
        return result

    async def _run(self, function: str, call: CounterCall, most: int | None = None) -> Any:
        """The answer of a function: text in JSON, or a number."""
        if most is not None:
            call = msgspec.structs.replace(call, most=most)
        return await self._ask("fetchval", f"SELECT penstock_{function}($1)", msgspec.json.encode(call).decode())

    async def _ask(self, method: str, *arguments: object) -> Any:
        """What a method of a connection returns. Raises StoreDown."""
        for last in range(_TRIES):
            try:
                pool = self._pool or await self._connect()
                return await getattr(pool, method)(*arguments)
            except _errors() as error:
                if last < _TRIES - 1 and getattr(error, "sqlstate", None) in _AGAIN:
                    continue
                if not hasattr(error, "sqlstate"):
                    # Not an answer of the server: a connection may be left in the middle of a call.
                    self._drop_pool()
                reason = str(error) or type(error).__name__
                raise StoreDown(f"the counters in {self._name} can't be used: {reason}") from error
        raise AssertionError

    def _drop_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def _connect(self) -> Any:
        import asyncpg  # type: ignore[import-untyped]

        async with self._connecting:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._address, min_size=0, max_size=CONNECTIONS, timeout=_CONNECT_TIMEOUT
                )
        return self._pool


def _errors() -> tuple[type[BaseException], ...]:
    """What a database that can't be used raises."""
    import asyncpg

    return (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
