"""Limits of a key over each wire and operation: what a request held is given back at each of its ends, and what it took
is settled."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from penstock.settings import Settings
from penstock.settings.model import Echo, Server
from running import RunningGateway, running_gateway

KEY: Final = "pk-of-every-wire-0123456789"
TEXT: Final = "word " * 30
HELD: Final = 1_000_000
CATALOGUE: Final = f"""
[keys.every]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
usage_limits = {{ type = "tokens", credit_limit = {HELD} }}
rate_limits = [{{ type = "tokens", unit = "rpd", value = {HELD} }}]
concurrency_limit = 1
"""
CHAT: Final = [{"role": "user", "content": TEXT}]
PARTS: Final = [{"role": "user", "parts": [{"text": TEXT}]}]
BLOCKS: Final = [{"role": "user", "content": [{"text": TEXT}]}]
STREAMS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": CHAT, "stream": True}),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 50, "messages": CHAT, "stream": True}),
    "responses": ("/v1/responses", {"model": "m", "input": TEXT, "stream": True}),
    "gemini": ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": PARTS}),
    "converse": ("/model/m/converse-stream", {"messages": BLOCKS}),
    "ollama": ("/api/chat", {"model": "m", "messages": CHAT}),
    "cohere": ("/v2/chat", {"model": "m", "messages": CHAT, "stream": True}),
}
PLAIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "gemini": ("/v1beta/models/m:generateContent", {"contents": PARTS}),
    "converse": ("/model/m/converse", {"messages": BLOCKS}),
    "ollama": ("/api/chat", {"model": "m", "messages": CHAT, "stream": False}),
    "embeddings": ("/v1/embeddings", {"model": "m", "input": [TEXT]}),
    **{name: (path, {**body, "stream": False}) for name, (path, body) in STREAMS.items() if "stream" in body},
}
FORMS: Final = {"plain": PLAIN, "stream": STREAMS}
REFUSED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "images": ("/v1/images/generations", {"model": "m", "prompt": "x"}),
    "speech": ("/v1/audio/speech", {"model": "m", "input": "x", "voice": "v"}),
    "moderations": ("/v1/moderations", {"model": "m", "input": "x"}),
    "batches": ("/v1/batches", {"input_file_id": "f", "endpoint": "/v1/embeddings", "completion_window": "24h"}),
    "completions": ("/v1/completions", {"model": "m", "prompt": TEXT}),
}
"""What the built-in provider has not: the request ends before anybody bills."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    file = tmp_path_factory.mktemp("file") / "penstock.toml"
    file.write_text(CATALOGUE)
    settings = Settings(server=Server(access_log=False), echo=Echo(pace_ms=5))
    with running_gateway(settings, file) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: RunningGateway) -> Iterator[httpx.Client]:
    headers = {"x-portkey-api-key": KEY, "x-portkey-provider": "echo"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=300) as opened:
        yield opened


def chat(client: httpx.Client) -> httpx.Response:
    path, body = PLAIN["chat"]
    return client.post(path, json=body)


def settled(client: httpx.Client) -> int:
    """The tokens that are settled, when nothing is reserved any more."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        limits = client.get("/penstock/me").json()["limits"]
        (budget,) = [each for each in limits if each["window"] == {"unit": "lifetime"}]
        if budget["reserved"] == 0:
            return int(budget["used"])
    raise AssertionError("what the request held was never given back")


@pytest.mark.parametrize(
    ("path", "body"),
    [pytest.param(*asked, id=f"{wire}-{form}") for form, of in FORMS.items() for wire, asked in of.items()],
)
def test_an_answer_of_each_wire_is_settled(path: str, body: dict[str, Any], client: httpx.Client) -> None:
    before = settled(client)
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert 30 < settled(client) - before < 150


@pytest.mark.parametrize("wire", STREAMS)
def test_a_caller_of_each_wire_that_leaves_pays_what_was_seen(wire: str, client: httpx.Client) -> None:
    path, body = STREAMS[wire]
    before = settled(client)
    with client.stream("POST", path, json=body) as response:
        assert response.status_code == 200
        next(response.iter_raw())
    assert 10 < settled(client) - before < 150
    # The one place among the requests under way is free again.
    assert chat(client).status_code == 200


@pytest.mark.parametrize("operation", REFUSED)
def test_an_operation_that_nobody_serves_takes_nothing(operation: str, client: httpx.Client) -> None:
    path, body = REFUSED[operation]
    before = settled(client)
    assert client.post(path, json=body).status_code == 400
    assert settled(client) == before
    assert chat(client).status_code == 200
