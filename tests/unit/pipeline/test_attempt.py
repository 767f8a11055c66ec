"""One attempt at one target: prepared, sent within its time, read until it is clear what comes of it."""

from __future__ import annotations

import json
import math
from time import monotonic

import pytest

import calling
from calling import CHAT, PLAIN, STREAMS, TRACE, event_stream, json_reply, target
from fake_reply import FakeReply, FakeTransport
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Records
from penstock.pipeline.account import Account, AttemptAccount
from penstock.pipeline.attempt import attempt, failed
from penstock.pipeline.call import Answer
from penstock.routing.plan import Target
from penstock.routing.walk import Attempt
from penstock.transport.base import Reply

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
STREAMED = {**CHAT, "stream": True}
CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)


class Tries:
    """Attempts at one provider. ``account`` is that of the last attempt."""

    def __init__(self, *answers: Reply | Failure) -> None:
        self.transport = FakeTransport(*answers)
        self.account = AttemptAccount(target(), 0.0)

    async def attempt(
        self, to: Target, body: dict[str, object], dialect: CallerDialect = calling.OPENAI, until: float = math.inf
    ) -> Answer:
        route, step = calling.route(to), Attempt(to, 0, until, until)
        upstream = calling.upstream(self.transport)
        return await attempt(calling.call(body, dialect), route, step, upstream, self.account)


@DIALECTS
@pytest.mark.parametrize("provider", ["nvidia", "anthropic"])
async def test_each_wire_is_answered_by_each_host(dialect: CallerDialect, provider: str) -> None:
    wire = "anthropic" if provider == "anthropic" else "openai_chat"
    lane = 1 if wire == dialect.name else 2
    plain = Tries(json_reply(PLAIN[wire]))
    answer = await plain.attempt(target(provider), CHAT, dialect)
    assert (answer.status, answer.model, answer.outcome.ok) == (200, "m", True)
    assert answer.usage is not None
    assert (plain.account.model, plain.account.lane) == ("m", lane)
    streamed = await Tries(event_stream(*STREAMS[wire])).attempt(target(provider), STREAMED, dialect)
    assert streamed.watch is not None
    assert b"Hi" in streamed.body
    streamed.close()


async def test_what_can_not_be_prepared_is_not_sent() -> None:
    tries = Tries(CUT)
    answer = await tries.attempt(target(), {"messages": []})
    assert (answer.status, answer.failure and answer.failure.kind) == (400, Kind.INVALID_REQUEST)
    assert tries.transport.sent == []


@DIALECTS
async def test_a_failure_on_the_way_is_told_in_the_callers_words(dialect: CallerDialect) -> None:
    answer = await Tries(CUT).attempt(target(), CHAT, dialect)
    assert (answer.status, answer.failure, answer.model) == (502, CUT, "m")
    assert answer.body == dialect.errors.failure(CUT, TRACE.decode()).body


async def test_a_limit_that_has_passed_before_it_began() -> None:
    tries = Tries(CUT)
    answer = await tries.attempt(target(request_timeout=-5.0), CHAT)
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.sent, tries.transport.sent) == (Kind.FIRST_BYTE_TIMEOUT, False, [])
    assert "-5ms" in answer.failure.message


async def test_the_request_has_the_time_that_the_walk_has_left() -> None:
    tries = Tries(json_reply(PLAIN["openai_chat"]))
    await tries.attempt(target(), CHAT, until=monotonic() + 30)
    assert 0 < tries.transport.sent[0].limits.first_byte <= 30
    assert 0 < tries.transport.sent[0].limits.total <= 30


@pytest.mark.parametrize(
    ("retry", "previous", "fresh"),
    [
        (1, CUT, True),
        (0, CUT, False),
        (1, Failure(Kind.UPSTREAM_STATUS, "Busy", sent=True), False),
        (1, None, False),
    ],
)
async def test_a_retry_after_a_closed_connection_takes_a_fresh_one(
    retry: int, previous: Failure | None, fresh: bool
) -> None:
    transport = FakeTransport(json_reply(PLAIN["openai_chat"]))
    to, upstream = target(), calling.upstream(transport)
    account = AttemptAccount(to, 0.0, caller="team-a", previous=AttemptAccount(to, 0.0, failure=previous))
    await attempt(calling.call(CHAT), calling.route(to), Attempt(to, retry), upstream, account)
    (sent,) = transport.sent
    assert (sent.fresh, sent.caller) == (fresh, "team-a")


@pytest.mark.parametrize(("before", "fresh"), [(None, False), ("same", True), ("other", False)])
async def test_a_fallback_to_the_same_address_takes_a_fresh_connection(before: str | None, fresh: bool) -> None:
    account, to = Account(Records(), "POST", "/v1/chat/completions"), target("nvidia")
    tries = Tries(json_reply(PLAIN["openai_chat"]))
    if before is not None:
        other = target("nvidia" if before == "same" else "groq")
        tries.account = account.attempt(other)
        await tries.attempt(other, CHAT)
    tries.account = account.attempt(to)
    await tries.attempt(to, CHAT)
    assert tries.transport.sent[-1].fresh is fresh


async def test_a_reply_of_no_use_is_closed() -> None:
    reply = json_reply(b"<html>")
    answer = await Tries(reply).attempt(target(), CHAT)
    assert (answer.failure and answer.failure.kind, reply.closed) == (Kind.INVALID_RESPONSE, True)


async def test_what_was_left_out_is_named_in_the_answer() -> None:
    answer = await Tries(json_reply(PLAIN["anthropic"])).attempt(target("anthropic"), {**CHAT, "seed": 1})
    assert answer.dropped == ("seed",)


async def test_on_lane_1_a_hosts_deviations_are_mended() -> None:
    body = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    mended = await Tries(json_reply(body)).attempt(target("groq"), CHAT)
    assert json.loads(mended.body)["choices"][0]["message"]["role"] == "assistant"
    whole = (
        b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
        b'{"role":"assistant","content":"Hi"},"finish_reason":"stop"}] }'
    )
    assert (await Tries(json_reply(whole)).attempt(target("nvidia"), CHAT)).body == whole
    completed = await Tries(json_reply(whole)).attempt(target("groq"), CHAT)
    assert json.loads(completed.body)["choices"][0]["message"]["refusal"] is None


async def test_on_lane_1_errors_of_the_wires_shape_keep_their_bytes() -> None:
    body = b'{ "error": {"message":"no", "odd": 1.0}, "beside": 2}'
    answer = await Tries(json_reply(body, 400)).attempt(target("groq"), CHAT)
    assert (answer.status, answer.body) == (400, body)


async def test_on_lane_1_other_errors_are_wrapped() -> None:
    answer = await Tries(json_reply(b'{"message":"no"}', 400)).attempt(target("groq"), CHAT)
    told = json.loads(answer.body)
    assert (answer.status, told["error"]["message"]) == (400, "groq error: no")
    assert told["provider_response"] == {"message": "no"}


async def test_a_redirect_is_a_failure_and_leads_nowhere() -> None:
    reply = FakeReply(307, b"", headers=[(b"location", b"http://user:pass@other.test/v1?key=1")])
    answer = await Tries(reply).attempt(target("groq"), CHAT)
    message = json.loads(answer.body)["error"]["message"]
    assert (answer.status, reply.closed) == (502, True)
    assert "http://other.test/v1 " in message
    assert "pass" not in message
    assert b"location" not in dict(answer.headers)


async def test_on_lane_1_a_stream_of_another_frame_becomes_the_wires_own() -> None:
    """Bedrock frames Anthropic's events otherwise: nothing in it can be read as they are."""
    reply = FakeReply(200, b"garbage" * 4, headers=[(b"content-type", b"application/vnd.amazon.eventstream")])
    to = target("bedrock", options={"aws_region": "eu-west-1"})
    body = {**STREAMED, "model": "anthropic.claude-3-haiku-20240307-v1:0"}
    answer = await Tries(reply).attempt(to, body, calling.ANTHROPIC)
    assert answer.failure is not None
    assert b"garbage" not in answer.body


@DIALECTS
def test_a_failure_as_an_answer(dialect: CallerDialect) -> None:
    failure = Failure(Kind.LOOP_DETECTED, "Round and round.")
    answer = failed(failure, calling.call(None, dialect))
    told = dialect.errors.failure(failure, TRACE.decode())
    assert (answer.status, answer.body, answer.headers) == (told.status, told.body, told.headers)
    assert (answer.outcome.status, answer.failure, answer.target) == (508, failure, None)
