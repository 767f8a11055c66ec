"""A body in pieces: what waits is bounded, what is too large is refused, and only the caller's time counts."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.arriving_body import ArrivingBody
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.http.incoming import IncomingRequest


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now


class Connection:
    """``arrive`` is what comes at each wait, which takes a second."""

    def __init__(self, request: IncomingRequest, *arrive: bytes | Failure) -> None:
        self.loop = cast("asyncio.AbstractEventLoop", Clock())
        self.waited: list[float] = []
        self._request = request
        self._arrive = list(arrive)

    async def arrival(self, request: IncomingRequest, silence: float, waited: float) -> None:
        self.waited.append(waited)
        cast("Any", self.loop).now += 1
        piece = self._arrive.pop(0) if self._arrive else b""
        if isinstance(piece, Failure):
            request.fail(piece)
        elif piece:
            request.add(piece)
        else:
            request.complete = True


def arriving(*pieces: bytes | Failure, limit: int = 100, early: bytes = b"") -> tuple[ArrivingBody, Connection]:
    request = IncomingRequest(0)
    request.add(early)
    connection = Connection(request, *pieces)
    return ArrivingBody(connection, request, BodyHold(BodyBudget(0)), limit, 5), connection


async def test_pieces_in_order_and_the_end() -> None:
    body, connection = arriving(b"b", b"c", early=b"a")
    assert [await body.read() for _ in range(5)] == [b"a", b"b", b"c", b"", b""]
    assert connection.waited == [0, 1, 2]


async def test_a_body_over_the_limit() -> None:
    body, _ = arriving(early=b"x" * 11, limit=10)
    failure = await body.read()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.BODY_TOO_LARGE, 413)


async def test_a_caller_that_leaves() -> None:
    left = Failure(Kind.CLIENT_DISCONNECTED, "gone")
    body, _ = arriving(left, early=b"a")
    assert [await body.read(), await body.read()] == [b"a", left]
