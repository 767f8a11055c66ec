"""The rest of an answer: passed on as it arrives, its usage settled, and a cut told as the wire allows."""

from __future__ import annotations

from typing import Any

import pytest

import calling
from calling import STREAMS, event_stream
from edge import FakeClient
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.call import Answer
from penstock.pipeline.relay import Broken, relay

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
CUT = Failure(Kind.IDLE_TIMEOUT, "It fell silent.", sent=True)


def streamed(dialect: CallerDialect, rest: FakeReply) -> Answer:
    """An answer whose first content has been read."""
    nothing, content, _ = STREAMS[dialect.name]
    watch = StreamWatch(dialect.replies.stream)
    body = watch.feed(nothing + content)
    return Answer(200, [], body, Outcome(200), rest, watch, attempt=AttemptAccount(calling.target(), 0.0))


async def relayed(answer: Answer, dialect: CallerDialect) -> FakeClient:
    client = FakeClient()
    await relay(answer, calling.call(None, dialect), client)
    return client


def usage_of(answer: Answer) -> Any:
    assert answer.attempt is not None
    assert answer.attempt.usage == answer.usage
    return None if answer.usage is None else (answer.usage.prompt, answer.usage.completion)


def told(dialect: CallerDialect, failure: Failure, before: bytes = b"") -> bytes:
    """The error event, as it follows what came before it, which is a stream's first content unless it is given."""
    event, fit_error = dialect.errors.event(failure, "trace-1"), dialect.replies.stream.fit_error
    nothing, content, _ = STREAMS[dialect.name]
    return event if fit_error is None else fit_error(before or nothing + content, event)


@DIALECTS
async def test_a_stream_passes_to_its_proper_end_and_its_usage_is_known(dialect: CallerDialect) -> None:
    _, _, rest = STREAMS[dialect.name]
    answer = streamed(dialect, event_stream(rest[:50], rest[50:]))
    client = await relayed(answer, dialect)
    assert (client.received, client.is_complete) == (rest, True)
    assert (usage_of(answer), answer.broken) == ((3, 2), None)


@DIALECTS
async def test_a_cut_stream_ends_with_an_error_and_without_its_proper_end(dialect: CallerDialect) -> None:
    answer = streamed(dialect, event_stream(b'data: {"half', cut=CUT))
    client = await relayed(answer, dialect)
    assert client.received == told(dialect, CUT)
    assert b"half" not in client.received
    assert dialect.replies.stream.ending(client.received)[0] is False
    assert (client.is_complete, answer.broken) == (True, CUT)


@DIALECTS
async def test_a_stream_that_just_stops_was_cut(dialect: CallerDialect) -> None:
    answer = streamed(dialect, event_stream(STREAMS[dialect.name][1]))
    client = await relayed(answer, dialect)
    assert answer.broken is not None
    assert answer.broken.kind is Kind.TRUNCATED
    assert client.received == STREAMS[dialect.name][1] + told(dialect, answer.broken)


@DIALECTS
async def test_an_event_that_was_cut_in_two_is_closed_before_the_error(dialect: CallerDialect) -> None:
    half = b'data: {"x":"' + b"0" * (300 << 10)
    answer = streamed(dialect, event_stream(half, cut=CUT))
    client = await relayed(answer, dialect)
    assert client.received == half + b"\n\n" + told(dialect, CUT, half)


ERRORS = {
    "openai_chat": b'data: {"error":{"message":"No"}}\n\n',
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"No"}}\n\n',
    "gemini": b'data: {"error":{"code":500,"message":"No","status":"INTERNAL"}}\n\n',
    "responses": b'event: error\ndata: {"type":"error","code":"server_error","message":"No"}\n\n',
    **dict.fromkeys(("ollama", "ollama_generate"), b'data: {"error":"No"}\n\n'),
    "cohere": (b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"No"}}\n\n'),
    "bedrock_converse": b'event: internalServerException\ndata: {"message":"No"}\n\n',
}


@DIALECTS
async def test_the_providers_own_error_is_not_told_twice(dialect: CallerDialect) -> None:
    answer = streamed(dialect, event_stream(ERRORS[dialect.name]))
    client = await relayed(answer, dialect)
    assert client.received == ERRORS[dialect.name]
    assert answer.broken is not None
    assert answer.broken.kind is Kind.STREAM_ERROR


@DIALECTS
async def test_a_plain_reply_passes(dialect: CallerDialect) -> None:
    answer = Answer(200, [], b"a", Outcome(200), FakeReply(200, b"b", b"c"))
    client = await relayed(answer, dialect)
    assert (client.received, client.is_complete, answer.broken) == (b"bc", True, None)


async def test_a_plain_reply_that_was_cut_is_never_completed() -> None:
    answer = Answer(200, [], b"a", Outcome(200), FakeReply(200, b"b", cut=CUT))
    client = FakeClient()
    with pytest.raises(Broken):
        await relay(answer, calling.call(), client)
    assert (client.received, client.is_complete, answer.broken) == (b"b", False, CUT)


async def test_of_a_whole_answer_there_is_no_rest() -> None:
    client = FakeClient()
    await relay(Answer(200, [], b"a", Outcome(200)), calling.call(), client)
    assert (client.received, client.is_complete) == (b"", False)
