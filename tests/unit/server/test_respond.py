"""An answer, given out: head and first bytes as one, then the rest, and in the account how it ended."""

from __future__ import annotations

import pytest

import calling
from calling import STREAMS, event_stream
from edge import FakeClient, waited
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF
from penstock.core.outcome import Outcome
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.account import Account, AttemptAccount
from penstock.pipeline.call import Answer
from penstock.pipeline.relay import Broken
from penstock.server.request_context import RequestContext
from penstock.server.respond import STOPPING, refusal, respond, tell_of_stop

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)


class Serving:
    """One request and its way out."""

    def __init__(self, dialect: CallerDialect = calling.OPENAI) -> None:
        self.client = FakeClient()
        self.call = calling.call(None, dialect)
        self.context = RequestContext(self.call.account, dialect, [], self.client)

    @property
    def account(self) -> Account:
        return self.context.account

    async def respond(self, answer: Answer) -> None:
        await waited(respond(answer, self.call, self.context))


def streamed(dialect: CallerDialect, *rest: bytes, cut: Failure | None = None) -> Answer:
    watch = StreamWatch(dialect.replies.stream)
    body = watch.feed(STREAMS[dialect.name][0] + STREAMS[dialect.name][1])
    attempt = AttemptAccount(calling.target(), 0.0)
    return Answer(200, [], body, Outcome(200), event_stream(*rest, cut=cut), watch, attempt=attempt)


async def test_a_whole_answer_leaves_at_once() -> None:
    serving = Serving()
    await serving.respond(Answer(201, [(b"a", b"b")], b"{}", Outcome(201)))
    assert (serving.client.heads, serving.client.received) == ([(201, {b"a": b"b", **dict([NO_SNIFF])})], b"{}")
    assert serving.client.is_complete
    account = serving.account
    assert (account.status, account.stream, serving.context.begun) == (201, False, True)
    assert account.first_byte is not None


@DIALECTS
async def test_a_stream_follows_its_head(dialect: CallerDialect) -> None:
    serving = Serving(dialect)
    answer = streamed(dialect, STREAMS[dialect.name][2])
    await serving.respond(answer)
    assert serving.client.received == b"".join(STREAMS[dialect.name])
    assert answer.attempt is not None
    assert answer.attempt.ended is not None
    assert (serving.account.stream, serving.account.failure, serving.account.skipped) == (True, None, 0)


@DIALECTS
async def test_how_a_stream_ended_is_known(dialect: CallerDialect) -> None:
    serving = Serving(dialect)
    garbage = b"data: {bad\n\n"
    await serving.respond(streamed(dialect, garbage, garbage, cut=CUT))
    assert (serving.account.failure, serving.account.skipped) == (CUT, 2)


async def test_a_cut_plain_reply_is_raised_and_known() -> None:
    serving = Serving()
    answer = Answer(200, [], b"a", Outcome(200), FakeReply(200, b"b", cut=CUT))
    answer.attempt = AttemptAccount(calling.target(), 0.0)
    with pytest.raises(Broken):
        await serving.respond(answer)
    assert (serving.client.received, serving.client.is_complete, serving.account.failure) == (b"ab", False, CUT)
    assert answer.attempt.ended is not None
    assert answer.attempt.failure is CUT


async def test_an_earlier_failure_stays_known() -> None:
    serving = Serving()
    serving.account.failure = CUT
    await serving.respond(Answer(502, [], b"{}", Outcome(502, CUT)))
    assert serving.account.failure is CUT


@DIALECTS
def test_a_refusal_without_an_account(dialect: CallerDialect) -> None:
    failure = Failure(Kind.METHOD_NOT_ALLOWED, "Not so.")
    status, headers, body = refusal(failure, dialect, [(b"allow", b"GET")])
    assert (status, dict(headers)[b"allow"]) == (405, b"GET")
    assert "Not so." in calling.error_text(body)


# The gateway stops before the answer is complete.


async def stopped(serving: Serving, answer: Answer | None) -> None:
    """What is told when the task that gives ``answer`` out was cancelled after the first bytes."""
    context = serving.context
    context.answer = answer
    if answer is not None:
        context.begun = True
        context.is_streaming = answer.watch is not None
    await tell_of_stop(context)


@DIALECTS
async def test_a_caller_without_an_answer_is_told_of_the_stop(dialect: CallerDialect) -> None:
    serving = Serving(dialect)
    await stopped(serving, None)
    assert (serving.client.status, serving.client.fields[b"retry-after"]) == (503, b"1")
    assert STOPPING.message in serving.client.received.decode()
    assert serving.account.failure is STOPPING


@DIALECTS
async def test_a_stream_that_has_begun_ends_with_an_error_event(dialect: CallerDialect) -> None:
    serving = Serving(dialect)
    answer = streamed(dialect)
    assert answer.watch is not None
    event = answer.watch.fitted(dialect.errors.event(STOPPING, serving.context.trace))
    await stopped(serving, answer)
    assert serving.client.received == event
    assert serving.client.is_complete
    assert (serving.account.failure, answer.broken) == (STOPPING, STOPPING)


@DIALECTS
async def test_a_stream_that_was_kept_alive_ends_with_an_error_event(dialect: CallerDialect) -> None:
    serving = Serving(dialect)
    serving.context.begun = serving.context.is_streaming = True
    await stopped(serving, None)
    assert serving.client.received == dialect.errors.event(STOPPING, serving.context.trace)


@DIALECTS
async def test_a_stream_that_is_complete_is_no_failure(dialect: CallerDialect) -> None:
    """Its provider kept the connection open after the end."""
    serving = Serving(dialect)
    answer = streamed(dialect)
    assert answer.watch is not None
    answer.watch.feed(STREAMS[dialect.name][2])
    serving.account.is_cancelled = True
    await stopped(serving, answer)
    assert (serving.client.received, serving.client.is_complete) == (b"", True)
    assert (serving.account.failure, serving.account.is_cancelled) == (None, False)


async def test_a_plain_reply_that_has_begun_is_cut() -> None:
    serving = Serving()
    await stopped(serving, Answer(200, [], b"{", Outcome(200), FakeReply(200)))
    assert (serving.client.received, serving.client.is_complete) == (b"", False)
