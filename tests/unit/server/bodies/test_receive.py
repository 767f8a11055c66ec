"""Taking in a request body: whole, bounded, unpacked, and no longer than a caller's silence may last."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.bodies.receive import DisconnectWatch, read_body
from penstock.server.limits import CallerLimits


def receiving(*messages: dict[str, Any]) -> Callable[[], Awaitable[dict[str, Any]]]:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def kind_of(body: bytes | Failure) -> Kind:
    assert isinstance(body, Failure)
    return body.kind


async def test_pieces_are_joined() -> None:
    assert await read_body(receiving(piece(b"ab")), {}, 10, 5) == b"ab"
    assert await read_body(receiving(piece(b"a", more=True), piece(b"", more=True), piece(b"b")), {}, 10, 5) == b"ab"
    assert await read_body(receiving({"type": "http.request"}), {}, 10, 5) == b""


async def test_too_much_is_refused_before_and_while_reading() -> None:
    assert await kind_of(await read_body(receiving(), {b"content-length": b"11"}, 10, 5)) is Kind.BODY_TOO_LARGE
    pieces = receiving(piece(b"123456", more=True), piece(b"123456", more=True))
    assert await kind_of(await read_body(pieces, {}, 10, 5)) is Kind.BODY_TOO_LARGE


async def test_a_caller_that_leaves() -> None:
    gone = receiving(piece(b"a", more=True), {"type": "http.disconnect"})
    assert await kind_of(await read_body(gone, {}, 10, 5)) is Kind.CLIENT_DISCONNECTED


async def test_a_caller_that_falls_silent() -> None:
    silent = receiving(piece(b"a", more=True))
    assert await kind_of(await read_body(silent, {}, 10, 0.01)) is Kind.BODY_TIMEOUT
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_body_that_drips_is_too_slow() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return piece(b"", more=True)

    assert await kind_of(await read_body(receive, {}, 10, 0.05, CallerLimits(body_rate=1000))) is Kind.BODY_TIMEOUT
    assert await kind_of(await read_body(receive, {}, 10, 60, CallerLimits(body=0.05))) is Kind.BODY_TIMEOUT


async def test_bodies_have_a_budget() -> None:
    budget = BodyBudget(100)
    budget.held = 60
    declared = {b"content-length": b"50"}
    assert await kind_of(await read_body(receiving(), declared, 99, 5, hold=BodyHold(budget))) is Kind.BODIES_EXHAUSTED
    pieces = receiving(piece(b"a" * 30, more=True), piece(b"a" * 30))
    hold = BodyHold(budget)
    assert await kind_of(await read_body(pieces, {}, 99, 5, hold=hold)) is Kind.BODIES_EXHAUSTED
    hold.release()
    assert budget.held == 60


async def test_being_cancelled_is_not_taken_for_silence() -> None:
    task = asyncio.ensure_future(read_body(receiving(), {}, 10, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip"])
async def test_gzip_is_unpacked(encoding: bytes) -> None:
    packed = gzip.compress(b"hello")
    assert await read_body(receiving(piece(packed)), {b"content-encoding": encoding}, 100, 5) == b"hello"


@pytest.mark.parametrize(
    ("body", "limit", "kind"),
    [
        (gzip.compress(b"x" * 100_000), 1000, Kind.BODY_TOO_LARGE),
        (gzip.compress(b"hello")[:-4], 1000, Kind.INVALID_REQUEST),
        (b"no gzip", 1000, Kind.INVALID_REQUEST),
        (b"", 1000, Kind.INVALID_REQUEST),
        (gzip.compress(b"hello") + b"rubbish", 1000, Kind.INVALID_REQUEST),
    ],
)
async def test_bad_gzip(body: bytes, limit: int, kind: Kind) -> None:
    assert await kind_of(await read_body(receiving(piece(body)), {b"content-encoding": b"gzip"}, limit, 5)) is kind


async def test_a_departure_cancels_the_answer_and_says_so() -> None:
    leave = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await leave.wait()
        return {"type": "http.disconnect"}

    departures = []

    async def answer() -> None:
        departures.append(DisconnectWatch(receive))
        await asyncio.Event().wait()

    task = asyncio.ensure_future(answer())
    await asyncio.sleep(0)
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert departures[0].gone


async def test_a_departure_after_the_answer_is_no_news() -> None:
    departure = DisconnectWatch(receiving({"type": "http.request"}, {"type": "http.disconnect"}))
    departure.forget()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not departure.gone
