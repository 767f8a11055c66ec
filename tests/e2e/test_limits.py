"""Budgets and rates on real requests: what is let through, what is refused, and what stays reserved (nothing).

Prices are fixed: a token of a prompt costs 1000 picodollars, a token of an answer 2000. An answer of the scripted
provider takes 3 and 1 tokens: 5 nanodollars.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from limiting import FixedPricing
from penstock.limits.memory import MemoryCounters
from penstock.pipeline.admit import Admitter
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, COMPLETION, DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, held, reply, reset

USAGE = chunk({}, usage={"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4})
BODY = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
COST = 5
ESTIMATE = 3 * 1 + 10 * 2
"""Nanodollars that BODY reserves: not fewer tokens than the message's bytes by 3, and max_tokens of the answer."""


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
        counters = self.limits.counters
        assert isinstance(counters, MemoryCounters)
        found: dict[str, tuple[int, int]] = {}
        for name, counter in counters.reservations._counters.items():
            settled, reserved = getattr(counter, "settled", 0), getattr(counter, "reserved", 0)
            used = counter.used
            found[name.limit] = (settled, reserved) if isinstance(settled, int) else (used, 0)
        return found

    def open(self) -> int:
        """The reservations that are open."""
        counters = self.limits.counters
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
    with running_gateway(load({}, environment, Path("/nonexistent")), file) as gateway:
        yield Limited(gateway)


def config(*upstreams: Upstream, **more: Any) -> str:
    targets = [{"provider": "openai", "api_key": "k", "custom_host": f"{each.url}/v1"} for each in upstreams]
    return json.dumps({**targets[0], **more} if len(targets) == 1 else {"targets": targets, **more})


def headers(name: str, routing: str, **more: str) -> dict[str, str]:
    return {"x-portkey-api-key": secret(name), "x-portkey-config": routing, **more}


def ask(limited: Limited, name: str, routing: str, body: dict[str, Any] | None = None, **more: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(f"{limited.v1}/chat/completions", json=body or BODY, headers=headers(name, routing, **more))


BUDGET = 'usage_limits = {{ type = "cost", credit_limit = {}, strict = {} }}'


def budget(nanos: int, *, strict: bool = False) -> str:
    return BUDGET.format(dollars(nanos), str(strict).lower())


def answer(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return json.dumps({**COMPLETION, "usage": usage}).encode()


async def test_t20_of_200_requests_at_once_as_many_pass_as_the_budget_pays(tmp_path: Path, upstream: Upstream) -> None:
    # "user" and "Hello" are 9 bytes, a message 16 more, each at most a token; the answer has at most 10 tokens.
    bound, release = 25 + 2 * 10, threading.Event()
    for _ in range(37):
        upstream.play(held(release), reply(body=answer(25, 10)))
    with limited(tmp_path, key("a", budget(37 * bound, strict=True))) as gateway:
        async with httpx.AsyncClient(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=200)) as client:
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
