"""Comments on a waiting stream, when the answer and the caller go different ways."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

import calling
from edge import FakeClient
from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.run import Pipeline
from penstock.server.keepalive import respond_with_comments
from penstock.server.request_context import RequestContext

INTERVAL = 0.001
DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)


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


class Reader(FakeClient):
    """A caller whose second sign of life opens the gate; ``is_stuck`` once it has had the head, it reads no more."""

    def __init__(self, work: Work, *, is_stuck: bool = False) -> None:
        super().__init__()
        self.stuck = asyncio.Event()
        self._work = work
        self._is_stuck = is_stuck

    async def send(self, body: bytes) -> None:
        await super().send(body)
        self._work.gate.set()
        if self._is_stuck:
            self.stuck.set()
            await asyncio.Event().wait()


class Serving:
    """One request that asks for a stream, and its way out."""

    def __init__(self, work: Work, reader: FakeClient, dialect: CallerDialect = calling.OPENAI) -> None:
        self.work = work
        self.call = calling.call({**calling.CHAT, "stream": True}, dialect)
        self.context = RequestContext(self.call.account, dialect, self.call.headers, reader)

    async def respond(self) -> None:
        await asyncio.wait_for(
            respond_with_comments(cast("Pipeline", self.work), self.call, self.context, INTERVAL), 60
        )


async def test_an_answer_that_nobody_waits_for_any_more_is_closed() -> None:
    """It came while the caller was too slow for a comment, and then the caller left."""
    failure = Failure(Kind.INVALID_REQUEST, "It isn't looked at.")
    answer = Answer(400, [], b"{}", outcome.failed(failure))
    closed = asyncio.Event()
    answer.on_close = (lambda _: closed.set(),)
    work = Work(answer)
    reader = Reader(work, is_stuck=True)
    serving = asyncio.create_task(Serving(work, reader).respond())
    await asyncio.wait_for(reader.stuck.wait(), 300)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    await asyncio.wait_for(closed.wait(), 300)


@DIALECTS
async def test_a_defect_after_the_head_is_told_in_the_stream(dialect: CallerDialect) -> None:
    work = Work(None)
    reader = Reader(work)
    serving = Serving(work, reader, dialect)
    with pytest.raises(RuntimeError):
        await serving.respond()
    assert (reader.status, reader.is_complete, serving.context.begun) == (200, True, True)
    assert reader.received.startswith(dialect.delivery.keep_alive * 2)
    assert b"a defect of the gateway" in reader.received.rpartition(b"data: ")[2]
    failure = serving.context.account.failure
    assert failure is not None
    assert failure.kind is Kind.INTERNAL


ERRORS = {
    "openai_chat": (b'{"error":{"message":"No"}}', b'data: {"error":{"message":"No"}}\n\n'),
    "anthropic": (
        b'{"type":"error","error":{"type":"api_error","message":"No"}}',
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"No"}}\n\n',
    ),
    "gemini": (
        b'{"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT"}}',
        b'data: {"error":{"code":400,"message":"No","status":"INVALID_ARGUMENT"}}\n\n',
    ),
    **dict.fromkeys(("ollama", "ollama_generate"), (b'{"error":"No"}', b'data: {"error":"No"}\n\n')),
    "cohere": (
        b'{"id":"i","message":"No"}',
        b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"No"}}\n\n',
    ),
    "bedrock_converse": (
        b'{"message":"No"}',
        b'event: modelStreamErrorException\ndata: {"message":"No"}\n\n',
    ),
    "responses": (
        b'{"error":{"message":"No","type":"invalid_request_error","param":null,"code":null}}',
        (
            b'event: error\ndata: {"type":"error","code":"invalid_request_error","message":"No","param":null,"error":{"message":'
            b'"No","type":"invalid_request_error","param":null,"code":null},"sequence_number":0}\n\n'
        ),
    ),
}


@DIALECTS
async def test_a_providers_error_after_the_head_is_an_event_that_clients_hear(dialect: CallerDialect) -> None:
    """Anthropic's clients go by the name of an event; one without a name is passed over."""
    body, event = ERRORS[dialect.name]
    failure = Failure(Kind.UPSTREAM_STATUS, "It said 400.", sent=True)
    work = Work(Answer(400, [], body, Outcome(400, failure)))
    reader = Reader(work)
    serving = Serving(work, reader, dialect)
    await serving.respond()
    assert reader.received.replace(dialect.delivery.keep_alive, b"") == event
    assert serving.context.account.failure is failure


@DIALECTS
async def test_a_stream_goes_on_after_the_signs_of_life(dialect: CallerDialect) -> None:
    begin, content, rest = calling.STREAMS[dialect.name]
    watch = StreamWatch(dialect.replies.stream)
    answer = Answer(200, [], watch.feed(begin + content), Outcome(200), calling.event_stream(rest), watch=watch)
    work = Work(answer)
    reader = Reader(work)
    serving = Serving(work, reader, dialect)
    await serving.respond()
    assert reader.received.replace(dialect.delivery.keep_alive, b"") == begin + content + rest
    assert (reader.is_complete, serving.context.account.stream) == (True, True)


async def test_a_quick_answer_has_its_own_head() -> None:
    work = Work(Answer(201, [], b"{}", Outcome(201)))
    work.gate.set()
    reader = Reader(work)
    await Serving(work, reader).respond()
    assert (reader.status, reader.received) == (201, b"{}")
