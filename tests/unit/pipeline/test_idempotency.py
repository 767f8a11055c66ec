"""A key stands for one request, made once: who comes back gets its answer, and pays for nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import calling
from calling import CHAT, PLAIN, STREAMS, event_stream, json_reply, sent_stream
from edge import FakeClient
from fake_reply import FakeReply, FakeTransport
from penstock.core.failure import Failure, Kind
from penstock.core.usage import Usage
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Records
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.relay import relay
from penstock.stores.catalogue import GatewayKey
from penstock.transport.base import Reply

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
USAGE = Usage(3, 2, 5)
STREAMED = {**CHAT, "stream": True}
CONFIG = '{"provider":"nvidia","api_key":"k"}'
CACHED = '{"provider":"nvidia","api_key":"k","cache":{"mode":"simple","max_age":60}}'
CONFIGS = {
    "openai_chat": CONFIG,
    "anthropic": '{"provider":"anthropic","api_key":"k"}',
    "gemini": '{"provider":"google","api_key":"k"}',
    "responses": '{"provider":"openai","api_key":"k"}',
    "ollama": '{"provider":"ollama"}',
    "ollama_generate": '{"provider":"ollama"}',
    "cohere": '{"provider":"cohere","api_key":"k"}',
    "bedrock_converse": '{"provider":"bedrock","api_key":"k"}',
}


class Once:
    """The stage before a router over a provider that gives these replies."""

    def __init__(self, *replies: Reply | Failure, reattach: float = 0.0, max_bytes: int = 1 << 20) -> None:
        self.transport = FakeTransport(*replies)
        self.router = calling.router(self.transport)
        self.stage = Idempotency(60.0, reattach, max_bytes, 1 << 20)
        self.records = Records()
        self.queue = self.records.subscribe()

    def call(
        self, body: dict[str, Any] = CHAT, dialect: CallerDialect = calling.OPENAI, config: str = CONFIG, **headers: str
    ) -> Call:
        given = {"idempotency_key": "key-1", "x_portkey_config": config, **headers}
        return calling.call(body, dialect, records=self.records, **given)  # type: ignore[arg-type]

    async def answer(self, call: Call) -> Answer | Failure:
        async def run() -> Answer:
            compiled = self.router.compiler.compile(call)
            assert isinstance(compiled, CompiledPlan), compiled
            answer, _ = await self.router.answer(call, compiled)
            return answer

        return await self.stage.answer(call, run)

    async def planned(self, call: Call) -> Answer | Failure:
        """Like ``answer``, with the plan that the pipeline knows."""
        compiled = self.router.compiler.compile(call)
        assert isinstance(compiled, CompiledPlan), compiled

        async def run() -> Answer:
            return (await self.router.answer(call, compiled))[0]

        return await self.stage.answer(call, run, compiled.plan)

    async def served(self, call: Call) -> bytes:
        """The body of the answer, given out as the edge does it; then the account is closed."""
        answer = await self.answer(call)
        assert isinstance(answer, Answer), answer
        client = FakeClient()
        await relay(answer, call, client)
        answer.close()
        call.account.close()
        await calling.turns()
        return answer.body + client.received

    def charged(self) -> list[Usage | None]:
        """What each request that is over pays for."""
        return [record.usage for record in self.queue.take()]


def names(answer: Answer | Failure) -> dict[bytes, bytes]:
    assert isinstance(answer, Answer), answer
    return dict(answer.headers)


@DIALECTS
@pytest.mark.parametrize("streams", [False, True])
async def test_who_comes_back_gets_the_finished_answer_and_pays_nothing(dialect: CallerDialect, streams: bool) -> None:
    name = dialect.name
    reply = sent_stream(name, *STREAMS[name]) if streams else json_reply(PLAIN[name])
    once = Once(reply, Failure(Kind.INTERNAL, "asked twice"))
    body = STREAMED if streams else CHAT
    first = await once.served(once.call(body, dialect, CONFIGS[name]))
    assert await once.served(once.call(body, dialect, CONFIGS[name])) == first
    assert len(once.transport.sent) == 1
    paid, free = once.charged()
    assert paid is not None
    assert (paid.prompt, paid.completion, free) == (3, 2, None)


async def test_a_replayed_answer_says_so_under_its_own_trace_id() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    await once.served(once.call())
    again = once.call()
    again.trace_id = b"trace-2"
    headers = names(await once.answer(again))
    assert (headers[b"idempotent-replayed"], headers[b"x-portkey-trace-id"]) == (b"true", b"trace-2")
    assert headers[b"x-portkey-request-id"] == again.account.id.encode()
    (attempt,) = again.account.attempts
    assert (attempt.cache, attempt.model, attempt.status, attempt.usage) == ("REPLAYED", "m", 200, USAGE)
    assert attempt.lane == 1  # who comes back may be the one who pays, and counts the call


async def test_those_who_come_while_it_runs_share_it() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    once.transport.gate.clear()
    asking = [asyncio.create_task(once.served(once.call())) for _ in range(3)]
    await calling.turns()
    once.transport.gate.set()
    assert len(set(await asyncio.gather(*asking))) == 1
    assert len(once.transport.sent) == 1
    assert sorted(once.charged(), key=str) == [None, None, USAGE]


async def test_who_stays_pays_when_the_first_has_left() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    once.transport.gate.clear()
    leaving = once.call()
    first = asyncio.create_task(once.answer(leaving))
    second = asyncio.create_task(once.served(once.call()))
    await calling.turns()
    first.cancel()
    await calling.turns()
    leaving.account.close()
    once.transport.gate.set()
    await second
    records = once.queue.take()
    assert [record.usage for record in records] == [None, USAGE]
    assert [attempt.is_charged for record in records for attempt in record.attempts] == [False, True]


async def test_who_left_pays_where_nobody_else_was_there() -> None:
    """What limits charge is an estimate; who comes back later pays nothing."""
    once = Once(json_reply(PLAIN["openai_chat"]), reattach=3600)
    once.transport.gate.clear()
    leaving = once.call()
    first = asyncio.create_task(once.answer(leaving))
    await calling.turns()
    first.cancel()
    await calling.turns()
    leaving.account.close()
    once.transport.gate.set()
    await once.served(once.call())
    assert [attempt.is_charged for record in once.queue.take() for attempt in record.attempts] == [True, False]


async def test_a_call_goes_on_for_a_while_with_nobody_listening() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]), Failure(Kind.INTERNAL, "asked twice"), reattach=3600)
    once.transport.gate.clear()
    first = asyncio.create_task(once.answer(once.call()))
    await calling.turns()
    first.cancel()
    await calling.turns()
    once.transport.gate.set()
    await calling.turns()
    assert await once.served(once.call()) == PLAIN["openai_chat"]
    assert len(once.transport.sent) == 1


async def test_without_that_the_last_to_leave_ends_it() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    once.transport.gate.clear()
    first = asyncio.create_task(once.answer(once.call()))
    await calling.turns()
    first.cancel()
    await calling.turns()
    once.transport.gate.set()
    await once.served(once.call())
    assert len(once.transport.sent) == 2


async def test_nobody_pays_for_what_the_cache_had() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]), Failure(Kind.INTERNAL, "asked twice"))
    for key in ("key-1", "key-2", "key-2"):
        await once.served(once.call(config=CACHED, idempotency_key=key))
    assert once.charged() == [USAGE, None, None]


async def test_a_call_that_was_cached_while_it_ran_is_paid_for_once() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]), Failure(Kind.INTERNAL, "asked twice"))
    once.transport.gate.clear()
    asking = [
        asyncio.create_task(once.served(once.call(config=CACHED, idempotency_key=key)))
        for key in ("key-1", "key-2", "key-2")
    ]
    await calling.turns()
    once.transport.gate.set()
    await asyncio.gather(*asking)
    assert len(once.transport.sent) == 1
    assert sorted(once.charged(), key=str) == [None, None, USAGE]


def other_body(call: Call) -> None:
    call.body += b" "


def other_path(call: Call) -> None:
    call.path = "/v1/y"


def other_routing(call: Call) -> None:
    call.headers.append((b"x-portkey-forward-headers", b"x"))


@pytest.mark.parametrize("change", [other_body, other_path, other_routing])
async def test_a_key_stands_for_one_request(change: Callable[[Call], None]) -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    await once.served(once.call())
    other = once.call()
    change(other)
    failure = await once.answer(other)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.IDEMPOTENCY_CONFLICT, "idempotency-key")


async def test_how_a_request_is_traced_is_no_part_of_it() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    await once.served(once.call(x_portkey_trace_id="a", x_portkey_metadata='{"a":"b"}'))
    await once.served(once.call(x_portkey_trace_id="b"))
    assert len(once.transport.sent) == 1


async def test_a_key_belongs_to_who_sent_it() -> None:
    once = Once(*[json_reply(PLAIN["openai_chat"]) for _ in range(3)])
    tenant = once.call()
    tenant.caller = Caller(GatewayKey("team", b"d"), b"authorization")
    for call in (once.call(), once.call(authorization="Bearer other"), tenant):
        assert b"idempotent-replayed" not in names(await once.answer(call))
    assert len(once.transport.sent) == 3


async def test_failed_calls_are_forgotten() -> None:
    error = b'{"error":{"message":"no"}}'
    once = Once(json_reply(error, 400), json_reply(PLAIN["openai_chat"]))
    assert await once.served(once.call()) == error
    assert await once.served(once.call()) == PLAIN["openai_chat"]


async def test_a_cut_stream_is_forgotten() -> None:
    nothing, content, _ = STREAMS["openai_chat"]
    cut = event_stream(nothing, content, cut=Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True))
    once = Once(cut, event_stream(*STREAMS["openai_chat"]))
    assert b"connection_closed" in await once.served(once.call(STREAMED))
    assert await once.served(once.call(STREAMED)) == b"".join(STREAMS["openai_chat"])


async def test_what_is_kept_is_bounded() -> None:
    size = len(PLAIN["openai_chat"])
    once = Once(*[json_reply(PLAIN["openai_chat"]) for _ in range(4)], max_bytes=2 * size)
    for key in ("1", "2", "3", "3", "1"):
        await once.served(once.call(idempotency_key=key))
    assert len(once.transport.sent) == 4


async def test_a_key_has_a_bounded_length() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    failure = await once.answer(once.call(idempotency_key="k" * 256))
    assert isinstance(failure, Failure)
    assert (failure.kind, once.transport.sent) == (Kind.INVALID_REQUEST, [])


def test_where_it_has_a_part() -> None:
    stage = Idempotency(60.0, 0.0, 10, 10)
    keyed = calling.call(CHAT, idempotency_key="k")
    assert stage.applies(keyed)
    assert not stage.applies(calling.call(CHAT))
    assert not stage.applies(calling.call(None, idempotency_key="k"))
    assert not Idempotency(0.0, 0.0, 10, 10).applies(keyed)
    assert not Idempotency(60.0, 0.0, 10, 0).applies(keyed)


async def test_an_answer_that_is_told_whole_is_closed() -> None:
    reply = FakeReply(200, *STREAMS["openai_chat"], headers=[(b"content-type", b"text/event-stream")])
    once = Once(reply)
    await once.served(once.call(STREAMED))
    assert reply.closed


async def test_users_of_one_tenant_have_keys_of_their_own() -> None:
    """Their credentials and forwarded headers tell them apart, whatever header or config they stand in."""
    once = Once(*[json_reply(PLAIN["openai_chat"]) for _ in range(5)])
    config = '{"provider":"nvidia","api_key":"%s","forward_headers":["x-user"]}'

    def asked(credential: str, config: str = config % "k", user: str = "alice") -> Call:
        call = once.call(config=config, authorization=f"Bearer {credential}", x_user=user)
        call.caller = Caller(GatewayKey("team", b"d"), b"x-portkey-api-key")
        return call

    calls = [asked("one"), asked("two"), asked("one", user="bob"), asked("one", config % "other")]
    for call in calls:
        assert b"idempotent-replayed" not in names(await once.planned(call))
    assert len(once.transport.sent) == 4
    assert names(await once.planned(asked("one", user="bob")))[b"idempotent-replayed"] == b"true"
    assert len(once.transport.sent) == 4


async def test_the_query_is_part_of_the_request() -> None:
    once = Once(json_reply(PLAIN["openai_chat"]))
    await once.served(once.call())
    other = once.call()
    other.query = "beta=true"
    failure = await once.answer(other)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.IDEMPOTENCY_CONFLICT


async def test_a_flood_of_keys_drops_the_flooder_s_own() -> None:
    size = len(PLAIN["openai_chat"])
    once = Once(*[json_reply(PLAIN["openai_chat"]) for _ in range(9)], max_bytes=4 * size)

    async def served(tenant: str, key: str) -> None:
        call = once.call(idempotency_key=key)
        call.caller = Caller(GatewayKey(tenant, b"d"), b"authorization")
        await once.served(call)

    await served("quiet", "mine")
    for number in range(8):
        await served("loud", str(number))
    await served("quiet", "mine")
    assert len(once.transport.sent) == 9
