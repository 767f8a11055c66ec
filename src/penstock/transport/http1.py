"""The real network: HTTP/1.1 to providers, over TCP and TLS, straight or through a proxy.

Written for an LLM gateway: cancelling a call closes its connection at once, every wait has a limit, it is known
whether a byte was ever sent, and the address that is dialled is the address that was judged. Put together from
connect.py (making a connection), pool.py (keeping it), connection.py (using it) and response.py (understanding it).
A process without a file left closes idle connections and dials again (open_files.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Callable

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.base import Reply, Request
from penstock.transport.connect import Connector
from penstock.transport.connection import Connection, ParserLimits, Place, shutting_down
from penstock.transport.deadlines import Deadlines
from penstock.transport.inflate import inflated
from penstock.transport.open_files import FileWatch
from penstock.transport.pool import Pool, PoolCounts, PoolLimits
from penstock.transport.proxies import ProxyRules
from penstock.transport.resolve import Resolver, SystemResolver


class Http1Transport:
    """A ``Transport`` (base.py) for http and https origins. ``files`` watches over the process's files.

    ``is_discreet``: callers may not learn about the operator's network (connect.py).
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        pool: PoolLimits = PoolLimits(),  # noqa: B008 (frozen)
        bounds: ParserLimits = ParserLimits(),  # noqa: B008 (frozen)
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        proxies: ProxyRules = ProxyRules(),  # noqa: B008 (frozen)
        resolver: Resolver | None = None,
        is_discreet: bool = False,
    ) -> None:
        self._pool = Pool(pool)
        self._bounds = bounds
        self._proxies = None if proxies == ProxyRules() else proxies
        self._connector = Connector(policy, tls, resolver or SystemResolver(), is_discreet=is_discreet)
        self.files = FileWatch(self._pool.drop_idle)

    async def knows(self, origin: Origin, caller: str) -> bool:
        """Whether a host that a caller named has an address that may be called. Its name is looked up as before a
        connection."""
        return await self._connector.knows(origin, caller)

    async def send(self, request: Request) -> Reply | Failure:
        place = request.origin, None if self._proxies is None else self._proxies.proxy_for(request.origin)
        if request.fresh:
            self._pool.drop_idle_of(place)
        connection = idle = self._pool.take(place)
        if connection is not None:
            started = connection.loop.time()
        else:
            started = asyncio.get_running_loop().time()
            opened = await self._open(place, request, started)
            if isinstance(opened, Failure):
                return opened
            connection = opened
        exchange = connection.begin(request, started)
        try:
            while not exchange.status and exchange.failure is None:
                await exchange
        except BaseException:
            # Not abort(): if the response was whole, the connection may already carry another request's exchange.
            exchange.close()
            raise
        failure = exchange.failure
        if not exchange.status and failure is not None:
            if idle is not None and failure.kind is Kind.CONNECTION_CLOSED:
                self._pool.drop_idle_of(place)
                if exchange.is_incomplete:
                    return await self.send(msgspec.structs.replace(request, fresh=True))
            return failure
        return inflated(exchange, connection.host) if exchange.is_encoded else exchange

    def connection_counts(self) -> PoolCounts:
        """How many connections to providers there are now."""
        return self._pool.counts()

    async def close(self) -> None:
        self.files.stop()
        await self._pool.close()

    async def _open(self, place: Place, request: Request, started: float) -> Connection | Failure:
        """A connection from the pool or a new one, within the time that there is for it."""
        authority = place[0].authority
        seconds, late = _time_to_connect(request.limits, authority)
        until = None if seconds is None else started + seconds
        try:
            async with asyncio.timeout_at(until):
                claimed = await self._pool.claim(place)
        except TimeoutError:
            return _exhausted(authority, seconds)
        if claimed is not None:
            return claimed
        opened = await self._connect(place, until, request.caller)
        if isinstance(opened, Connection) and not opened.is_open:
            return shutting_down(authority, sent=False) if self._pool.closed else _hung_up(authority)
        return opened or late

    async def _connect(self, place: Place, until: float | None, caller: str) -> Connection | Failure | None:
        """Make use of a claim. None when the time was too short."""
        opened = None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    opened = await self._connector.connect(*place, self._protocol(place), caller)
                    while _lacks_files(opened) and await self._made_room():
                        opened = await self._connector.connect(*place, self._protocol(place), caller)
        finally:
            self._pool.settle(place, opened if isinstance(opened, Connection) else None)
        return opened

    async def _made_room(self) -> bool:
        """Close idle connections so that a file is free for a new one. False if there are none."""
        dropped = self.files.lacking()
        await asyncio.gather(*(connection.gone() for connection in dropped))
        return bool(dropped)

    def _protocol(self, place: Place) -> Callable[[], Connection]:
        return functools.partial(Connection, place, self._bounds, self._pool)


def _time_to_connect(limits: Limits, authority: str) -> tuple[float | None, Failure]:
    """How long a connection may take, and the failure when it took longer: the tightest limit counts."""
    text = (
        f"No connection to the provider at {authority} within {limits.connect:g} s: check that it is up, or raise the "
        "setting connect_timeout."
    )
    candidates = [(limits.connect, Failure(Kind.CONNECT_TIMEOUT, text))]
    deadlines = Deadlines(limits, 0.0)
    for seconds, kind in ((limits.first_byte, Kind.FIRST_BYTE_TIMEOUT), (limits.total, Kind.TOTAL_TIMEOUT)):
        candidates.append((seconds, deadlines.failure(kind, authority, sent=False)))
    limited = [candidate for candidate in candidates if candidate[0]]
    return min(limited, key=lambda candidate: candidate[0], default=(None, candidates[0][1]))


def _lacks_files(opened: Connection | Failure) -> bool:
    return isinstance(opened, Failure) and opened.kind is Kind.OUT_OF_FILES


def _exhausted(authority: str, seconds: float | None) -> Failure:
    text = (
        f"Every connection to the provider at {authority} was in use for {seconds or 0:g} s: raise the setting "
        "max_connections, or send less at a time."
    )
    return Failure(Kind.POOL_EXHAUSTED, text)


def _hung_up(authority: str) -> Failure:
    text = f"The provider at {authority} closed the new connection before it was sent a request: try again."
    return Failure(Kind.CONNECTION_CLOSED, text)
