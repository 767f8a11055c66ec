"""Handing a body on: replies that do it by themselves, and replies that are read."""

from __future__ import annotations

import asyncio

from fake_reply import FakeReply
from penstock.transport.base import Take, hand_on, pass_on, whole_body


async def test_a_reply_is_read_piece_by_piece_while_the_receiver_is_slow() -> None:
    seen: list[bytes] = []

    async def slow(data: bytes) -> None:
        await asyncio.sleep(0)
        seen.append(data)

    await pass_on(FakeReply(200, b"a", b"b"), slow)
    await hand_on(b"c", slow)
    await hand_on(b"d", seen.append)
    assert seen == [b"a", b"b", b"c", b"d"]


async def test_a_reply_that_passes_its_body_on_by_itself() -> None:
    class Passing(FakeReply):
        async def pass_on(self, take: Take) -> None:
            take(b"by itself")

    seen: list[bytes] = []
    await pass_on(Passing(200, b"read"), seen.append)
    assert seen == [b"by itself"]


async def test_a_reply_that_knows_what_it_passes_on() -> None:
    class Knowing(FakeReply):
        async def pass_on_known(self, take: Take, take_known: Take) -> None:
            take(b"to look at")
            take_known(b"known")

    seen: list[bytes] = []
    known: list[bytes] = []
    await pass_on(Knowing(200), seen.append, known.append)
    await pass_on(FakeReply(200, b"read"), seen.append, known.append)
    assert (seen, known) == ([b"to look at", b"read"], [b"known"])


def test_a_reply_tells_whether_it_is_whole() -> None:
    class Whole(FakeReply):
        def whole(self) -> bytes | None:
            return b"ab" if len(self._pieces) == 1 else None

    assert whole_body(Whole(200, b"ab")) == b"ab"
    assert whole_body(Whole(200, b"a", b"b")) is None
    assert whole_body(FakeReply(200, b"ab")) is None
