"""Idle connections by origin and proxy, newest first, and the limits: of open connections to one place, and of idle
connections in all, whose oldest are closed first.

A request that finds no idle connection gets the right to open one, or waits: a free connection is given to the request
that has waited longest, so that a new request can't take it first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from time import monotonic
from typing import NamedTuple

import msgspec

from penstock.core.failure import Failure
from penstock.transport.connection import Connection, Place, shutting_down

Waiter = asyncio.Future[Connection | Failure | None]


class PoolLimits(msgspec.Struct, frozen=True):
    """``max_connections`` open connections per origin, 0 for no limit; ``max_idle`` idle connections over all origins.
    An idle connection is kept ``idle_seconds``."""

    max_connections: int = 0
    max_idle: int = 256
    idle_seconds: float = 60.0


class _PlaceConnections:
    """The connections to one place: open connections (idle or in use), rights to open one, and the waiting requests."""

    __slots__ = ("claimed", "idle", "open", "waiting")

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.open: set[Connection] = set()
        self.claimed = 0
        self.waiting: deque[Waiter] = deque()

    def next(self) -> Waiter | None:
        """The request that has waited longest; None if no request waits."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                return waiter
        return None


class PoolCounts(NamedTuple):
    """Open connections over all places, in use and idle, and the requests that wait for one."""

    in_use: int
    idle: int
    waiting: int


class Pool:
    """Lends each connection to one exchange at a time. All methods run on the event loop's thread."""

    def __init__(self, limits: PoolLimits) -> None:
        self.closed = False
        self._limits = limits
        self._places: dict[Place, _PlaceConnections] = {}
        self._idle: dict[Connection, _PlaceConnections] = {}
        """In the order in which they became idle."""
        self._sweeper: asyncio.TimerHandle | None = None

    def counts(self) -> PoolCounts:
        """How many connections there are now. Takes time in proportion to the places."""
        places = self._places.values()
        idle = len(self._idle)
        return PoolCounts(
            sum(len(each.open) for each in places) - idle, idle, sum(len(each.waiting) for each in places)
        )

    def take(self, place: Place) -> Connection | None:
        """A usable idle connection, or None."""
        connections_of_place = self._places.get(place)
        while connections_of_place is not None and connections_of_place.idle:
            connection = connections_of_place.idle.pop()
            del self._idle[connection]
            if monotonic() < connection.idle_until and connection.is_usable():
                return connection
            connection.abort()
        return None

    def drop_idle(self) -> list[Connection]:
        """Close the older half of all idle connections, at least one, to free their files."""
        dropped = list(self._idle)[: (len(self._idle) + 1) // 2]
        for connection in dropped:
            self._close_idle(connection)
        return dropped

    def drop_idle_of(self, place: Place) -> None:
        """Close the idle connections to a place: one that was idle for a shorter time had been closed by the peer."""
        connections_of_place = self._places.get(place)
        for connection in list(connections_of_place.idle) if connections_of_place is not None else ():
            self._close_idle(connection)

    async def claim(self, place: Place) -> Connection | Failure | None:
        """A usable connection, or None: the right to open a connection, which must be returned with ``settle``."""
        if self.closed:
            return shutting_down(place[0].authority, sent=False)
        connections_of_place = self._places.setdefault(place, _PlaceConnections())
        if self._has_room(connections_of_place):
            connections_of_place.claimed += 1
            return None
        waiter: Waiter = asyncio.get_running_loop().create_future()
        connections_of_place.waiting.append(waiter)
        try:
            handed = await waiter
        except BaseException:
            self._withdraw(place, connections_of_place, waiter)
            raise
        if isinstance(handed, Connection) and not handed.is_usable():
            # The connection broke between two rounds of the event loop; a new connection takes its place.
            handed.abort()
            self._places.setdefault(place, connections_of_place).claimed += 1
            return None
        return handed

    def settle(self, place: Place, connection: Connection | None) -> None:
        """Return the right to open a connection: with the opened connection, or with None if it couldn't be opened."""
        connections_of_place = self._places[place]
        connections_of_place.claimed -= 1
        if connection is not None and not connection.closed:
            connections_of_place.open.add(connection)
            if self.closed:
                connection.abort()
        self._advance(place, connections_of_place)

    def keep(self, place: Place, connection: Connection) -> None:
        """Take back a usable connection after an exchange."""
        connections_of_place = self._places[place]
        now = monotonic()
        connection.idle_since = now
        seconds = self._limits.idle_seconds
        connection.idle_until = now + (seconds if seconds < connection.promised_idle else connection.promised_idle)
        waiter = connections_of_place.next() if connections_of_place.waiting else None
        if waiter is not None:
            waiter.set_result(connection)
            return
        connections_of_place.idle.append(connection)
        self._idle[connection] = connections_of_place
        if len(self._idle) > self._limits.max_idle:
            self._close_idle(next(iter(self._idle)))
        if self._idle and self._sweeper is None:
            self._sweep_later(connection.loop)

    def lost(self, place: Place, connection: Connection) -> None:
        """Remove a closed connection, idle or in use."""
        connections_of_place = self._places.get(place)
        if connections_of_place is not None:
            connections_of_place.open.discard(connection)
            if self._idle.pop(connection, None) is not None:
                connections_of_place.idle.remove(connection)
            self._advance(place, connections_of_place)

    async def close(self) -> None:
        """Close every connection, idle or in use, and wait until their sockets are closed. Waiting requests fail."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        connections = [
            connection for connections_of_place in self._places.values() for connection in connections_of_place.open
        ]
        for connection in connections:
            connection.shut_down()
        for place, connections_of_place in self._places.items():
            while (waiter := connections_of_place.next()) is not None:
                waiter.set_result(shutting_down(place[0].authority, sent=False))
        await asyncio.gather(*(connection.gone() for connection in connections))

    def _has_room(self, connections_of_place: _PlaceConnections) -> bool:
        limit = self._limits.max_connections
        return not limit or len(connections_of_place.open) + connections_of_place.claimed < limit

    def _advance(self, place: Place, connections_of_place: _PlaceConnections) -> None:
        """Give free connections and rights to the waiting requests, and drop a place without connections."""
        while self._has_room(connections_of_place) and (waiter := connections_of_place.next()) is not None:
            connections_of_place.claimed += 1
            waiter.set_result(None)
        if not (connections_of_place.open or connections_of_place.claimed or connections_of_place.waiting):
            self._places.pop(place, None)

    def _withdraw(self, place: Place, connections_of_place: _PlaceConnections, waiter: Waiter) -> None:
        """A waiting request was cancelled: a connection or right that it already got goes to the next request."""
        if waiter.cancelled():
            with contextlib.suppress(ValueError):
                connections_of_place.waiting.remove(waiter)
        elif waiter.result() is None:
            self.settle(place, None)
        elif isinstance(connection := waiter.result(), Connection) and not connection.closed:
            self.keep(place, connection)

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = loop.call_later(self._limits.idle_seconds / 2 + 0.1, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the connections that were idle for more than ``idle_seconds``."""
        self._sweeper = None
        now = monotonic()
        for connection in [each for each in self._idle if each.idle_until <= now]:
            self._close_idle(connection)
        if self._idle:
            self._sweep_later(loop)

    def _close_idle(self, connection: Connection) -> None:
        self._idle.pop(connection).idle.remove(connection)
        connection.abort()
