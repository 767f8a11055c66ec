"""What a listening server serves, and what its connections have in common."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Protocol

from penstock.background import Part
from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.pipeline.head_memo import HeadMemo
from penstock.server.bodies.buffering import BodyBudget
from penstock.server.client import Client
from penstock.server.http.connection_count import ConnectionCount
from penstock.server.limits import RequestLimits

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Served(Part, Protocol):
    """An application that is called once for each request (``gateway.Gateway``)."""

    limits: RequestLimits
    budget: BodyBudget
    connections: ConnectionCount

    def serve(
        self,
        method: str,
        path: str,
        headers: Headers,
        client: Client,
        query: str = "",
        fields: Mapping[bytes, bytes] | None = None,
        memo: HeadMemo | None = None,
    ) -> Coroutine[Any, Any, None]:
        """Answer a request."""

    def refuse(
        self, method: str, path: str, headers: Headers, client: Client, failure: Failure
    ) -> Coroutine[Any, Any, None]:
        """Answer a request that the protocol refuses."""


class Stoppable(Protocol):
    """A connection, as a server sees it that stops."""

    def shutdown(self) -> None:
        """Finish the requests that have begun, and take no further one."""

    def refuse_rest(self) -> None:
        """The time for running requests is over."""


class ServerState:
    """``keep_alive_seconds``: how long a connection may be idle. ``tasks`` are the requests that run; ``date`` is the
    header line that each answer has. ``is_stopping``: who comes now comes too late."""

    __slots__ = ("app", "connections", "date", "is_stopping", "keep_alive_seconds", "tasks")

    def __init__(self, app: Served, keep_alive_seconds: float) -> None:
        self.app = app
        self.keep_alive_seconds = keep_alive_seconds
        self.connections: set[Stoppable] = set()
        self.tasks: set[Any] = set()
        self.is_stopping = False
        self.set_time(time.time())

    def set_time(self, seconds: float) -> None:
        """What time it is, in seconds since 1970: told once a second."""
        self.date = b"date: " + http_date(seconds)


def http_date(seconds: float) -> bytes:
    """A time as HTTP writes it, in whatever locale. ``seconds`` since 1970. Source: RFC 9110, 5.6.7."""
    at = time.gmtime(seconds)
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year:04} {time.strftime('%H:%M:%S', at)} GMT".encode()
