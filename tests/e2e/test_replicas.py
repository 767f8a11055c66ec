"""Two gateways on one Redis: what one of them learns, the other one knows."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.server.gateway import Gateway
from penstock.settings import load
from redis_server import RedisServer
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, chunk, events, held, reply

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
USAGE = chunk({}, choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
SLOW = {"PENSTOCK_STORE_REDIS_TIMEOUT_MS": "30000"}
"""A slow machine misses nothing."""
KINDS = ("circuits", "latency", "sticky", "cache", "idempotency", "limits")


@contextlib.contextmanager
def running(address: str = "", number: int = 1, **environment: str) -> Iterator[list[RunningGateway]]:
    named = {"PENSTOCK_STORE_REDIS": address} if address else {}
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", **named, **environment}, Path("/nonexistent"))
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(running_gateway(settings)) for _ in range(number)]


@pytest.fixture
def pair(redis: RedisServer) -> Iterator[list[RunningGateway]]:
    redis.command("FLUSHALL")
    with running(redis.address, 2, **SLOW) as gateways:
        yield gateways


def config(upstream: Upstream, **changes: Any) -> str:
    return json.dumps({"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", **changes})


def ask(gateway: RunningGateway, config: str, body: Any = BODY, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"x-portkey-config": config, **named}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=fields, timeout=300, trust_env=False)


def health(gateway: RunningGateway) -> dict[str, Any]:
    told: dict[str, Any] = httpx.get(f"{gateway.url}/health", timeout=300, trust_env=False).json()
    return told


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask again and again; the test's own time limit is the limit."""
    while not holds():
        pass


def is_kept(redis: RedisServer, kind: str) -> bool:
    """Whether Redis holds an answer that is complete: writing it is not waited for by its caller."""
    text = "for _, key in ipairs(redis.call('KEYS', '*}:' .. ARGV[1] .. ':*')) do "
    text += "if redis.call('TYPE', key).ok == 'string' or redis.call('HEXISTS', key, 'answer') == 1 then return 1 end "
    return redis.command("EVAL", text + "end return 0", "0", kind) == b":1\r\n"


CACHED = {"cache": {"mode": "simple", "max_age": 60}}


@pytest.mark.parametrize("streams", [False, True])
def test_a_cached_answer_is_every_replicas(
    pair: list[RunningGateway], redis: RedisServer, upstream: Upstream, streams: bool
) -> None:
    first, second = pair
    if streams:
        upstream.play(events(ROLE, CHUNK, FINISH, USAGE, DONE))
    body = {**BODY, "stream": streams}
    made = ask(first, config(upstream, **CACHED), body)
    wait_until(lambda: is_kept(redis, "reply"))
    found = ask(second, config(upstream, **CACHED), body)
    assert [each.headers["x-portkey-cache-status"] for each in (made, found)] == ["MISS", "HIT"]
    assert found.headers["content-type"] == made.headers["content-type"]
    assert json.loads(found.content)["choices"] if not streams else b"Hi" in found.content
    assert len(upstream.received) == 1


def test_other_credentials_and_namespaces_get_no_answer_of_others(
    pair: list[RunningGateway], redis: RedisServer, upstream: Upstream
) -> None:
    first, second = pair
    ask(first, config(upstream, **CACHED))
    wait_until(lambda: is_kept(redis, "reply"))
    other = ask(second, config(upstream, **CACHED, api_key="other"))
    apart = ask(second, config(upstream, **CACHED), x_portkey_cache_namespace="n")
    assert [each.headers["x-portkey-cache-status"] for each in (other, apart)] == ["MISS", "MISS"]


@pytest.mark.parametrize("streams", [False, True])
def test_an_idempotency_key_is_known_to_every_replica(
    pair: list[RunningGateway], redis: RedisServer, upstream: Upstream, streams: bool
) -> None:
    first, second = pair
    if streams:
        upstream.play(events(ROLE, CHUNK, FINISH, USAGE, DONE))
    body = {**BODY, "stream": streams}
    made = ask(first, config(upstream), body, idempotency_key="one")
    wait_until(lambda: is_kept(redis, "once"))
    again = ask(second, config(upstream), body, idempotency_key="one", x_portkey_trace_id="mine")
    assert again.content == made.content
    assert again.headers["content-type"] == made.headers["content-type"]
    assert (again.headers["idempotent-replayed"], again.headers["x-portkey-trace-id"]) == ("true", "mine")
    assert again.headers["x-portkey-request-id"] != made.headers["x-portkey-request-id"]
    assert len(upstream.received) == 1
    refused = ask(second, config(upstream), {**body, "model": "other"}, idempotency_key="one")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_conflict")
    (record,) = [each for each in second.recorded() if each.status == 200]
    assert (record.usage, record.attempts[0].cache) == (None, "REPLAYED")


def test_a_replica_waits_for_the_call_that_another_one_makes(pair: list[RunningGateway], upstream: Upstream) -> None:
    first, second = pair
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with ThreadPoolExecutor() as threads:
        one = threads.submit(ask, first, config(upstream), idempotency_key="held")
        assert arrived.wait(300)
        two = threads.submit(ask, second, config(upstream), idempotency_key="held")
        conflict = ask(second, config(upstream), {**BODY, "model": "n"}, idempotency_key="held")
        release.set()
        assert one.result().content == two.result().content
    assert conflict.status_code == 409
    assert len(upstream.received) == 1


def test_a_call_that_failed_frees_its_key(pair: list[RunningGateway], redis: RedisServer, upstream: Upstream) -> None:
    first, second = pair
    upstream.play(reply(500, b"{}"))
    assert ask(first, config(upstream), idempotency_key="fails").status_code == 500
    assert ask(second, config(upstream), idempotency_key="fails").status_code == 200
    assert len(upstream.received) == 2


def test_the_claim_of_a_replica_that_died_ends(
    pair: list[RunningGateway], redis: RedisServer, upstream: Upstream
) -> None:
    """The frozen renewal stands for a process that is gone: its lease runs out."""
    first, second = pair
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with ThreadPoolExecutor() as threads:
        one = threads.submit(ask, first, config(upstream), idempotency_key="died")
        assert arrived.wait(300)
        redis.age("*:once:*", 60)
        assert ask(second, config(upstream), idempotency_key="died").status_code == 200
        release.set()
        assert one.result().status_code == 200
    assert len(upstream.received) == 2


def test_without_redis_there_is_no_stored_answer_and_no_error(redis: RedisServer, upstream: Upstream) -> None:
    redis.command("FLUSHALL")
    with running(redis.address, PENSTOCK_STORE_REDIS_TIMEOUT_MS="5000") as (gateway,):
        ask(gateway, config(upstream, **CACHED))
        wait_until(lambda: is_kept(redis, "reply"))
        redis.freeze()
        try:
            assert ask(gateway, config(upstream, **CACHED)).headers["x-portkey-cache-status"] == "MISS"
            keyed = [ask(gateway, config(upstream), idempotency_key="alone") for _ in range(2)]
            assert [each.headers.get("idempotent-replayed") for each in keyed] == [None, "true"]
            told = health(gateway)
            assert (told["status"], told["redis"]) == ("degraded", "lost")
        finally:
            redis.thaw()
        wait_until(lambda: ask(gateway, config(upstream, **CACHED)).headers["x-portkey-cache-status"] == "HIT")
        wait_until(lambda: health(gateway)["status"] == "ok")


def test_a_circuit_that_opens_opens_at_the_other_replica(pair: list[RunningGateway], upstream: Upstream) -> None:
    first, second = pair
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    breaker = {"failure_threshold": 1, "cooldown_interval": 600_000}
    strategy = {"mode": "fallback", "cb_config": breaker}
    guarded = json.dumps({"strategy": strategy, "targets": [target, {"provider": "echo"}]})
    upstream.play(reply(500, b"{}"))
    assert ask(first, guarded).status_code == 200
    assert len(upstream.received) == 1
    health = second.app.pipeline.router.health
    wait_until(lambda: any(state.circuit.opened for state in list(health._targets._entries.values())))
    assert ask(second, guarded).headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert len(upstream.received) == 1


def test_a_latency_and_a_choice_are_known_at_the_other_replica(pair: list[RunningGateway], upstream: Upstream) -> None:
    first, second = pair
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    off = {**target, "is_open": True, "api_key": "off"}
    strategy = {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": ["params.user"], "ttl": 600}}
    breaker = {"cb_config": {"failure_threshold": 3, "cooldown_interval": 600_000}}
    balanced = json.dumps({"strategy": {**strategy, **breaker}, "targets": [off, target]})
    upstream.play(reply())
    assert ask(first, balanced, {**BODY, "user": "u"}).status_code == 200
    health = second.app.pipeline.router.health
    wait_until(lambda: len(health._choices._entries) == 1)
    wait_until(lambda: any(state.latency is not None for state in list(health._targets._entries.values())))


def test_health_says_what_is_per_process(redis: RedisServer) -> None:
    with running() as (alone,):
        assert health(alone) == {"status": "ok", "state": dict.fromkeys(KINDS, "process")}
    with running(redis.address, PENSTOCK_CACHE_STORE="memory", PENSTOCK_STORE_COUNTERS="memory") as (partly,):
        own = {"cache", "idempotency", "limits"}
        assert {kind for kind, where in health(partly)["state"].items() if where == "process"} == own
    with running(redis.address) as (shared,):
        assert health(shared)["state"] == dict.fromkeys(KINDS, "shared")


def test_nothing_of_redis_is_there_without_an_address() -> None:
    with running() as (gateway,):
        app: Gateway = gateway.app
        assert app.pipeline.idempotency._claims is None
        assert type(app.pipeline.router.caching.store).__name__ == "MemoryReplyStore"
