"""Tasks that take several requests: sent together, read as one, the first failure stands for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Url
from penstock.dialects.task_dialect import WholeReply
from penstock.pipeline.task_calls import TaskReply, send_each
from penstock.transport.base import Reply, Request

ORIGIN = Url.parse("https://api.example.com").origin
REQUESTS = [Request(ORIGIN, b"POST", b"/x", b"", b"%d" % number, Limits()) for number in range(20)]


def joined(replies: Sequence[WholeReply]) -> bytes | Failure:
    return b",".join(each.body for each in replies)


def test_replies_are_read_in_the_order_of_the_requests() -> None:
    under_way, most = 0, 0

    async def send(request: Request) -> Reply | Failure:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return FakeReply(200, request.body)

    async def run() -> bytes:
        reply = await send_each(REQUESTS, send, "host")
        assert not isinstance(reply, Failure)
        told = TaskReply(reply, joined, "host")
        data = await told.read()
        assert await told.read() == b""
        assert told.failure is None
        told.close()
        return data

    assert asyncio.run(run()) == b",".join(b"%d" % number for number in range(20))
    assert most <= 8


def test_the_first_reply_that_is_no_answer_stands_for_all() -> None:
    async def send(request: Request) -> Reply | Failure:
        if request.body == b"3":
            return FakeReply(429, b"slow down")
        if request.body == b"0":
            return FakeReply(200, b"x")
        await asyncio.sleep(60)
        raise AssertionError

    async def run() -> Reply | Failure:
        return await send_each(REQUESTS, send, "host")

    reply = asyncio.run(run())
    assert not isinstance(reply, Failure)
    assert reply.status == 429


def test_failures() -> None:
    failure = Failure(Kind.CONNECT_TIMEOUT, "late")

    async def send(_: Request) -> Reply | Failure:
        return failure

    assert asyncio.run(send_each(REQUESTS, send, "host")) is failure

    async def read(reply: Reply) -> Failure | None:
        told = TaskReply(reply, lambda _: failure, "host")
        assert await told.read() == b""
        return told.failure

    assert asyncio.run(read(FakeReply(200, b"{}"))) is failure
