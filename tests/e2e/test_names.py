"""Hosts that callers name, with the system's resolver replaced: slow names, private ones, and what is told of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from penstock.app.transports import http1_of
from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.settings import load
from penstock.settings.model import Server, Settings
from penstock.transport.base import Request
from running import RunningGateway, running_gateway
from upstream import Upstream

NOWHERE = Path("/nonexistent")


class Resolver:
    """``socket.getaddrinfo`` without a network: slow names wait for ``release``, good ones are loopback."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked = threading.Semaphore(0)

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.release()
        if host.startswith("slow"):
            assert self.release.wait(300)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if host.startswith("good") else "10.0.0.1", 0))
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    made = Resolver()
    module = SimpleNamespace(**{**vars(socket), "getaddrinfo": made.getaddrinfo})
    monkeypatch.setattr("penstock.transport.resolve.socket", module)
    yield made
    made.release.set()


@pytest.fixture
def laptop(resolver: Resolver) -> Iterator[RunningGateway]:
    trusted = "127.0.0.1,localhost,good.example"
    environment = {"PENSTOCK_SECURITY_TRUSTED_HOSTS": trusted, "PENSTOCK_ACCESS_LOG": "false"}
    with running_gateway(load({}, environment, NOWHERE)) as gateway:
        yield gateway


def chat(gateway: RunningGateway, host: str, **headers: str) -> httpx.Response:
    fields = {"x-portkey-provider": "openai", "authorization": "Bearer k", "x-portkey-custom-host": host, **headers}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=fields, timeout=300)


def test_slow_names_delay_neither_literals_nor_other_names(
    laptop: RunningGateway, resolver: Resolver, upstream: Upstream
) -> None:
    port = upstream.url.rpartition(":")[2]
    with ThreadPoolExecutor(24) as pool:
        slow = [pool.submit(chat, laptop, f"http://slow{number}.example:{port}") for number in range(24)]
        for _ in slow:
            assert resolver.asked.acquire(timeout=60)
        for host in ("127.0.0.1", "localhost", "good.example"):
            assert chat(laptop, f"http://{host}:{port}").status_code == 200
        assert not any(call.done() for call in slow)
        resolver.release.set()
        assert {call.result().json()["error"]["code"] for call in slow} == {"name_not_resolved"}


def test_on_a_laptop_the_reason_is_told(laptop: RunningGateway) -> None:
    error = chat(laptop, "http://private.example").json()["error"]
    assert error["code"] == "address_refused"
    assert "trusted_hosts" in error["message"]


@pytest.mark.parametrize("name", ["huggingface-base-url", "azure-foundry-url"])
def test_a_base_url_in_a_setting_is_judged_before_anything_is_looked_up(
    laptop: RunningGateway, resolver: Resolver, name: str
) -> None:
    provider = "huggingface" if name.startswith("hugging") else "azure-ai"
    fields = {"x-portkey-provider": provider, f"x-portkey-{name}": "https://metadata.google.internal"}
    got = chat(laptop, "", **fields)
    assert (got.status_code, got.json()["error"]["code"]) == (400, "invalid_custom_host")
    assert not resolver.asked.acquire(blocking=False)


async def test_beyond_loopback_no_reason_is_told() -> None:
    transport = http1_of(Settings(server=Server(host="0.0.0.0")), AddressPolicy(), {})
    failure = await transport.send(Request(Origin("http", "10.0.0.1", 80), b"GET", b"/", b"", b"", Limits()))
    await transport.close()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.HOST_UNAVAILABLE, 502)
