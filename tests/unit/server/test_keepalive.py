"""Comments on a waiting stream, when the answer and the caller go different ways."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.run import Pipeline
from penstock.providers.row import Operation
from penstock.server.client import Client
from penstock.server.keepalive import respond_in_time
from penstock.server.respond import Sent

CHAT = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
INTERVAL = 0.001


class Work:
    """A pipeline that answers, or fails, once its gate is open."""

    def __init__(self, answer: Answer | None) -> None:
        self.gate = asyncio.Event()
        self._answer = answer

    async def run(self, _: Call) -> Answer:
        await self.gate.wait()
        if self._answer is None:
            raise RuntimeError("a defect")
        return self._answer


class Reader:
    """A caller; ``is_stuck`` once it has had the head, it reads no more."""

    def __init__(self, work: Work, *, is_stuck: bool) -> None:
        self.head = 0
        self.received = b""
        self.ended = False
        self.stuck = asyncio.Event()
        self._work = work
        self._is_stuck = is_stuck

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.head += 1
        self.received += body

    async def send(self, body: bytes) -> None:
        self.received += body
        self._work.gate.set()
        if self._is_stuck:
            self.stuck.set()
            await asyncio.Event().wait()

    async def end(self, body: bytes) -> None:
        self.received += body
        self.ended = True


class Serving:
    """What is known of the request."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.sent = Sent()


def respond(work: Work, reader: Reader, serving: Serving) -> Any:
    return respond_in_time(cast("Pipeline", work), CALL, cast("Any", serving), INTERVAL, cast("Client", reader))


async def test_an_answer_that_nobody_waits_for_any_more_is_closed() -> None:
    """It came while the caller was too slow for a comment, and then the caller left."""
    failure = Failure(Kind.INVALID_REQUEST, "It isn't looked at.")
    answer = Answer(400, [], b"{}", outcome.failed(failure))
    closed = asyncio.Event()
    answer.released = lambda _: closed.set()
    work = Work(answer)
    reader = Reader(work, is_stuck=True)
    serving = asyncio.create_task(respond(work, reader, Serving()))
    await asyncio.wait_for(reader.stuck.wait(), 60)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await asyncio.wait_for(closed.wait(), 60)


async def test_a_defect_after_the_head_is_told_in_the_stream() -> None:
    work = Work(None)
    reader, serving = Reader(work, is_stuck=False), Serving()
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(respond(work, reader, serving), 60)
    assert (reader.head, reader.ended, serving.sent.begun) == (1, True, True)
    assert b'"code":"internal_error"' in reader.received.rpartition(b"data: ")[2]
    assert b"a defect of the gateway" in reader.received
    assert serving.sent.failure is not None
