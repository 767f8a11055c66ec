"""The rest of a body on its way to a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from penstock.core.failure import Failure, Kind
from penstock.transport.uploading import Uploading


class Receiver:
    """Takes bytes; ``full`` makes the sender wait."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.begun = asyncio.Event()
        self.failure: Failure | None = None
        self.full: asyncio.Future[None] | None = None

    def send(self, data: bytes) -> Awaitable[None] | None:
        self.sent.append(data)
        self.begun.set()
        return self.full

    def fail(self, failure: Failure) -> None:
        self.failure = failure


class Pieces:
    def __init__(self, rest: int, *pieces: bytes | Failure) -> None:
        self.rest = rest
        self.asked = 0
        self._pieces = list(pieces)

    async def read(self) -> bytes | Failure:
        self.asked += 1
        return self._pieces.pop(0) if self._pieces else b""


async def finished(uploading: Uploading) -> None:
    await asyncio.wait({uploading._task})


async def test_bytes_as_they_are_and_in_chunks() -> None:
    for rest, sent in ((5, [b"abc", b"de"]), (-1, [b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"])):
        receiver = Receiver()
        uploading = Uploading(asyncio.get_running_loop(), Pieces(rest, b"abc", b"de"), receiver)
        assert uploading.waits_for_caller
        await finished(uploading)
        assert (receiver.sent, uploading.is_over) == (sent, True)


async def test_a_provider_that_is_full_holds_the_caller_up() -> None:
    receiver, pieces = Receiver(), Pieces(2, b"a", b"b")
    receiver.full = full = asyncio.get_running_loop().create_future()
    uploading = Uploading(asyncio.get_running_loop(), pieces, receiver)
    await receiver.begun.wait()
    assert (pieces.asked, uploading.waits_for_caller) == (1, False)
    receiver.full = None
    full.set_result(None)
    await finished(uploading)
    assert receiver.sent == [b"a", b"b"]


async def test_a_body_that_comes_to_no_end() -> None:
    receiver, left = Receiver(), Failure(Kind.CLIENT_DISCONNECTED, "gone")
    uploading = Uploading(asyncio.get_running_loop(), Pieces(9, b"a", left), receiver)
    await finished(uploading)
    assert (receiver.failure, uploading.is_over) == (left, False)


async def test_nothing_more_is_sent_after_the_end_of_the_exchange() -> None:
    receiver = Receiver()
    uploading = Uploading(asyncio.get_running_loop(), Pieces(1, b"a"), receiver)
    uploading.stop()
    await finished(uploading)
    assert receiver.sent == []
