"""Budgets and rates on real requests: what is let through, what is refused, and what stays reserved (nothing).

Prices are fixed: a token of a prompt costs 1000 picodollars, a token of an answer 2000. An answer of the scripted
provider takes 3 and 1 tokens: 5 nanodollars.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

import redis_server
from calling import COMPLETED as RESPONSE_COMPLETED
from calling import CREATED, RESPONSE, SAID
from limiting import FixedPricing
from penstock.limits.budgets import Bucket
from penstock.limits.memory import MemoryCounters
from penstock.limits.pricing import PricedModel
from penstock.pipeline.admission.admit import Admitter
from penstock.settings import SettingsError, load
from redis_server import RedisServer
from running import RunningGateway, running_gateway
from upstream import CHUNK, COMPLETION, DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, held, reply, reset

USAGE = chunk({}, usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
BODY = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
COST = 5
USED = {"api_key/a/usage/cost": (COST, 0)}
UNUSED = {"api_key/a/usage/cost": (0, 0)}
LARGE = 1_000_000
RESPONSES_BODY = {"model": "m", "max_output_tokens": 10, "input": [{"role": "user", "content": "Hello"}]}


def secret(name: str) -> str:
    return f"pk-{name}-0123456789abcdef"


def key(name: str, lines: str = "") -> str:
    return f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(secret(name).encode()).hexdigest()}"\nhosts = ["127.0.0.1"]\n{lines}\n'


def dollars(nanos: int) -> str:
    return f"{nanos / 1e9:.9f}"


class Limited:
    """A running gateway whose prices are known, and what its counters hold."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.gateway = gateway
        limits = gateway.app.pipeline.limits
        assert limits is not None
        self.limits: Admitter = limits
        limits.pricing = FixedPricing(1000, 2000)

    @property
    def v1(self) -> str:
        return self.gateway.v1

    def counted(self) -> dict[str, tuple[int, int]]:
        """What is settled and reserved in each budget, by the limit's id; of other limits what is used."""
        counters = getattr(self.limits.counters, "memory", self.limits.counters)
        assert isinstance(counters, MemoryCounters)
        found: dict[str, tuple[int, int]] = {}
        for name, counter in counters.reservations._counters.items():
            if isinstance(counter, Bucket):
                found[name.limit] = (counter.settled, counter.reserved)
            else:
                found[name.limit] = (counter.used, 0)
        return found

    def open(self) -> int:
        """The reservations that are open."""
        counters = getattr(self.limits.counters, "memory", self.limits.counters)
        assert isinstance(counters, MemoryCounters)
        return counters.reservations.open_count

    def wait_until_settled(self) -> None:
        """Wait until no reservation is open, for the time that a test may take."""
        for _ in range(2000):
            if not self.open():
                return
            threading.Event().wait(0.005)
        raise AssertionError(f"{self.open()} reservations stayed open")


@contextlib.contextmanager
def limited(tmp_path: Path, *definitions: str, **settings: str) -> Iterator[Limited]:
    file = tmp_path / "penstock.toml"
    file.write_text("\n".join(definitions))
    file.chmod(0o600)
    environment = {"PENSTOCK_ACCESS_LOG": "false", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1", **settings}
    environment.setdefault("PENSTOCK_STORE_DATABASE", "none")
    with running_gateway(load({}, environment, Path("/nonexistent")), file) as gateway:
        yield Limited(gateway)


def config(*upstreams: Upstream, **more: Any) -> str:
    targets = [{"provider": "openai", "api_key": "k", "custom_host": f"{each.url}/v1"} for each in upstreams]
    return json.dumps({**targets[0], **more} if len(targets) == 1 else {"targets": targets, **more})


def headers(name: str, routing: str, **more: str) -> dict[str, str]:
    return {"x-portkey-api-key": secret(name), "x-portkey-config": routing, **more}


def ask(limited: Limited, name: str, routing: str, body: Any = None, **more: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=300) as client:
        return client.post(f"{limited.v1}/chat/completions", json=body or BODY, headers=headers(name, routing, **more))


BUDGET = 'usage_limits = {{ type = "cost", credit_limit = {}, strict = {} }}'


def budget(nanos: int, *, strict: bool = False) -> str:
    return BUDGET.format(dollars(nanos), str(strict).lower())


def answer(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return json.dumps({**COMPLETION, "usage": usage}).encode()


async def test_of_200_requests_at_once_as_many_pass_as_the_budget_pays(tmp_path: Path, upstream: Upstream) -> None:
    # "user" and "Hello" are 9 bytes, a message 16 more, each at most a token; the answer has at most 10 tokens.
    bound, release = 25 + 2 * 10, threading.Event()
    for _ in range(37):
        upstream.play(held(release), reply(body=answer(25, 10)))
    with limited(tmp_path, key("a", budget(37 * bound, strict=True))) as gateway:
        async with httpx.AsyncClient(trust_env=False, timeout=300, limits=httpx.Limits(max_connections=200)) as client:
            url, fields = f"{gateway.v1}/chat/completions", headers("a", config(upstream))
            asking = [asyncio.create_task(client.post(url, json=BODY, headers=fields)) for _ in range(200)]
            waiting: set[asyncio.Task[httpx.Response]] = set(asking)
            while len(waiting) > 37:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert gateway.counted() == {"api_key/a/usage/cost": (0, 37 * bound)}
            release.set()
            replies = await asyncio.gather(*asking)
        assert [got.status_code for got in replies].count(200) == 37
        assert [got.status_code for got in replies].count(412) == 163
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (37 * bound, 0)}


def test_a_refusal_tells_the_limit_in_every_way_that_clients_read(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(10))) as gateway:
        got = ask(gateway, "a", config(upstream))
        body = got.json()
        assert (got.status_code, body["status"], body["error"]["code"]) == (412, "failure", "04")
        assert body["error"]["type"] == "api_key_exhaust_error"
        assert body["error"]["param"] is None
        assert body["message"] == body["error"]["message"]
        told = body["error"]["penstock"]
        assert (told["limit"], told["settled"], told["level"]) == (0.00000001, 0, "api_key")
        assert "retry-after" not in got.headers
        assert got.headers["x-portkey-trace-id"]
        assert upstream.received == []


# Whatever the end of a request, nothing stays reserved, and what was taken is settled.


def streamed(limited: Limited, routing: str, **more: str) -> bytes:
    got = ask(limited, "a", routing, {**BODY, "stream": True}, **more)
    return got.content


def test_an_answer_is_settled_by_its_usage(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert ask(gateway, "a", config(upstream)).status_code == 200
        gateway.wait_until_settled()
        assert gateway.counted() == USED


def test_what_is_left_of_the_budget_is_told_where_costs_are(tmp_path: Path, upstream: Upstream) -> None:
    keys = key("a", budget(800)), key("free")
    with limited(tmp_path, *keys, PENSTOCK_EXPOSE_COST="true") as gateway:
        left = []
        for _ in range(3):
            left.append(ask(gateway, "a", config(upstream)).headers["x-penstock-budget-remaining"])
            gateway.wait_until_settled()
        # The prompt is estimated as 12 tokens, the answer as 10: so much is reserved while the answer is sent.
        assert left == [dollars(800 - 32 - taken) for taken in (0, COST, 2 * COST)]
        streaming = ask(gateway, "a", config(upstream), {**BODY, "stream": True}).headers
        assert streaming["x-penstock-budget-remaining"] == dollars(800 - 32 - 3 * COST)
        assert "x-penstock-budget-remaining" not in ask(gateway, "free", config(upstream)).headers
    with limited(tmp_path, *keys) as gateway:
        assert "x-penstock-budget-remaining" not in ask(gateway, "a", config(upstream)).headers


def test_a_stream_is_settled_by_its_usage(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, FINISH, USAGE, DONE))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert DONE in streamed(gateway, config(upstream))
        gateway.wait_until_settled()
        assert gateway.counted() == USED


@pytest.mark.parametrize("provider", ["vllm", "lm-studio", "ollama"])
def test_a_stream_is_settled_by_its_usage_though_nobody_asked(
    provider: str, tmp_path: Path, upstream: Upstream
) -> None:
    """Servers that operators run themselves have an address of the operator's, and are asked all the same."""
    alone = chunk({}, choices=[], usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
    upstream.play(events(ROLE, CHUNK, FINISH, alone, DONE))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert streamed(gateway, config(upstream, provider=provider)) == ROLE + CHUNK + FINISH + DONE
        gateway.wait_until_settled()
        assert gateway.counted() == USED
    assert upstream.received[0].json["stream_options"] == {"include_usage": True}


def test_a_translated_stream_is_settled_by_its_usage(tmp_path: Path, upstream: Upstream) -> None:
    """A caller of Messages, a provider of chat completions: the provider is asked wherever it is."""
    alone = chunk({}, choices=[], usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
    upstream.play(events(ROLE, CHUNK, FINISH, alone, DONE))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway, httpx.Client(trust_env=False, timeout=300) as client:
        url = f"{gateway.v1}/messages"
        got = client.post(url, json={**BODY, "stream": True}, headers=headers("a", config(upstream)))
        assert "message_stop" in got.text
        gateway.wait_until_settled()
        assert gateway.counted() == USED
    assert upstream.received[0].json["stream_options"] == {"include_usage": True}


def test_a_stream_of_echo_costs_what_the_plain_answer_costs(tmp_path: Path) -> None:
    routing = json.dumps({"provider": "echo"})
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        usage = ask(gateway, "a", routing).json()["usage"]
        gateway.wait_until_settled()
        once = usage["prompt_tokens"] + 2 * usage["completion_tokens"]
        assert gateway.counted() == {"api_key/a/usage/cost": (once, 0)}
        told = streamed(gateway, routing)
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (2 * once, 0)}
        assert b'"prompt_tokens"' not in told, "nobody asked for it"


def test_an_error_behind_content_is_charged_as_far_as_the_answer_came(tmp_path: Path, upstream: Upstream) -> None:
    """It comes in the read that the content comes in: as one that comes later."""
    error = b'data: {"error":{"message":"busy","code":503}}\n\n'
    upstream.play(events(ROLE + CHUNK + error))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert b"busy" in streamed(gateway, config(upstream))
        gateway.wait_until_settled()
        ((settled, reserved),) = gateway.counted().values()
        assert (settled > 0, reserved) == (True, 0)
        (attempt,) = gateway.gateway.records.take()[-1].attempts
        assert (attempt.status, attempt.failure) == (200, "upstream_stream_error")


def test_content_that_nobody_gets_is_not_charged(tmp_path: Path, upstream: Upstream) -> None:
    """Another target answers: the first attempt has failed, and told no usage."""
    upstream.play(events(ROLE + CHUNK + b'data: {"error":{"message":"busy","code":503}}\n\n'))
    upstream.play(events(ROLE, CHUNK, FINISH, USAGE, DONE))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert b"busy" not in streamed(gateway, config(upstream, upstream, strategy={"mode": "fallback"}))
        gateway.wait_until_settled()
        assert gateway.counted() == USED
        first, _ = gateway.gateway.records.take()[-1].attempts
        assert (first.status, first.failure, first.billed) == (503, "upstream_stream_error", None)


@pytest.mark.parametrize("act", [hang_up, reset, reply(500, b"{}"), reply(429, b"{}"), reply(200, b"{}")])
def test_a_provider_that_fails_bills_nothing(act: Any, tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(act)
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert ask(gateway, "a", config(upstream)).status_code >= 400
        gateway.wait_until_settled()
        assert gateway.counted() == UNUSED


def test_a_timeout_bills_nothing(tmp_path: Path, upstream: Upstream) -> None:
    release = threading.Event()
    upstream.play(held(release), hang_up)
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert ask(gateway, "a", config(upstream, request_timeout=50)).status_code == 408
        gateway.wait_until_settled()
        assert gateway.counted() == UNUSED
        release.set()


def test_a_stream_that_breaks_is_settled_by_what_was_seen(tmp_path: Path, upstream: Upstream) -> None:
    long = chunk({"content": "x" * 300})
    upstream.play(events(ROLE, long, end=False), hang_up)
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        assert b"error" in streamed(gateway, config(upstream))
        gateway.wait_until_settled()
        settled, reserved = gateway.counted()["api_key/a/usage/cost"]
        prompt = round(len(json.dumps(BODY["messages"]).replace(" ", "")) / 3)
        assert (settled, reserved) == (prompt + 100 * 2, 0)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_caller_that_leaves_pays_what_was_seen(begun: bool, tmp_path: Path, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    head = (events(ROLE, CHUNK, end=False),) if begun else ()
    upstream.play(*head, held(release, arrived), hang_up)
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        async with httpx.AsyncClient(trust_env=False, timeout=300) as client:
            fields, body = headers("a", config(upstream)), {**BODY, "stream": True}
            asking = asyncio.create_task(client.post(f"{gateway.v1}/chat/completions", json=body, headers=fields))
            assert await asyncio.to_thread(arrived.wait, 300)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        await asyncio.to_thread(gateway.wait_until_settled)
        settled, reserved = gateway.counted()["api_key/a/usage/cost"]
        assert (0 < settled < 100, reserved) == (True, 0)
        release.set()


def test_a_cached_answer_is_free(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        cached = config(upstream, cache={"mode": "simple"})
        statuses = [ask(gateway, "a", cached).headers["x-portkey-cache-status"] for _ in range(3)]
        assert statuses == ["MISS", "HIT", "HIT"]
        gateway.wait_until_settled()
        assert gateway.counted() == USED


async def test_of_those_who_share_a_call_one_pays(tmp_path: Path, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        fields = headers("a", config(upstream, cache={"mode": "simple"}))
        async with httpx.AsyncClient(trust_env=False, timeout=300) as client:
            url = f"{gateway.v1}/chat/completions"
            asking = [asyncio.create_task(client.post(url, json=BODY, headers=fields)) for _ in range(5)]
            assert await asyncio.to_thread(arrived.wait, 300)
            release.set()
            assert {got.status_code for got in await asyncio.gather(*asking)} == {200}
        await asyncio.to_thread(gateway.wait_until_settled)
        assert gateway.counted() == USED
        assert len(upstream.received) == 1


def test_a_request_that_is_repeated_by_its_idempotency_key_is_paid_once(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        again = {"idempotency-key": "one"}
        first, second = (ask(gateway, "a", config(upstream), **again) for _ in range(2))
        assert second.headers["idempotent-replayed"] == "true"
        assert first.status_code == second.status_code == 200
        gateway.wait_until_settled()
        assert (gateway.counted(), len(upstream.received)) == (USED, 1)


async def test_both_of_a_race_reserve_and_the_loser_pays_its_prompt(tmp_path: Path, upstream: Upstream) -> None:
    release = threading.Event()
    upstream.play(held(release), hang_up)
    upstream.play(reply())
    strategy = {"mode": "fallback", "hedge": {"delay": 0.03}}
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        got = await asyncio.to_thread(ask, gateway, "a", config(upstream, upstream, strategy=strategy))
        assert (got.status_code, len(upstream.received)) == (200, 2)
        await asyncio.to_thread(gateway.wait_until_settled)
        settled, reserved = gateway.counted()["api_key/a/usage/cost"]
        assert (COST < settled < 3 * COST + 20, reserved) == (True, 0)
        release.set()


def test_a_gateway_that_stops_settles_what_is_under_way(tmp_path: Path, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    upstream.play(events(ROLE, CHUNK, end=False), held(release, arrived), events(FINISH, USAGE, DONE))
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        asking = threading.Thread(target=streamed, args=(gateway, config(upstream)))
        asking.start()
        assert arrived.wait(300)
        assert gateway.open() == 1
        release.set()
    asking.join(300)
    assert gateway.open() == 0


def test_requests_at_the_same_time_are_limited_and_given_back(tmp_path: Path, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with limited(tmp_path, key("a", "concurrency_limit = 1")) as gateway:
        asking = threading.Thread(target=ask, args=(gateway, "a", config(upstream)))
        asking.start()
        assert arrived.wait(300)
        got = ask(gateway, "a", config(upstream))
        assert (got.status_code, got.json()["error"]["type"]) == (429, "api_key_rate_limit_error")
        assert not {"retry-after", "x-should-retry"} & got.headers.keys()
        release.set()
        asking.join(300)
        gateway.wait_until_settled()
        assert ask(gateway, "a", config(upstream)).status_code == 200


# Unknown prices.


@pytest.mark.parametrize(
    ("lines", "status", "settled"),
    [
        ('unknown_price = "reject"', 400, 0),
        ('unknown_price = "allow"', 200, 0),
        ('unknown_price = "tokens", token_price = 2', 200, 8000),
        ("strict = true", 400, 0),
        ("", 200, 0),
    ],
)
def test_a_model_without_a_price(lines: str, status: int, settled: int, tmp_path: Path, upstream: Upstream) -> None:
    more = f", {lines}" if lines else ""
    with limited(tmp_path, key("a", f'usage_limits = {{ type = "cost", credit_limit = 1{more} }}')) as gateway:
        gateway.limits.pricing = FixedPricing(1000, 2000, "m")
        got = ask(gateway, "a", config(upstream))
        assert got.status_code == status
        if status == 400:
            assert (got.json()["error"]["code"], got.json()["error"]["param"]) == ("unknown_price", "model")
            assert "m" in got.json()["error"]["message"]
        gateway.wait_until_settled()
        assert gateway.counted().get("api_key/a/usage/cost", (0, 0)) == (settled, 0)


def test_a_price_that_comes_while_a_request_is_under_way(tmp_path: Path, upstream: Upstream) -> None:
    release, arrived = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        gateway.limits.pricing = FixedPricing(1000, 2000, "m")
        asking = threading.Thread(target=ask, args=(gateway, "a", config(upstream)))
        asking.start()
        assert arrived.wait(300)
        assert gateway.counted() == UNUSED
        gateway.limits.pricing = FixedPricing(1000, 2000)
        release.set()
        asking.join(300)
        gateway.wait_until_settled()
        assert gateway.counted() == USED


@pytest.mark.parametrize("media_type", ["application/json", "application/x+json", "text/plain", "image/png", ""])
def test_no_media_type_hides_a_request_that_passes_from_a_budget(
    media_type: str, tmp_path: Path, upstream: Upstream
) -> None:
    with limited(tmp_path, key("a", budget(LARGE))) as gateway, httpx.Client(trust_env=False, timeout=300) as client:
        fields = headers("a", config(upstream), **{"content-type": media_type})
        url = f"{gateway.v1}/proxy/chat/completions"
        assert client.post(url, content=json.dumps(BODY), headers=fields).status_code == 200
        gateway.wait_until_settled()
        assert gateway.counted() == USED


@pytest.mark.parametrize("media_type", ["application/octet-stream", "text/plain", "multipart/form-data; boundary=b"])
def test_a_strict_budget_lets_nothing_pass_unread(media_type: str, tmp_path: Path, upstream: Upstream) -> None:
    strict = key("a", budget(LARGE, strict=True))
    with limited(tmp_path, strict) as gateway, httpx.Client(trust_env=False, timeout=300) as client:
        fields = headers("a", config(upstream), **{"content-type": media_type})
        refused = client.post(f"{gateway.v1}/proxy/chat/completions", content=b"\x1f\x8b", headers=fields)
        assert refused.status_code == 400, refused.text
        assert "strict limit" in refused.json()["error"]["message"]
        assert upstream.received == []
        assert client.post(f"{gateway.v1}/files", content=b"--b--", headers=fields).status_code == 200


def test_a_strict_budget_asks_for_a_bound(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(LARGE, strict=True))) as gateway:
        body = {"model": "m", "messages": BODY["messages"]}
        got = ask(gateway, "a", config(upstream), body)
        assert (got.status_code, got.json()["error"]["code"]) == (400, "estimate_not_bounded")
        assert "max_tokens" in got.json()["error"]["message"]
        # A config that sets the bound is as good as a caller that does.
        assert ask(gateway, "a", config(upstream, override_params={"max_tokens": 5}), body).status_code == 200
        assert ask(gateway, "a", config(upstream, drop_params=["max_tokens"])).status_code == 400


# Responses: what is made is billed once, when it is made; nothing bounds what a host keeps or shortens.


def of_responses(limited: Limited, upstream: Upstream, method: str, path: str, body: Any = None) -> httpx.Response:
    fields = headers("a", config(upstream))
    url = f"{limited.v1}/responses{path}"
    return httpx.request(method, url, json=body, headers=fields, timeout=300, trust_env=False)


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_asked_of_a_kept_response_counts_as_a_request_alone(
    strict: bool, tmp_path: Path, upstream: Upstream
) -> None:
    with limited(tmp_path, key("a", budget(LARGE, strict=strict))) as gateway:
        for method, path in (("GET", "/resp_1"), ("DELETE", "/resp_1"), ("POST", "/resp_1/cancel")):
            upstream.play(reply(body=RESPONSE))
            assert of_responses(gateway, upstream, method, path).status_code == 200
        upstream.play(events(CREATED, SAID, RESPONSE_COMPLETED))
        again = of_responses(gateway, upstream, "GET", "/resp_1?stream=true")
        assert again.content.endswith(RESPONSE_COMPLETED)
        upstream.play(reply(body=b'{"object":"response.input_tokens","input_tokens":7}'))
        assert of_responses(gateway, upstream, "POST", "/input_tokens", RESPONSES_BODY).status_code == 200
        gateway.wait_until_settled()
        assert set(gateway.counted().values()) <= {(0, 0)}
        upstream.play(reply(body=RESPONSE))
        assert of_responses(gateway, upstream, "POST", "", RESPONSES_BODY).status_code == 200
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (3 * 1 + 2 * 2, 0)}


def test_compacting_is_billed_and_has_no_bound(tmp_path: Path, upstream: Upstream) -> None:
    body = {"model": "m", "input": "Hello", "max_output_tokens": 10}
    with limited(tmp_path, key("a", budget(LARGE, strict=True))) as gateway:
        for path, asked in (("/compact", body), ("", {**body, "previous_response_id": "resp_1"})):
            refused = of_responses(gateway, upstream, "POST", path, asked)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "estimate_not_bounded")
        assert not upstream.received
    with limited(tmp_path, key("a", budget(LARGE))) as gateway:
        upstream.play(reply(body=RESPONSE.replace(b'"response"', b'"response.compaction"')))
        assert of_responses(gateway, upstream, "POST", "/compact", body).status_code == 200
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (3 * 1 + 2 * 2, 0)}
    with limited(tmp_path, key("a", budget(256))) as gateway:
        # What an answer takes at least is reserved for it, as for any text.
        refused = of_responses(gateway, upstream, "POST", "/compact", {"model": "m", "input": "Hello"})
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "usage_limit_reached")


# Targets of different price, attempts with limits of their own.


class TwoPrices(FixedPricing):
    """The model ``dear`` costs 100 times as much."""

    def prices(self, model: PricedModel, *, strict: bool) -> Any:
        return FixedPricing(100_000, 200_000).fixed if model.model == "dear" else self.fixed

    def charge(self, model: PricedModel, usage: Any, at: float | None = None) -> Any:
        times = 100 if model.model == "dear" else 1
        return FixedPricing(times * 1000, times * 2000).charge(model, usage, at)


@pytest.mark.parametrize(("amount", "status", "settled"), [(LARGE, 200, 100 * COST), (1000, 412, 0)])
def test_a_dearer_target_reserves_the_difference(
    amount: int, status: int, settled: int, tmp_path: Path, upstream: Upstream
) -> None:
    upstream.play(reply(500, b"{}"))
    with limited(tmp_path, key("a", budget(amount))) as gateway:
        gateway.limits.pricing = TwoPrices(1000, 2000)
        target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
        dear = {**target, "override_params": {"model": "dear"}}
        got = ask(gateway, "a", json.dumps({"strategy": {"mode": "fallback"}, "targets": [target, dear]}))
        assert (got.status_code, len(upstream.received)) == (status, 2 if status == 200 else 1)
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (settled, 0)}


VIRTUAL = '[virtual_keys.{0}]\nprovider = "openai"\ncredential = "env:PATH"\nbase_url = "{1}/v1"\n{2}\n'


@pytest.mark.parametrize(
    ("lines", "status"), [('rate_limits = [{ type = "requests", unit = "rpd", value = 1 }]', 429), (budget(1), 412)]
)
def test_a_target_without_room_fails_and_another_one_answers(
    lines: str, status: int, tmp_path: Path, upstream: Upstream
) -> None:
    small, large = VIRTUAL.format("small", upstream.url, lines), VIRTUAL.format("large", upstream.url, "")
    with limited(tmp_path, small, large, key("a", budget(LARGE))) as gateway:
        both = [{"virtual_key": "small"}, {"virtual_key": "large"}]
        fallback = {"strategy": {"mode": "fallback", "on_status_codes": [status]}, "targets": both}
        options = [ask(gateway, "a", json.dumps(fallback)).headers["x-portkey-last-used-option-index"] for _ in "12"]
        assert options[1] == "config.targets[1]"
        got = ask(gateway, "a", json.dumps({"virtual_key": "small"}))
        assert got.status_code == status
        assert got.json()["error"]["type"] == f"virtual_key_{'exhaust' if status == 412 else 'rate_limit'}_error"
        gateway.wait_until_settled()


# Rates.


def rates(*each: tuple[str, str, int]) -> str:
    listed = ", ".join(f'{{ type = "{kind}", unit = "{unit}", value = {value} }}' for kind, unit, value in each)
    return f"rate_limits = [{listed}]"


def test_a_request_that_one_rate_refuses_leaves_the_other_as_it_was(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", rates(("requests", "rpd", 10), ("tokens", "rpd", 5)))) as gateway:
        got = ask(gateway, "a", config(upstream))
        assert (got.status_code, got.headers["x-should-retry"]) == (429, "false")
        assert "never fit" in got.json()["error"]["message"]
        assert {settled for settled, _ in gateway.counted().values()} == {0}


def test_tokens_are_corrected_when_the_answer_is_there(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(reply(body=answer(3, 1)))
    upstream.play(reply(body=answer(300, 100)))
    with limited(tmp_path, key("a", rates(("tokens", "rpd", 100)))) as gateway:
        counted = []
        for _ in range(2):
            assert ask(gateway, "a", config(upstream)).status_code == 200
            gateway.wait_until_settled()
            counted.append(gateway.counted()["api_key/a/rate/tokens/rpd"][0])
        assert counted == [4, 404]
        assert ask(gateway, "a", config(upstream)).status_code == 429


def test_rates_are_told_beside_the_headers_of_the_provider(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(reply(x_ratelimit_remaining_requests="77"))
    with limited(tmp_path, key("a", rates(("requests", "rpm", 10)))) as gateway:
        got = ask(gateway, "a", config(upstream)).headers
        assert (got["x-ratelimit-remaining-requests"], got["x-penstock-ratelimit-remaining-requests"]) == ("77", "9")
        assert (got["x-penstock-ratelimit-limit-requests"], got["x-penstock-ratelimit-reset-requests"][-1]) == (
            "10",
            "s",
        )


# What SDKs make of it.


def sdk(limited: Limited, routing: str, retries: int, seen: Callable[[int], None] = lambda _: None) -> openai.OpenAI:
    hooks = {"response": [lambda got: seen(got.status_code)]}
    return openai.OpenAI(
        api_key=secret("a"), base_url=limited.v1, max_retries=retries, default_headers={"x-portkey-config": routing},
        http_client=openai.DefaultHttpxClient(trust_env=False, event_hooks=hooks),
    )  # fmt: skip


def test_an_sdk_waits_as_told_and_is_let_in(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", rates(("requests", "rps", 1)))) as gateway:
        with sdk(gateway, config(upstream), 1) as client:
            for _ in range(3):
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
        assert len(upstream.received) == 3


@pytest.mark.parametrize("name", ["retry-after-ms", "retry-after"])
async def test_who_waits_as_long_as_a_header_says_is_let_in_100_of_100(
    tmp_path: Path, upstream: Upstream, name: str
) -> None:
    """A hundred callers, each with a key of its own: whoever is refused waits, and asks once more."""
    callers = [f"c{number}" for number in range(100)]
    definitions = [key(caller, rates(("requests", "rps", 1))) for caller in callers]
    few_at_once = asyncio.Semaphore(2)

    async def is_let_in(client: httpx.AsyncClient, url: str, caller: str) -> bool:
        sent: dict[str, Any] = {"json": BODY, "headers": headers(caller, config(upstream))}
        async with few_at_once:
            while (got := await client.post(url, **sent)).status_code == 200:
                pass
        assert got.status_code == 429
        told = int(got.headers[name]) / (1000 if name.endswith("ms") else 1)
        assert 0 < told <= 1
        await asyncio.sleep(told)
        return (await client.post(url, **sent)).status_code == 200

    with limited(tmp_path, *definitions) as gateway:
        async with httpx.AsyncClient(trust_env=False, timeout=300) as client:
            url = f"{gateway.v1}/chat/completions"
            assert sum(await asyncio.gather(*(is_let_in(client, url, caller) for caller in callers))) == 100


def test_an_sdk_does_not_repeat_what_a_budget_refuses(tmp_path: Path, upstream: Upstream) -> None:
    seen: list[int] = []
    with limited(tmp_path, key("a", budget(1))) as gateway:
        with sdk(gateway, config(upstream), 3, seen.append) as client, pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])
        assert (caught.value.status_code, seen, caught.value.code) == (412, [412], "04")


def test_a_caller_of_anthropics_wire_is_told_in_it(tmp_path: Path, upstream: Upstream) -> None:
    with limited(tmp_path, key("a", budget(1)), key("b", rates(("requests", "rpd", 1)))) as gateway:
        routing = json.dumps({"provider": "anthropic", "api_key": "k", "custom_host": f"{upstream.url}/v1"})
        with httpx.Client(trust_env=False, timeout=300) as client:
            url = f"{gateway.v1}/messages"
            got = client.post(url, json=BODY, headers=headers("a", routing))
            error = got.json()["error"]
            assert (got.status_code, got.json()["type"], error["type"]) == (412, "error", "billing_error")
            assert (error["code"], error["penstock"]["level"]) == ("04", "api_key")
            client.post(url, json=BODY, headers=headers("b", routing))
            got = client.post(url, json=BODY, headers=headers("b", routing))
            assert (got.status_code, got.json()["error"]["type"]) == (429, "rate_limit_error")
            assert 0 < int(got.headers["retry-after"]) <= 86_400


def test_embeddings_reserve_no_answer(tmp_path: Path, upstream: Upstream) -> None:
    vectors = {"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    upstream.play(reply(body=json.dumps(vectors).encode()))
    # "Hello" is 5 bytes, and 16 more for what stands around it.
    with (
        limited(tmp_path, key("a", budget(21, strict=True))) as gateway,
        httpx.Client(trust_env=False, timeout=300) as client,
    ):
        asked: dict[str, Any] = {"json": {"model": "m", "input": "Hello"}, "headers": headers("a", config(upstream))}
        statuses = [client.post(f"{gateway.v1}/embeddings", **asked).status_code for _ in range(2)]
        assert statuses == [200, 412]
        gateway.wait_until_settled()
        assert gateway.counted() == {"api_key/a/usage/cost": (3, 0)}


# Policies.

PER_USER = """
[policies.users]
conditions = [{ key = "metadata._user", value = "*" }]
group_by = [{ key = "metadata._user" }]
type = "requests"
unit = "rpd"
value = 1
"""


def test_a_policy_counts_each_user_alone_with_and_without_gateway_keys(tmp_path: Path, upstream: Upstream) -> None:
    for definitions in ([PER_USER], [PER_USER, key("a")]):
        with limited(tmp_path, *definitions) as gateway:
            routing = config(upstream)
            users = ("bob", "eve", "bob")
            statuses = [ask(gateway, "a", routing, {**BODY, "user": user}).status_code for user in users]
            named = {"x-portkey-metadata": '{"_user": "eve"}'}
            statuses.append(ask(gateway, "a", config(upstream), **named).status_code)
            statuses.append(ask(gateway, "a", config(upstream)).status_code)
            assert statuses == [200, 200, 429, 429, 200]


def test_a_policy_on_a_model_is_judged_before_each_attempt(tmp_path: Path, upstream: Upstream) -> None:
    policy = """
[policies.dear]
conditions = [{ key = "model", value = "@openai/dear" }]
group_by = []
type = "cost"
credit_limit = 0.000000001
"""
    with limited(tmp_path, policy) as gateway:
        refused = ask(gateway, "a", config(upstream), {**BODY, "model": "dear"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (412, "06")
        # Whatever way the name takes: the model that leaves counts.
        for more in ({"override_params": {"model": "dear"}}, {"strip_model_prefix": "x/"}):
            named = {**BODY, "model": "x/dear"}
            assert ask(gateway, "a", config(upstream, **more), named).status_code == 412
        named = {name: value for name, value in BODY.items() if name != "model"}
        assert ask(gateway, "a", config(upstream, default_params={"model": "dear"}), named).status_code == 412
        assert ask(gateway, "a", config(upstream)).status_code == 200


@pytest.mark.parametrize("impossible", [-1_000_000, 1 << 63, 10**30])
def test_a_usage_that_no_call_can_have_pays_nothing_back_and_is_estimated(
    impossible: int, tmp_path: Path, upstream: Upstream
) -> None:
    lines = 'usage_limits = { type = "tokens", credit_limit = 100000 }'
    usage = {"prompt_tokens": impossible, "completion_tokens": impossible, "total_tokens": impossible}
    with limited(tmp_path, key("a", lines)) as gateway:
        upstream.play(reply(200, json.dumps({**COMPLETION, "usage": usage}).encode()))
        assert ask(gateway, "a", config(upstream)).status_code == 200
        gateway.wait_until_settled()
        ((settled, reserved),) = gateway.counted().values()
        assert 0 < settled < 1000
        assert reserved == 0


def test_every_problem_of_a_definition_is_told_at_start(tmp_path: Path) -> None:
    lines = 'usage_limits = { type = "cost", credit_limit = -1 }\nconcurrency_limit = 0'
    policy = '[policies.p]\ntype = "cost"\ncredit_limit = 1\nconditions = 3'
    with pytest.raises(SettingsError) as caught, limited(tmp_path, key("a", lines), policy):
        pass
    text = str(caught.value)
    for path in ("keys.a.usage_limits.credit_limit", "keys.a.concurrency_limit", "policies.p.conditions"):
        assert path in text
    assert "policies.p.group_by" in text


# With a database.


def rows(database: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def test_budgets_and_the_ledger_outlive_the_gateway(tmp_path: Path, upstream: Upstream) -> None:
    database = tmp_path / "data" / "penstock.db"
    settings = {"PENSTOCK_STORE_DATABASE": f"sqlite:///{database}"}
    database.parent.mkdir()
    of_team = 'labels = { team = "search" }'
    with limited(tmp_path, key("a", f"{budget(LARGE)}\n{of_team}"), **settings) as gateway:
        assert [ask(gateway, "a", config(upstream)).status_code for _ in range(3)] == [200] * 3
        gateway.wait_until_settled()
    assert rows(database, "select limit_id, settled from balance") == [("api_key/a/usage/cost", 3 * COST)]
    assert rows(database, "select count(*) from open_hold") == [(0,)]
    lines = rows(database, "select key_name, input_tokens, output_tokens, amount, price_match, labels from ledger")
    assert lines == [("a", 3, 1, COST, "exact", '{"team":"search"}')] * 3
    with limited(tmp_path, key("a", budget(3 * COST)), **settings) as gateway:
        got = ask(gateway, "a", config(upstream))
        assert (got.status_code, got.json()["error"]["penstock"]["settled"]) == (412, 3 * COST / 1e9)


def test_several_workers_that_would_count_apart_do_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="each of 2 workers counts"),
        limited(tmp_path, key("a", budget(LARGE)), PENSTOCK_WORKERS="2"),
    ):
        pass


# With Redis.


@pytest.fixture
def redis_settings(tmp_path: Path) -> Iterator[tuple[RedisServer, dict[str, str]]]:
    """A Redis that a test may empty, and the settings of a gateway that counts there and has a database."""
    if redis_server.program() is None:
        pytest.skip(redis_server.NOT_INSTALLED)
    (tmp_path / "data").mkdir()
    with redis_server.running_redis() as server:
        yield (
            server,
            {
                "PENSTOCK_STORE_DATABASE": f"sqlite:///{tmp_path / 'data' / 'penstock.db'}",
                "PENSTOCK_STORE_REDIS": server.address,
                "PENSTOCK_STORE_REDIS_TIMEOUT_MS": "20000",
            },
        )


def test_a_redis_that_was_emptied_gives_nobody_a_new_budget(
    tmp_path: Path, upstream: Upstream, redis_settings: tuple[RedisServer, dict[str, str]]
) -> None:
    redis, settings = redis_settings
    with limited(tmp_path, key("a", budget(2 * LARGE, strict=True)), **settings) as gateway:
        assert [ask(gateway, "a", config(upstream)).status_code for _ in range(3)] == [200] * 3
        redis.command("FLUSHALL")
        refused = ask(gateway, "a", config(upstream))
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "budget_store_unavailable")
    redis.kill()
    redis.start()
    with limited(tmp_path, key("a", budget(3 * COST, strict=True)), **settings) as gateway:
        for _ in range(100):
            refused = ask(gateway, "a", config(upstream))
            if refused.status_code != 503:
                break
        assert (refused.status_code, refused.json()["error"]["penstock"]["settled"]) == (412, 3 * COST / 1e9)


def test_a_budget_that_redis_cant_count_exactly_is_told_at_start(
    tmp_path: Path, redis_settings: tuple[RedisServer, dict[str, str]]
) -> None:
    large = key("a", 'usage_limits = { type = "cost", credit_limit = 9000001 }')
    with (
        pytest.raises(SettingsError, match=r"api_key/a/usage/cost is too large: .* up to 9000000 dollars"),
        limited(tmp_path, large, **redis_settings[1]),
    ):
        pass
    with limited(tmp_path, large):
        pass
