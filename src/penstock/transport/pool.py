"""Idle connections by origin and proxy, newest first, and how many may be open at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

import msgspec

from penstock.core.http import Origin
from penstock.transport.connection import Connection
from penstock.transport.proxies import Proxy

Place = tuple[Origin, Proxy | None]


class PoolLimits(msgspec.Struct, frozen=True):
    """``max_connections`` of an origin, open at once; 0 means any number. ``idle_seconds`` is how long one is kept."""

    max_connections: int = 0
    max_idle: int = 256
    idle_seconds: float = 60.0


class Pool:
    """Lends each connection to one exchange at a time. All methods run on the event loop's thread."""

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._idle: defaultdict[Place, list[Connection]] = defaultdict(list)
        self._open: defaultdict[Place, set[Connection]] = defaultdict(set)
        self._claimed: defaultdict[Place, int] = defaultdict(int)
        self._waiting: defaultdict[Place, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._sweeper: asyncio.TimerHandle | None = None

    async def claim(self, place: Place) -> Connection | None:
        """An idle connection that is still good, or None: the right to open one, given back with ``disclaim``."""
        while True:
            connection = self.take(place)
            if connection is not None:
                return connection
            limit = self._limits.max_connections
            if not limit or len(self._open[place]) + self._claimed[place] < limit:
                self._claimed[place] += 1
                return None
            turn = asyncio.get_running_loop().create_future()
            self._waiting[place].append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._next(place)
                raise
            finally:
                if turn in self._waiting[place]:
                    self._waiting[place].remove(turn)

    def opened(self, place: Place, connection: Connection) -> None:
        """The claim became a connection."""
        self._claimed[place] -= 1
        self._open[place].add(connection)

    def disclaim(self, place: Place) -> None:
        """The claim came to nothing."""
        self._claimed[place] -= 1
        self._next(place)

    def keep(self, place: Place, connection: Connection) -> None:
        """An exchange is over and the connection is still good."""
        idle = self._idle[place]
        if len(idle) >= self._limits.max_idle:
            connection.abort()
            return
        now = connection.loop.time()
        connection.idle_until = now + min(self._limits.idle_seconds, connection.promised_idle)
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = connection.loop.call_later(
                self._limits.idle_seconds / 2 + 0.1, self._sweep, connection.loop
            )
        self._next(place)

    def lost(self, place: Place, connection: Connection) -> None:
        """A connection is gone, idle or not."""
        self._open[place].discard(connection)
        idle = self._idle[place]
        if connection in idle:
            idle.remove(connection)
        self._next(place)
        if not self._open[place] and not self._claimed[place] and not self._waiting[place]:
            for table in (self._open, self._idle, self._claimed, self._waiting):
                table.pop(place, None)

    def close(self) -> None:
        """Close every connection, idle or in use."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connections in list(self._open.values()):
            for connection in list(connections):
                connection.abort()

    def take(self, place: Place) -> Connection | None:
        """An idle connection that is still good, or None."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.loop.time() < connection.idle_until and connection.is_usable():
                return connection
            connection.abort()
        return None

    def _next(self, place: Place) -> None:
        waiting = self._waiting.get(place)
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what was idle for too long."""
        self._sweeper = None
        now = loop.time()
        for idle in list(self._idle.values()):
            for connection in [each for each in idle if each.idle_until <= now]:
                idle.remove(connection)
                connection.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(self._limits.idle_seconds / 2 + 0.1, self._sweep, loop)
