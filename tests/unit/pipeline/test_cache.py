"""Around an attempt: a stored answer, or the call that is under way for the same request, and never another's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

import calling
from calling import (
    ANTHROPIC,
    BLOCK,
    CHAT,
    GEMINI,
    MESSAGE,
    OPENAI,
    PLAIN,
    STARTED,
    STOPPED,
    STREAMS,
    event_stream,
    json_reply,
    sent_stream,
    target,
)
from fake_reply import FakeReply, FakeTransport
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.registry import CALLERS
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.cache import CacheControl, Caching, cache_control
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.plan import CachePolicy
from penstock.routing.walk import Attempt
from penstock.stores.catalogue import GatewayKey
from penstock.stores.memory import MemoryReplyStore
from penstock.transport.base import Reply

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
HOSTS = {
    "openai_chat": "nvidia",
    "anthropic": "anthropic",
    "gemini": "google",
    "responses": "openai",
    "ollama": "ollama",
    "ollama_generate": "ollama",
    "cohere": "cohere",
    "bedrock_converse": "bedrock",
}
CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)
STREAMED = {**CHAT, "stream": True}
CACHED = CachePolicy(60.0)


class Cache:
    """The stage, over a provider that gives these replies. ``accounts`` are those of the attempts."""

    def __init__(self, *replies: Reply | Failure) -> None:
        self.now = 0.0
        self.transport = FakeTransport(*replies)
        store = MemoryReplyStore(1 << 20, 1 << 20, lambda: self.now)
        self.caching = Caching(store, calling.upstream(self.transport), 1 << 20)
        self.accounts: list[AttemptAccount] = []

    async def answer(self, call: Call, route: TargetRoute) -> Answer:
        account = AttemptAccount(route.target, 0.0)
        self.accounts.append(account)
        return await self.caching.attempt(call, route, Attempt(route.target), account)

    async def told(self, call: Call, route: TargetRoute) -> tuple[str, bytes]:
        """The cache's status, and the whole body, stored if it may be."""
        answer = await self.answer(call, route)
        body = await whole(answer)
        await calling.turns()
        return answer.cache_status, body


async def whole(answer: Answer) -> bytes:
    """The body as a caller gets it."""
    body = answer.body
    if answer.rest is not None and answer.watch is not None:
        while data := await answer.rest.read():
            body += answer.watch.feed(data)
        body += answer.watch.finish()
    answer.close()
    return body


def route(dialect: CallerDialect = OPENAI, **members: Any) -> TargetRoute:
    return calling.route(target(HOSTS[dialect.name], cache=CACHED, **members))


@DIALECTS
async def test_a_good_answer_is_given_again(dialect: CallerDialect) -> None:
    cache, to = Cache(json_reply(PLAIN[dialect.name]), CUT), route(dialect)
    assert await cache.told(calling.call(CHAT, dialect), to) == ("MISS", PLAIN[dialect.name])
    again = await cache.answer(calling.call(CHAT, dialect), to)
    assert (again.cache_status, again.body, again.status, again.rest) == ("HIT", PLAIN[dialect.name], 200, None)
    assert (again.outcome.stored, again.model, again.usage is not None) == (True, "m", True)
    assert again.headers == [(b"content-type", b"application/json")]
    assert len(cache.transport.sent) == 1


@DIALECTS
async def test_a_stream_is_given_again(dialect: CallerDialect) -> None:
    cache, to = Cache(sent_stream(dialect.name, *STREAMS[dialect.name]), CUT), route(dialect)
    stream = (await cache.told(calling.call(STREAMED, dialect), to))[1]
    assert stream == b"".join(STREAMS[dialect.name])
    again = await cache.answer(calling.call(STREAMED, dialect), to)
    assert (again.cache_status, again.headers) == ("HIT", [(b"content-type", b"text/event-stream")])
    assert dialect.replies.stream.ending(again.body)[0] is True
    assert again.usage is not None
    assert (again.usage.prompt, again.usage.completion) == (3, 2)


@DIALECTS
async def test_a_stream_is_given_as_a_plain_reply_and_the_other_way_round(dialect: CallerDialect) -> None:
    streamed, to = Cache(sent_stream(dialect.name, *STREAMS[dialect.name]), CUT), route(dialect)
    await streamed.told(calling.call(STREAMED, dialect), to)
    status, body = await streamed.told(calling.call(CHAT, dialect), to)
    assert (status, b"Hi" in body, body[:1]) == ("HIT", True, b"{")
    plain = Cache(json_reply(PLAIN[dialect.name]), CUT)
    await plain.told(calling.call(CHAT, dialect), to)
    status, body = await plain.told(calling.call(STREAMED, dialect), to)
    assert (status, b"Hi" in body, dialect.replies.stream.ending(body)[0]) == ("HIT", True, True)


async def test_a_translated_answer_is_given_again() -> None:
    cache, to = Cache(json_reply(PLAIN["anthropic"]), CUT), calling.route(target("anthropic", cache=CACHED))
    first = await cache.told(calling.call(CHAT), to)
    assert await cache.told(calling.call(CHAT), to) == ("HIT", first[1])


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("headers", [{"x_portkey_cache_force_refresh": "true"}, {"cache_control": "no-store"}])
async def test_what_an_earlier_call_took_is_none_of_a_later_one_s(streams: bool, headers: Any) -> None:
    searched = b'"usage":{"output_tokens":2,"server_tool_use":{"web_search_requests":5}}'
    pieces = STARTED + BLOCK + STOPPED.replace(b'"usage":{"output_tokens":2}', searched)
    message = json_reply(MESSAGE.replace(b'"usage":{', searched[:-1] + b","))
    first = event_stream(pieces) if streams else message
    second = event_stream(STARTED.replace(b"3", b"7"), BLOCK, cut=CUT) if streams else json_reply(MESSAGE)
    cache, to = Cache(first, second), calling.route(target("anthropic", cache=CACHED))
    used = []
    for _ in range(2):
        answer = await cache.answer(calling.call({**CHAT, "stream": streams}, **headers), to)
        await whole(answer)
        await calling.turns()
        used.append(answer.usage if answer.watch is None else answer.watch.ending()[1])
    assert [each and each.searches for each in used] == [5, None]


async def test_usage_that_only_the_gateway_asked_for_is_given_to_who_asks() -> None:
    cache, to = Cache(event_stream(*STREAMS["openai_chat"]), CUT), calling.route(target("openai", cache=CACHED))
    _, body = await cache.told(calling.call(STREAMED), to)
    assert b'"usage"' not in body
    asks = {**STREAMED, "stream_options": {"include_usage": True}}
    status, body = await cache.told(calling.call(asks), to)
    assert (status, b'"usage"' in body) == ("HIT", True)


async def test_delivery_spelling_and_order_are_no_part_of_a_request() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), CUT), route()
    await cache.told(calling.call({**CHAT, "top_p": 1}), to)
    reordered = {"stream": False, "top_p": 1, **CHAT}
    assert (await cache.told(calling.call(reordered), to))[0] == "HIT"


def other_tenant(call: Call) -> None:
    call.caller = Caller(GatewayKey("other", b"d"), b"x-portkey-api-key")


def other_query(call: Call) -> None:
    call.query = "beta=true"


@pytest.mark.parametrize("change", [other_tenant, other_query])
async def test_another_call_has_an_answer_of_its_own(change: Any) -> None:
    cache, to = Cache(*[json_reply(PLAIN["anthropic"]) for _ in range(2)]), route(ANTHROPIC)
    await cache.told(calling.call(CHAT, ANTHROPIC), to)
    other = calling.call(CHAT, ANTHROPIC)
    change(other)
    assert (await cache.told(other, to))[0] == "MISS"
    assert len(cache.transport.sent) == 2


async def test_another_query_reaches_the_provider() -> None:
    cache, to = Cache(*[json_reply(PLAIN["anthropic"]) for _ in range(2)]), route(ANTHROPIC)
    for change in (lambda _: None, other_query):
        asked = calling.call(CHAT, ANTHROPIC)
        change(asked)
        await cache.told(asked, to)
    assert [request.target for request in cache.transport.sent] == [b"/v1/messages", b"/v1/messages?beta=true"]


@pytest.mark.parametrize(
    ("body", "headers", "members"),
    [
        ({**CHAT, "seed": 1}, {}, {}),
        ({**CHAT, "seed": 1.0}, {}, {}),
        (CHAT, {"x_portkey_cache_namespace": "n"}, {}),
        (CHAT, {"x_portkey_metadata": '{"a":"b"}'}, {}),
        (CHAT, {}, {"api_key": Secret("other")}),
        (CHAT, {}, {"override_params": {"seed": b"1"}}),
    ],
)
async def test_another_request_has_an_answer_of_its_own(
    body: dict[str, Any], headers: dict[str, Any], members: dict[str, Any]
) -> None:
    cache = Cache(*[json_reply(PLAIN["openai_chat"]) for _ in range(2)])
    await cache.told(calling.call(CHAT), route())
    assert (await cache.told(calling.call(body, **headers), route(**members)))[0] == "MISS"


async def test_a_forwarded_header_is_part_of_the_request() -> None:
    cache, to = Cache(*[json_reply(PLAIN["openai_chat"]) for _ in range(2)]), route(forward_headers=("x-team",))
    statuses = [(await cache.told(calling.call(CHAT, x_team=team), to))[0] for team in ("a", "b", "a")]
    assert statuses == ["MISS", "MISS", "HIT"]


async def test_the_path_is_part_of_the_request() -> None:
    """Gemini's callers name the model and the form of the answer there; the bodies are the same."""
    replies = [json_reply(PLAIN["gemini"]), json_reply(PLAIN["gemini"])]
    cache, to, statuses = Cache(*replies), route(GEMINI), []
    for model, streams in ("a", False), ("b", False), ("a", True), ("b", False):
        asked = calling.call({"messages": []}, GEMINI)
        assert asked.request is not None
        asked.parameters, asked.streams = {"model": model}, streams
        asked.request = asked.addressed(asked.request)
        status, body = await cache.told(asked, to)
        statuses.append(status)
        assert body.startswith(b"data:" if streams else b"{")
    assert statuses == ["MISS", "MISS", "HIT", "HIT"]
    assert [request.target.split(b"/")[-1] for request in cache.transport.sent] == [
        b"a:generateContent",
        b"b:generateContent",
    ]


async def test_another_model_behind_an_alias_has_an_answer_of_its_own() -> None:
    cache, to = Cache(*[json_reply(PLAIN["openai_chat"]) for _ in range(2)]), route()
    for model in ("m", "m-2"):
        asked = calling.call(CHAT)
        assert asked.request is not None
        body = asked.request.body.replaced({"model": json.dumps(model).encode()})
        asked.request = RequestBody(body, model, False)
        assert (await cache.told(asked, to))[0] == "MISS"


async def test_settings_in_headers_are_part_of_the_request() -> None:
    cache, to = Cache(*[json_reply(PLAIN["anthropic"]) for _ in range(2)]), route(ANTHROPIC)
    statuses = [(await cache.told(calling.call(CHAT, ANTHROPIC, anthropic_beta=beta), to))[0] for beta in "aba"]
    assert statuses == ["MISS", "MISS", "HIT"]


async def test_callers_of_two_wires_share_nothing() -> None:
    cache = Cache(json_reply(PLAIN["openai_chat"]), json_reply(PLAIN["openai_chat"]))
    to = calling.route(target("cerebras", cache=CACHED))
    await cache.told(calling.call(CHAT), to)
    status, body = await cache.told(calling.call(CHAT, ANTHROPIC), to)
    assert (status, b'"type":"message"' in body) == ("MISS", True)


# What a caller wants of the cache.


@pytest.mark.parametrize(
    ("headers", "control"),
    [
        ({}, CacheControl()),
        ({"cache_control": "no-store"}, None),
        ({"x_portkey_debug": "false"}, None),
        ({"cache_control": "No-Cache"}, CacheControl(False, None, True)),
        ({"x_portkey_cache_force_refresh": "True"}, CacheControl(False, None, True)),
        ({"cache_control": 'private, max-age="5"'}, CacheControl(True, 5.0, False)),
        ({"cache_control": "max-age=x"}, CacheControl()),
    ],
)
def test_what_headers_say_of_the_cache(headers: dict[str, Any], control: CacheControl | None) -> None:
    assert cache_control(dict(calling.headers_of(**headers))) == control


async def test_without_the_cache_nothing_is_read_or_kept() -> None:
    cache, to = Cache(*[json_reply(PLAIN["openai_chat"]) for _ in range(3)]), route()
    for headers in ({"cache_control": "no-store"}, {}, {"cache_control": "no-store"}):
        answer = await cache.answer(calling.call(CHAT, **headers), to)  # type: ignore[arg-type]
        assert answer.cache_status == ("MISS" if not headers else "DISABLED")
        await calling.turns()
    assert len(cache.transport.sent) == 3


async def test_a_refresh_asks_anew_and_is_kept() -> None:
    newer = PLAIN["openai_chat"].replace(b"Hi", b"Ho")
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), json_reply(newer), CUT), route()
    await cache.told(calling.call(CHAT), to)
    assert await cache.told(calling.call(CHAT, cache_control="no-cache"), to) == ("REFRESH", newer)
    assert await cache.told(calling.call(CHAT), to) == ("HIT", newer)


async def test_an_answer_may_be_too_old() -> None:
    cache, to = Cache(*[json_reply(PLAIN["openai_chat"]) for _ in range(4)]), route()
    statuses = []
    for now, age in ((0.0, 0), (10.0, 20), (10.0, 5), (75.0, 100)):
        cache.now = now
        statuses.append((await cache.told(calling.call(CHAT, cache_control=f"max-age={age}"), to))[0])
    assert statuses == ["MISS", "HIT", "MISS", "MISS"]


# What is kept.


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(b'{"error":{"message":"No"}}', 500),
        json_reply(b'{"error":{"message":"No"}}'),
        json_reply(b"<html>"),
        json_reply(PLAIN["openai_chat"], 201),
        FakeReply(200, PLAIN["openai_chat"], cut=CUT),
        CUT,
    ],
)
async def test_only_whole_good_answers_are_kept(reply: FakeReply | Failure) -> None:
    cache, to = Cache(reply, json_reply(PLAIN["openai_chat"])), route()
    first = await cache.answer(calling.call(CHAT), to)
    first.close()
    await calling.turns()
    assert await cache.told(calling.call(CHAT), to) == ("MISS", PLAIN["openai_chat"])


@DIALECTS
@pytest.mark.parametrize("end", ["cut", "unfinished", "garbage", "error"])
async def test_only_whole_good_streams_are_kept(dialect: CallerDialect, end: str) -> None:
    nothing, content, rest = STREAMS[dialect.name]
    reply = {
        "cut": sent_stream(dialect.name, nothing, content, cut=CUT),
        "unfinished": sent_stream(dialect.name, nothing, content),
        "garbage": sent_stream(dialect.name, nothing, content, b"event: x\ndata: {bad\n\n", rest),
        "error": sent_stream(
            dialect.name, nothing, content, b'event: error\ndata: {"error":{"message":"No"}}\n\n', rest
        ),
    }[end]
    cache, to = Cache(reply, sent_stream(dialect.name, *STREAMS[dialect.name])), route(dialect)
    assert (await cache.told(calling.call(STREAMED, dialect), to))[0] == "MISS"
    assert (await cache.told(calling.call(STREAMED, dialect), to))[0] == "MISS"


async def test_what_can_not_be_prepared_is_told() -> None:
    cache = Cache(CUT)
    answer = await cache.answer(calling.call({"messages": []}), route())
    assert (answer.status, answer.cache_status, cache.transport.sent) == (400, "DISABLED", [])


def test_the_cache_has_a_part_in_what_may_be_stored() -> None:
    caching = Cache(CUT).caching
    assert caching.applies(route())
    assert not caching.applies(calling.route(target()))
    assert not msgspec.structs.replace(caching, limit=0).applies(route())
    stored = Operation.COMPLETIONS, Operation.EMBEDDINGS, Operation.MODERATIONS, Operation.IMAGES
    asked_anew = Operation.SPEECH, Operation.TRANSCRIPTIONS, Operation.IMAGE_EDITS, Operation.MODELS
    for operation in (*stored, *asked_anew):
        applies = caching.applies(calling.route(target("openai", cache=CACHED), operation))
        assert applies is (operation in stored), operation


# Who asks the same right now.


async def test_equal_requests_share_one_call_and_know_who_pays() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), CUT), route()
    cache.transport.gate.clear()
    asking = [asyncio.create_task(cache.answer(calling.call(CHAT), to)) for _ in range(3)]
    await calling.turns()
    cache.transport.gate.set()
    answers = await asyncio.gather(*asking)
    assert [answer.cache_status for answer in answers] == ["MISS", "HIT", "HIT"]
    assert {answer.body for answer in answers} == {PLAIN["openai_chat"]}
    assert len(cache.transport.sent) == 1
    (cost,) = {account.call for account in cache.accounts}
    assert cost is not None
    assert cost.participants == 3


async def test_streams_and_plain_replies_are_asked_for_apart() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), event_stream(*STREAMS["openai_chat"])), route()
    cache.transport.gate.clear()
    asking = [asyncio.create_task(cache.answer(calling.call(body), to)) for body in (CHAT, STREAMED)]
    await calling.turns()
    cache.transport.gate.set()
    answers = await asyncio.gather(*asking)
    assert [answer.cache_status for answer in answers] == ["MISS", "MISS"]
    for answer in answers:
        await whole(answer)


async def test_a_refresh_never_joins_an_older_call() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), json_reply(PLAIN["openai_chat"])), route()
    cache.transport.gate.clear()
    first = asyncio.create_task(cache.answer(calling.call(CHAT), to))
    await calling.turns()
    refresh = asyncio.create_task(cache.answer(calling.call(CHAT, cache_control="no-cache"), to))
    await calling.turns()
    cache.transport.gate.set()
    assert [(await each).cache_status for each in (first, refresh)] == ["MISS", "REFRESH"]
    assert len(cache.transport.sent) == 2
    await calling.turns()


async def test_the_first_of_them_may_leave() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), CUT), route()
    cache.transport.gate.clear()
    first, second = [asyncio.create_task(cache.answer(calling.call(CHAT), to)) for _ in range(2)]
    await calling.turns()
    first.cancel()
    await calling.turns()
    cache.transport.gate.set()
    assert (await second).body == PLAIN["openai_chat"]
    assert (first.cancelled(), len(cache.transport.sent)) == (True, 1)
    await calling.turns()


async def test_what_is_over_is_forgotten() -> None:
    cache, to = Cache(json_reply(PLAIN["openai_chat"], 500), json_reply(PLAIN["openai_chat"])), route()
    for _ in range(2):
        (await cache.answer(calling.call(CHAT), to)).close()
        await calling.turns()
    assert (cache.caching.shared_calls, cache.caching.writes) == ({}, set())


async def test_half_of_a_pair_in_a_member_s_name_is_part_of_the_request() -> None:
    body = {**CHAT, "\ud800": 1}
    cache, to = Cache(json_reply(PLAIN["openai_chat"]), CUT), route()
    first = await cache.told(calling.call(body), to)
    assert await cache.told(calling.call(body), to) == ("HIT", first[1])
