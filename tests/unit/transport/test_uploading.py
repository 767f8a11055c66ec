"""The rest of a body on its way to a provider."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable
from typing import Any, cast

from penstock.core.failure import Failure, Kind
from penstock.transport.uploading import UnreadBytes, Uploading


class Receiver:
    """Takes bytes; ``full`` makes the sender wait."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.begun = asyncio.Event()
        self.is_heard = False
        self.looks = 0
        self.failure: Failure | None = None
        self.full: asyncio.Future[None] | None = None

    def has_unread(self) -> bool:
        self.looks += 1
        return self.is_heard and self.looks < 9

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


async def test_what_the_provider_says_is_heard_before_more_is_sent() -> None:
    receiver = Receiver()
    receiver.is_heard = True
    uploading = Uploading(asyncio.get_running_loop(), Pieces(1, b"a"), receiver)
    await asyncio.sleep(0)
    assert receiver.sent == []
    await finished(uploading)
    assert receiver.sent == [b"a"]


class Transport:
    """A transport over a socket; ``ssl`` is its TLS object."""

    def __init__(self, sock: socket.socket, ssl: object = None) -> None:
        self._extra = {"socket": sock, "ssl_object": ssl}

    def get_extra_info(self, name: str) -> Any:
        return self._extra[name]


def test_what_came_before_a_reset_is_not_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as ours:
        theirs, _ = listening.accept()
        unheard = UnreadBytes(cast("asyncio.Transport", Transport(ours)))
        assert unheard.take() == b""
        theirs.sendall(b"answer")
        assert ours.recv(3, socket.MSG_PEEK) == b"ans"
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        ours.close()
        assert unheard.take() == b"answer"
        assert unheard.take() == b""
        unheard.close()


def test_bytes_under_tls_can_not_be_read() -> None:
    with socket.socket() as ours:
        unheard = UnreadBytes(cast("asyncio.Transport", Transport(ours, object())))
        assert unheard.take() == b""
        unheard.close()
