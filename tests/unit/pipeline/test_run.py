"""The request, from its body to its answer: refused on the way, or routed, and its account filled."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

import calling
from calling import CHAT, PLAIN, json_reply
from fake_reply import FakeTransport
from penstock.core.bound_id import Binder
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Call
from penstock.pipeline.compile import Compiler
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.idempotency import Idempotency
from penstock.pipeline.models.callable_models import CallableModels
from penstock.pipeline.models.host_models import HostModels
from penstock.pipeline.run import Pipeline
from penstock.routing.parse import parse
from penstock.routing.plan import Plan
from penstock.stores.catalogue import Catalogue
from penstock.stores.memory import MemoryCatalogue

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
CONFIG = '{"provider":"nvidia","api_key":"k"}'


def pipeline(transport: FakeTransport, **parts: Any) -> Pipeline:
    router = calling.router(transport)
    models = CallableModels(router.compiler, HostModels(router.upstream))
    return Pipeline(router.compiler, router, Idempotency(60.0, 0.0, 1 << 20, 1 << 20), models, **parts)


def call(body: dict[str, Any] = CHAT, dialect: CallerDialect = calling.OPENAI, **headers: str) -> Call:
    given: dict[str, Any] = {"x_portkey_config": CONFIG, **headers}
    made = calling.call(body, dialect, **given)
    made.request = None
    return made


@DIALECTS
async def test_a_request_is_answered_and_its_account_filled(dialect: CallerDialect) -> None:
    asked = call(CHAT, dialect)
    answer = await pipeline(FakeTransport(json_reply(PLAIN["openai_chat"]))).run(asked)
    assert (answer.status, dict(answer.headers)[b"x-portkey-trace-id"]) == (200, calling.TRACE)
    account = asked.account
    assert account.answered_by is answer.attempt is account.attempts[0]
    assert (account.failure, account.cache, account.dropped) == (None, None, ())


async def test_the_account_tells_what_was_left_out_and_what_the_cache_did() -> None:
    config = '{"provider":"anthropic","api_key":"k","cache":{"mode":"simple","max_age":60}}'
    asked = call({**CHAT, "seed": 1}, x_portkey_config=config)
    await pipeline(FakeTransport(json_reply(PLAIN["anthropic"]))).run(asked)
    assert (asked.account.dropped, asked.account.cache) == (("seed",), "MISS")
    await calling.turns()


@DIALECTS
async def test_a_body_that_can_not_be_read_is_refused(dialect: CallerDialect) -> None:
    transport = FakeTransport(json_reply(b"{}"))
    asked = call(CHAT, dialect)
    asked.body = b"{"
    answer = await pipeline(transport).run(asked)
    assert (answer.status, transport.sent, asked.account.attempts) == (400, [], [])
    assert asked.account.failure is not None
    assert asked.account.failure.kind is Kind.INVALID_JSON
    assert "not valid JSON" in calling.error_text(answer.body)


async def test_a_request_without_a_body_is_not_read() -> None:
    asked = calling.call(None, operation=Operation.MODELS, x_portkey_config=CONFIG)
    answer = await pipeline(FakeTransport(json_reply(b'{"data":[]}'))).run(asked)
    assert (answer.status, answer.body) == (200, b'{"data":[]}')


async def test_a_plan_that_can_not_be_made_is_told() -> None:
    answer = await pipeline(FakeTransport(json_reply(b"{}"))).run(call(x_portkey_config="{"))
    assert answer.status == 400


@pytest.mark.parametrize(("hops", "status"), [(4, 200), (5, 508)])
async def test_a_request_that_goes_round_is_stopped(hops: int, status: int) -> None:
    asked = call()
    asked.hops = hops
    answer = await pipeline(FakeTransport(json_reply(PLAIN["openai_chat"]))).run(asked)
    assert answer.status == status


async def test_a_key_makes_a_request_once_and_another_request_a_conflict() -> None:
    transport = FakeTransport(json_reply(PLAIN["openai_chat"]))
    made = pipeline(transport)
    first, again = call(idempotency_key="k"), call(idempotency_key="k")
    assert (await made.run(first)).body == (await made.run(again)).body
    assert len(transport.sent) == 1
    assert again.account.answered_by is again.account.attempts[0]
    conflict = call({**CHAT, "seed": 1}, idempotency_key="k")
    assert (await made.run(conflict)).status == 409
    assert conflict.account.failure is not None


async def test_a_long_config_is_read_before_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its model names the target, so the body is read first; the plan is compiled once, in a thread."""
    asked = call({**CHAT, "model": "@nvidia/m"}, x_portkey_config=json.dumps({"metadata": {"a": "x" * 600}}))
    transport = FakeTransport(json_reply(PLAIN["openai_chat"]))
    stages = pipeline(transport)
    threads: list[threading.Thread] = []
    compile_plan = Compiler._compile

    def note(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return compile_plan(*arguments)

    monkeypatch.setattr(Compiler, "_compile", note)
    await stages.run(asked)
    assert [thread is threading.current_thread() for thread in threads] == [False]


LONG_GUARDS = json.dumps([{"default.contains": {"words": ["x" * 600], "operator": "none"}}])
LONG_CONFIG = json.dumps({"provider": "nvidia", "api_key": "k", "override_params": {"user": "x" * 600}})


@pytest.fixture
def on_loop(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each config that is compiled, whether the event loop waited for it."""
    compiled: list[bool] = []

    def read(*arguments: Any) -> Plan | Failure:
        compiled.append(threading.current_thread() is threading.main_thread())
        return parse(*arguments)

    monkeypatch.setattr("penstock.pipeline.compile.parse", read)
    return compiled


async def test_long_guards_of_a_header_are_compiled_in_a_thread_whoever_an_id_names(on_loop: list[bool]) -> None:
    """The id is in the path of a request that says nothing else of its target."""
    secret = b"of the gateway"
    asked = calling.call(
        None, operation=Operation.PROXY, authorization="Bearer k", x_portkey_default_input_guardrails=LONG_GUARDS
    )
    asked.account.method, asked.resource = "GET", "files"
    asked.parameters = {"rest": Binder((secret,), "").bind("file-1", "nvidia", "nvidia")}
    await pipeline(FakeTransport(json_reply(b"{}")), id_secrets=(secret,)).run(asked)
    assert on_loop == [False]


async def test_a_known_head_whose_body_names_another_target_is_compiled_in_a_thread(on_loop: list[bool]) -> None:
    catalogues = MemoryCatalogue(Catalogue(virtual_keys={"mine": VirtualKey("mine", "openai", Secret("sk"))}))
    transport = FakeTransport(*[json_reply(PLAIN["openai_chat"]) for _ in range(4)])
    router = calling.router(transport, catalogues)
    models = CallableModels(router.compiler, HostModels(router.upstream))
    served = Pipeline(router.compiler, router, Idempotency(60.0, 0.0, 1 << 20, 1 << 20), models)
    memo = HeadMemo()
    memo.keep_caller(Caller(catalogue=catalogues.current), catalogues.current)
    for model in ("m", "m", "@mine/m", "m"):
        asked = call({**CHAT, "model": model}, x_portkey_config=LONG_CONFIG)
        asked.memo, asked.caller = memo, Caller(catalogue=catalogues.current)
        await served.run(asked)
    assert on_loop == [False, False]


async def test_a_known_head_whose_body_names_nobody_else_waits_for_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    router = calling.router(FakeTransport(*[json_reply(PLAIN["openai_chat"]) for _ in range(3)]))
    models = CallableModels(router.compiler, HostModels(router.upstream))
    served = Pipeline(router.compiler, router, Idempotency(60.0, 0.0, 1 << 20, 1 << 20), models)
    memo, catalogues = HeadMemo(), router.compiler.catalogues
    memo.keep_caller(Caller(catalogue=catalogues.current), catalogues.current)
    ahead = list[Call]()
    read_config = Pipeline._read_config

    async def note(self: Pipeline, call: Call) -> None:
        ahead.append(call)
        await read_config(self, call)

    monkeypatch.setattr(Pipeline, "_read_config", note)
    for _ in range(3):
        asked = calling.call({**CHAT, "model": "m"}, x_portkey_config=LONG_CONFIG)
        asked.memo, asked.caller = memo, Caller(catalogue=catalogues.current)
        await served.run(asked)
    assert memo.is_long
    assert len(ahead) == 1
