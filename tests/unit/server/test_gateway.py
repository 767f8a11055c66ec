"""The edge: every request is answered once, and every request of an LLM surface, refused or not, is recorded once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from calling import CHAT, headers_of
from edge import FakeClient
from penstock.app.root import build
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.observe.record import Record
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.head_memo import HeadMemo
from penstock.server.gateway import Gateway
from penstock.settings import load
from penstock.stores.catalogue import Catalogue, GatewayKey, digest_of
from penstock.stores.memory import MemoryCatalogue

ECHO = headers_of(x_portkey_provider="echo", content_type="application/json")
BODY = json.dumps({**CHAT, "model": "echo"}).encode()
DEFECT = "a request failed inside the gateway"


class Edge:
    """A gateway over the built-in provider, and the records of what it served."""

    def __init__(self, catalogue: Path | None = None, **settings: str) -> None:
        environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_ECHO_PACE_MS": "0", **settings}
        self.gateway: Gateway = build(load({}, environment, Path("/nonexistent")), catalogue)
        self._queue = self.gateway.records.subscribe()

    async def serve(
        self, method: str, path: str, headers: Headers = ECHO, body: bytes | Failure = BODY, query: str = ""
    ) -> FakeClient:
        client = FakeClient(body)
        await self.gateway.serve(method, path, list(headers), client, query)
        return client

    def record(self) -> Record:
        """The one record that there is."""
        (record,) = self._queue.take()
        return record

    def records(self) -> list[Record]:
        return self._queue.take()


@pytest.fixture
def edge() -> Edge:
    return Edge()


def error_of(client: FakeClient) -> str:
    message = json.loads(client.received)["error"]["message"]
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize(("path", "dialect"), [("/v1/chat/completions", "openai_chat"), ("/v1/messages", "anthropic")])
async def test_an_answer_is_recorded_once(edge: Edge, path: str, dialect: str) -> None:
    client = await edge.serve("POST", path)
    assert (client.status, client.is_complete, client.watched) == (200, True, False)
    record = edge.record()
    assert (record.status, record.failure, record.operation, record.dialect) == (200, None, "chat.completions", dialect)
    assert (record.provider, record.model, record.path, record.client) == ("echo", "echo", path, "127.0.0.1")
    assert len(record.attempts) == 1
    assert record.usage is not None


@pytest.mark.parametrize(("path", "is_anthropic"), [("/v1/messages//nothing", True), ("/v2/nothing", False)])
async def test_a_path_that_is_none_is_recorded_once(edge: Edge, path: str, is_anthropic: bool) -> None:
    client = await edge.serve("POST", path)
    assert client.status == 404
    assert (json.loads(client.received).get("type") == "error") is is_anthropic
    record = edge.record()
    assert (record.status, record.failure, record.attempts) == (404, "not_found", ())
    assert not client.was_read


@pytest.mark.parametrize(("path", "is_anthropic"), [("/v1/messages", True), ("/v1/embeddings", False)])
async def test_another_method_is_recorded_once(edge: Edge, path: str, is_anthropic: bool) -> None:
    client = await edge.serve("GET", path)
    assert (client.status, client.fields[b"allow"]) == (405, b"POST")
    assert (json.loads(client.received).get("type") == "error") is is_anthropic
    record = edge.record()
    assert (record.status, record.failure) == (405, "method_not_allowed")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_pages_are_no_business_of_the_records(edge: Edge, method: str) -> None:
    for path in ("/", "/health", "/ready"):
        assert (await edge.serve(method, path)).status == 200
    assert edge.records() == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models", 200),
        ("/v1/proxy/models", 200),
        ("/v1/proxy/files", 404),
        ("/v1/messages", 405),
        ("/nothing", 404),
    ],
)
async def test_a_request_for_the_head_alone_is_recorded_as_one(edge: Edge, path: str, status: int) -> None:
    client = await edge.serve("HEAD", path, ECHO)
    record = edge.record()
    assert (client.status, record.status, record.method) == (status, status, "HEAD")
    await edge.serve("GET", path, ECHO)
    assert edge.record().method == "GET"


async def test_a_page_is_only_read(edge: Edge) -> None:
    client = await edge.serve("POST", "/health")
    assert (client.status, client.fields[b"allow"], "POST" in error_of(client)) == (405, b"GET", True)
    assert edge.record().failure == "method_not_allowed"


@pytest.fixture
def guarded(tmp_path: Path) -> Edge:
    catalogue = tmp_path / "penstock.toml"
    catalogue.write_text(f'[keys.team]\nhash = "{digest_of("right")}"\n[virtual_keys.cheap]\nprovider = "echo"\n')
    return Edge(catalogue)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_who_shows_no_key_is_recorded_once_and_no_byte_of_the_body_is_read(guarded: Edge, path: str) -> None:
    for headers in (ECHO, [*ECHO, *headers_of(authorization="Bearer wrong")]):
        client = await guarded.serve("POST", path, headers)
        assert (client.status, client.was_read) == (401, False)
        record = guarded.record()
        assert (record.status, record.failure, record.key) == (401, "invalid_gateway_key", None)


async def test_who_shows_a_key_is_known(guarded: Edge) -> None:
    client = await guarded.serve("POST", "/v1/chat/completions", [*ECHO, *headers_of(authorization="Bearer right")])
    assert client.status == 200
    assert guarded.record().key == "team"


async def test_a_key_that_is_withdrawn_is_refused_though_its_head_comes_again(edge: Edge) -> None:
    compiler, memo = edge.gateway.pipeline.compiler, HeadMemo()
    key = GatewayKey("team", hashlib.sha256(b"right").digest())
    compiler.catalogues = catalogues = MemoryCatalogue(Catalogue(keys=(key,)))
    headers = [*ECHO, *headers_of(authorization="Bearer right")]

    async def status() -> int:
        client = FakeClient(BODY)
        await edge.gateway.serve("POST", "/v1/chat/completions", headers, client, memo=memo)
        return client.status

    assert [await status() for _ in range(3)] == [200, 200, 200]
    assert {record.key for record in edge.records()} == {"team"}
    assert memo.compiled is not None
    catalogues.replace(Catalogue(is_guarded=True))
    assert [await status() for _ in range(2)] == [401, 401]
    catalogues.replace(Catalogue(keys=(key,)))
    assert await status() == 200


async def test_explanations_need_a_key_too_and_are_recorded(guarded: Edge) -> None:
    assert (await guarded.serve("POST", "/v1/explain", body=b"{}")).status == 401
    shown = [*ECHO, *headers_of(authorization="Bearer right")]
    assert (await guarded.serve("POST", "/v1/explain", shown, b"{}")).status == 200
    assert (await guarded.serve("POST", "/v1/explain", shown, b"[")).status == 400
    told = [(record.path, record.status, record.key, record.client) for record in guarded.records()]
    assert told == [
        ("/v1/explain", status, key, "127.0.0.1") for status, key in ((401, None), (200, "team"), (400, "team"))
    ]


async def test_another_media_type_is_refused_unread(edge: Edge) -> None:
    headers = headers_of(x_portkey_provider="echo", content_type="text/html")
    client = await edge.serve("POST", "/v1/messages", headers)
    assert (client.status, client.was_read) == (400, False)
    assert edge.record().failure == "invalid_content_type"


async def test_a_caller_who_leaves_while_sending_is_told_nothing(edge: Edge) -> None:
    client = await edge.serve("POST", "/v1/messages", body=Failure(Kind.CLIENT_DISCONNECTED, "It left."))
    assert client.heads == []
    record = edge.record()
    assert (record.status, record.failure) == (499, "client_disconnected")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_request_that_the_pipeline_refuses_is_recorded_once(edge: Edge, path: str) -> None:
    client = await edge.serve("POST", path, body=b"[]")
    assert client.status == 400
    record = edge.record()
    assert (record.status, record.failure, record.attempts) == (400, "invalid_json", ())


async def test_lists_of_models_need_no_provider(edge: Edge) -> None:
    client = await edge.serve("GET", "/v1/models", [])
    assert (client.status, json.loads(client.received)["object"], client.was_read) == (200, "list", False)
    assert edge.record().operation == "models"


class Hanging:
    """Stands for the pipeline: hangs, or fails, once it was reached."""

    def __init__(self, failing: bool = False) -> None:
        self.reached = asyncio.Event()
        self.query = ""
        self._failing = failing

    async def __call__(self, call: Call) -> Answer:
        self.query = call.query
        self.reached.set()
        if self._failing:
            raise RuntimeError("a defect")
        await asyncio.Event().wait()
        raise AssertionError


def put_in(edge: Edge, monkeypatch: pytest.MonkeyPatch, hanging: Hanging) -> None:
    monkeypatch.setattr(type(edge.gateway.pipeline), "run", lambda _, call: hanging(call))


async def test_a_caller_who_leaves_while_waiting(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, client = Hanging(), FakeClient(BODY)
    put_in(edge, monkeypatch, hanging)
    serving = asyncio.create_task(edge.gateway.serve("POST", "/v1/messages", list(ECHO), client))
    await hanging.reached.wait()
    assert client.watched
    client.gone = True
    serving.cancel()
    await serving
    record = edge.record()
    assert (record.status, record.failure, client.heads) == (499, "client_disconnected", [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/chat/completions", 401),
        ("GET", "/v1/models/a", 401),
        ("POST", "/v1/explain", 401),
        ("DELETE", "/v1/messages", 405),
        ("GET", "/nowhere", 404),
    ],
)
async def test_every_request_tells_who_sent_it(guarded: Edge, method: str, path: str, status: int) -> None:
    headers = headers_of(user_agent="curl/8 " + "x" * 500, x_portkey_virtual_key="@cheap")
    assert (await guarded.serve(method, path, headers)).status == status
    record = guarded.record()
    assert (record.status, record.client, record.virtual_key) == (status, "127.0.0.1", "cheap")
    assert record.user_agent is not None
    assert (record.user_agent[:7], len(record.user_agent)) == ("curl/8 ", 128)


async def test_a_virtual_key_that_does_not_exist_is_not_recorded(guarded: Edge) -> None:
    """It may be a credential in the wrong header."""
    headers = [*ECHO, *headers_of(authorization="Bearer right", x_portkey_virtual_key="sk-1")]
    assert (await guarded.serve("POST", "/v1/chat/completions", headers)).status == 400
    assert (guarded.record().virtual_key) is None


async def test_a_trusted_proxy_tells_the_callers_address(tmp_path: Path) -> None:
    forwarded = headers_of(x_forwarded_for="203.0.113.9")
    for proxies, told in (("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")):
        edge = Edge(PENSTOCK_TRUSTED_PROXIES=proxies)
        await edge.serve("GET", "/nowhere", forwarded)
        assert edge.record().client == told


async def test_a_gateway_that_stops(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, client = Hanging(), FakeClient(BODY)
    put_in(edge, monkeypatch, hanging)
    serving = asyncio.create_task(edge.gateway.serve("POST", "/v1/messages", list(ECHO), client))
    await hanging.reached.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    record = edge.record()
    assert (record.status, record.failure) == (503, "shutting_down")
    assert (client.status, client.fields[b"retry-after"]) == (503, b"1")
    assert "stopping" in error_of(client)


async def test_a_defect_is_told_recorded_once_and_logged(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_in(edge, monkeypatch, Hanging(failing=True))
    client = await edge.serve("POST", "/v1/messages")
    assert (client.status, DEFECT in caplog.text) == (500, True)
    assert "defect" in error_of(client)
    record = edge.record()
    assert (record.status, record.failure) == (500, "internal_error")


@pytest.mark.parametrize(
    ("path", "query", "forwarded"),
    [
        ("/v1/messages", "beta=true&x=1", "beta=true"),
        ("/v1/messages", "x=1", ""),
        ("/v1/chat/completions", "beta=true", ""),
    ],
)
async def test_what_of_a_query_goes_on(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, path: str, query: str, forwarded: str
) -> None:
    hanging = Hanging(failing=True)
    put_in(edge, monkeypatch, hanging)
    await edge.serve("POST", path, query=query)
    assert hanging.query == forwarded


async def test_under_any_asgi_server(edge: Edge) -> None:
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": BODY}]
    is_over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await is_over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "headers": ECHO, "client": ("10.0.0.1", 1)}
    await edge.gateway(scope, receive, send)
    is_over.set()
    assert (sent[0]["status"], sent[-1]["more_body"]) == (200, False)
    assert edge.record().client == "10.0.0.1"


async def test_readiness_ends_when_the_gateway_is_told_to_stop(edge: Edge) -> None:
    messages = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await edge.gateway({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (await edge.serve("GET", "/ready")).status == 503


class Failing:
    """A part of the gateway that does not stop in order."""

    def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        raise RuntimeError("no")


async def test_a_part_that_fails_to_stop_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    stopped: list[str] = []

    class Orderly(Failing):
        async def stop(self) -> None:
            stopped.append("first")

    edge = Edge()
    gateway = Gateway(edge.gateway.pipeline, edge.gateway.records, edge.gateway.limits, [Orderly(), Failing()])
    messages = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await gateway({"type": "lifespan"}, receive, send)
    assert (stopped, sent[-1]["type"]) == (["first"], "lifespan.shutdown.complete")
    assert "Failing did not stop in order" in caplog.text
