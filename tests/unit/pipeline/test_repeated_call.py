"""A request that comes again byte for byte gets its stored answer at once, and the very answer of the general way."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

import calling
from calling import CHAT, PLAIN, STREAMS, event_stream, json_reply
from fake_reply import FakeTransport
from penstock.core.address import AddressPolicy
from penstock.core.trace_context import TraceContext
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.authenticate import ANYBODY
from penstock.pipeline.cache import Caching
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.compile import Compiler
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.models.callable_models import CallableModels
from penstock.pipeline.models.host_models import HostModels
from penstock.pipeline.repeated_call import RepeatedCalls
from penstock.pipeline.route import Router
from penstock.pipeline.run import Pipeline
from penstock.providers.registry import PROVIDERS
from penstock.routing.health import Health
from penstock.routing.plan import Target
from penstock.stores.catalogue import Catalogue
from penstock.stores.memory import MemoryCatalogue, MemoryReplyStore
from penstock.transport.base import Reply

PLAIN_DIALECTS = {name: each for name, each in CALLERS.items() if name != "responses"}
DIALECTS = pytest.mark.parametrize("dialect", PLAIN_DIALECTS.values(), ids=PLAIN_DIALECTS)
TARGET = {"provider": "nvidia", "api_key": "k", "cache": {"mode": "simple", "max_age": 60}}
FALLBACK = {"strategy": {"mode": "fallback"}, "retry": {"attempts": 2}, "targets": [TARGET, TARGET]}
OF_ONE = {b"x-portkey-trace-id", b"x-portkey-request-id"}


class Gateway:
    """The stages over a provider that gives these replies, and the head that all requests share."""

    def __init__(self, *replies: Reply, config: Any = TARGET) -> None:
        self.now = 0.0
        self.transport = FakeTransport(*replies)
        self.catalogues = MemoryCatalogue()
        self.config = json.dumps(config)
        store = MemoryReplyStore(1 << 20, 1 << 20, lambda: self.now)
        ways = calling.upstream(self.transport)
        compiler = Compiler(PROVIDERS, AddressPolicy(), calling.LIMITS, {}, self.catalogues)
        caching, self.health = Caching(store, ways, 1 << 20), Health()
        router = Router(compiler, ways, self.health, caching, sleep=calling.no_wait, repeated=RepeatedCalls(store))
        models = CallableModels(compiler, HostModels(ways))
        self.stages = Pipeline(compiler, router, Idempotency(60.0, 0.0, 1 << 20, 1 << 20), models)
        self.memo = HeadMemo()
        self.memo.keep_caller(ANYBODY, self.catalogues.current)

    def call(self, body: dict[str, Any] = CHAT, dialect: CallerDialect = calling.OPENAI, **headers: Any) -> Call:
        made = calling.call(body, dialect, x_portkey_config=self.config, **headers)
        made.request, made.memo = None, self.memo
        return made

    async def answer(self, call: Call) -> Answer:
        answer = await self.stages.run(call)
        while answer.rest is not None and (data := await answer.rest.read()):
            answer.body += data
        await calling.turns()
        return answer

    def takes(self, call: Call) -> bool:
        """Whether the stored answer of a call is known at once."""
        return self.stages.router.repeated.find(call, self.catalogues.current) is not None


async def known(config: Any = TARGET, **headers: Any) -> Gateway:
    """A gateway that was asked twice: the second answer came from the store."""
    gateway = Gateway(json_reply(PLAIN["openai_chat"]), json_reply(PLAIN["openai_chat"]), config=config)
    for _ in range(2):
        await gateway.answer(gateway.call(**headers))
    return gateway


def told(answer: Answer, call: Call) -> tuple[Any, ...]:
    """What the caller and the readers of the record see, but for times and ids."""
    (attempt,) = call.account.attempts
    account = call.account
    return (
        answer.status,
        [(name, untimed(value.decode())) for name, value in answer.headers if name not in OF_ONE],
        bytes(answer.body),
        (account.config, account.cache, account.dropped, untimed(account.trace), account.answered_by is attempt),
        (attempt.target, attempt.model, attempt.lane, attempt.status, attempt.usage, attempt.cache, attempt.failure),
        (attempt.ended == attempt.first_content, attempt.is_charged(), call.named_in),
    )


def untimed(trace: str) -> str:
    """The trace without its times."""
    return re.sub(r" \d+ms", "", trace)


@DIALECTS
@pytest.mark.parametrize("config", [TARGET, FALLBACK], ids=["target", "fallback"])
async def test_it_is_the_answer_of_the_general_way(
    dialect: CallerDialect, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(json_reply(PLAIN["openai_chat"]), config=config)
    await gateway.answer(gateway.call(CHAT, dialect))
    second, third = gateway.call(CHAT, dialect), gateway.call(CHAT, dialect)
    general = told(await gateway.answer(second), second)
    monkeypatch.setattr(Compiler, "compile", None)
    assert told(await gateway.answer(third), third) == general
    assert (general[3][1], len(gateway.transport.sent)) == ("HIT", 1)
    assert general[3][3].endswith("cached")


async def test_a_stream_is_replayed_so() -> None:
    body = {**CHAT, "stream": True}
    gateway = Gateway(event_stream(*STREAMS["openai_chat"]))
    await gateway.answer(gateway.call(body))
    second, third = [await gateway.answer(gateway.call(body)) for _ in range(2)]
    assert (third.body, third.cache_status, third.headers[0]) == (second.body, "HIT", second.headers[0])
    assert third.body.endswith(b"data: [DONE]\n\n")
    assert gateway.takes(gateway.call(body))


@pytest.mark.parametrize("named", [{}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}])
async def test_ids_in_requests_of_responses_are_read_each_time(named: dict[str, str]) -> None:
    reply = json_reply(PLAIN["responses"])
    gateway, body = (
        Gateway(reply, reply, config={**TARGET, "provider": "openai"}),
        {"model": "m", "input": "Hi", **named},
    )
    for _ in range(2):
        assert (await gateway.answer(gateway.call(body, CALLERS["responses"]))).status == 200
    assert gateway.takes(gateway.call(body, CALLERS["responses"])) is not bool(named)


async def test_retries_are_counted_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await known(FALLBACK)
    counted: list[str] = []
    monkeypatch.setattr(gateway.health, "count_attempt", lambda address, _: counted.append(address))
    await gateway.answer(gateway.call())
    assert len(counted) == 1


async def test_an_answer_that_is_no_longer_stored_is_asked_for() -> None:
    gateway = await known()
    gateway.now = 61.0
    call = gateway.call()
    assert gateway.takes(call)
    answer = await gateway.answer(call)
    assert (answer.cache_status, len(call.account.attempts), len(gateway.transport.sent)) == ("MISS", 1, 2)


async def test_another_body_is_another_request() -> None:
    gateway = await known()
    assert gateway.takes(gateway.call())
    assert not gateway.takes(gateway.call({**CHAT, "temperature": 0.5}))


async def test_it_holds_for_one_catalogue_only() -> None:
    gateway = await known()
    gateway.catalogues.replace(Catalogue(is_guarded=True))
    assert not gateway.takes(gateway.call())
    gateway.memo.keep_caller(ANYBODY, gateway.catalogues.current)
    assert not gateway.takes(gateway.call())


async def test_another_head_has_requests_of_its_own() -> None:
    gateway = await known()
    gateway.memo = HeadMemo()
    gateway.memo.keep_caller(ANYBODY, gateway.catalogues.current)
    assert not gateway.takes(gateway.call())
    without = gateway.call()
    without.memo = None
    assert not gateway.takes(without)


async def test_two_heads_never_share_an_answer() -> None:
    """Plan, tenant and namespace are part of what is remembered."""
    gateway = await known()
    first = gateway.memo.repeats
    gateway.memo = HeadMemo()
    gateway.memo.keep_caller(ANYBODY, gateway.catalogues.current)
    for _ in range(2):
        await gateway.answer(gateway.call(x_portkey_cache_namespace="other"))
    assert gateway.memo.repeats not in {first, None}


@pytest.mark.parametrize("value", ["max-age=30", "no-cache", "no-store"])
async def test_wishes_about_the_cache_are_heeded_each_time(value: str) -> None:
    assert (await known(cache_control=value)).memo.repeats is None


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "a hop": {"hops": 1},
    "a parameter of the path": {"parameters": {"id": "a"}},
    "a guard asks": {"is_unguarded": True},
    "ids are bound": {"bind": lambda _: str},
}


@pytest.mark.parametrize("members", NOT_PLAIN.values(), ids=NOT_PLAIN)
async def test_what_is_not_plain_is_not_remembered(members: dict[str, Any]) -> None:
    gateway = await known()
    gateway.memo.repeats = None
    call, compiled = gateway.call(), gateway.memo.compiled
    assert compiled is not None
    call.request = calling.call(CHAT).request
    (route,) = compiled.routes.values()
    repeated, caching = gateway.stages.router.repeated, gateway.stages.router.caching
    repeated.remember(msgspec.structs.replace(call, **members), compiled, route, caching)  # type: ignore[arg-type]
    assert gateway.memo.repeats is None
    repeated.remember(call, compiled, route, caching)  # type: ignore[arg-type]
    assert gateway.memo.repeats is not None


async def test_without_answers_in_this_process_nothing_is_remembered() -> None:
    gateway = await known()
    call, compiled = gateway.call(), gateway.memo.compiled
    assert compiled is not None
    call.request = calling.call(CHAT).request
    (route,) = compiled.routes.values()
    elsewhere = RepeatedCalls()
    elsewhere.remember(call, compiled, route, gateway.stages.router.caching)  # type: ignore[arg-type]
    assert len(elsewhere.calls) == 0


async def test_a_request_that_is_traced_goes_the_general_way() -> None:
    gateway = await known()
    call = gateway.call()
    call.account.trace_context = TraceContext("0" * 32, 0)
    assert not gateway.takes(call)


class Reservation:
    """What a request holds of its limits. ``fits``: whether its first attempt takes just that."""

    def __init__(self, *, fits: bool) -> None:
        self.request = "r"
        self.fits = fits
        self.seen: list[str] = []

    def headers(self) -> list[tuple[bytes, bytes]]:
        return []

    def begin_first(self, target: Target, account: AttemptAccount) -> bool:
        self.seen.append("first")
        return self.fits

    async def begin_attempt(self, target: Target, account: AttemptAccount) -> None:
        self.seen.append("attempt")

    def answered(self, account: AttemptAccount, answer: Answer | None) -> None:
        self.seen.append("answered" if answer is not None else "gone")

    def close(self, attempts: Any) -> None:
        self.seen.append("closed")


@pytest.mark.parametrize(
    ("fits", "seen"), [(True, ["first", "answered"]), (False, ["first", "first", "attempt", "answered"])]
)
async def test_limits_are_told_of_the_attempt(fits: bool, seen: list[str]) -> None:
    gateway = await known()
    call = gateway.call()
    reservation = Reservation(fits=fits)
    call.account.reservation = reservation
    answer = await gateway.answer(call)
    assert (answer.cache_status, reservation.seen, len(call.account.attempts)) == ("HIT", seen, 1)


@pytest.mark.parametrize("more", [{"override_params": {"x": "y" * 60_000}}, {"drop_params": ["x" * 60_000]}])
async def test_what_is_remembered_is_bounded_by_its_plans_too(more: dict[str, Any]) -> None:
    gateway = Gateway(*[json_reply(PLAIN["openai_chat"]) for _ in range(80)])
    for number in range(80):
        gateway.config = json.dumps({**TARGET, **more, "custom_host": f"https://{number}.example.com/v1"})
        gateway.memo = HeadMemo()
        gateway.memo.keep_caller(ANYBODY, gateway.catalogues.current)
        for _ in range(2):
            await gateway.answer(gateway.call())
    assert 0 < len(gateway.stages.router.repeated.calls) < 80


async def test_a_long_namespace_weighs() -> None:
    gateway = Gateway(*[json_reply(PLAIN["openai_chat"]) for _ in range(80)])
    for number in range(80):
        gateway.memo = HeadMemo()
        gateway.memo.keep_caller(ANYBODY, gateway.catalogues.current)
        for _ in range(2):
            await gateway.answer(gateway.call(x_portkey_cache_namespace=f"{number}" + "n" * 60_000))
    assert 0 < len(gateway.stages.router.repeated.calls) < 80
    assert len(gateway.stages.router.caching.prepared) < 80
