"""Sessions over WebSocket, through the real server: with OpenAI's SDK, with keys and limits, and with what goes wrong."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from gateway_keys import entry, key
from penstock.settings import load
from realtime import USAGE, RealtimeHost, echo, running_host
from running import RunningGateway, running_gateway
from sessions import FILE, TRACE, opened, recorded, refused, serving, trace_of

KEYS = f"""
{entry("all")}
{entry("small", 'allowed_models = ["gpt-realtime"]')}
{entry("broke", "rate_limits = [{ type = 'requests', unit = 'rpm', value = 1 }]")}
"""


@pytest.fixture(scope="module")
def host() -> Iterator[RealtimeHost]:
    with running_host() as host:
        yield host


@pytest.fixture(scope="module")
def gateway(host: RealtimeHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    yield from serving(tmp_path_factory.mktemp("open"), FILE.format(url=host.url))


@pytest.fixture(scope="module")
def guarded(host: RealtimeHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    yield from serving(tmp_path_factory.mktemp("guarded"), FILE.format(url=host.url) + KEYS)


def test_the_sdk_talks_through_the_gateway(gateway: RunningGateway, host: RealtimeHost) -> None:
    with (
        openai.OpenAI(base_url=gateway.v1, api_key="sk-x") as client,
        client.realtime.connect(
            model="gpt-realtime", extra_headers={"x-portkey-provider": "@up", TRACE: "sdk"}
        ) as session,
    ):
        assert session.recv().type == "session.created"
        session.session.update(session={"type": "realtime", "instructions": "Be brief."})
        assert str(session.recv().type) == "session.update"
        session.response.create()
        events = [session.recv(), session.recv()]
        assert [event.type for event in events] == ["response.output_text.delta", "response.done"]
    assert host.last.path == "/v1/realtime?model=gpt-realtime"
    assert host.headers()["authorization"] == "Bearer sk-upstream"
    assert not [name for name in host.headers() if name.startswith("x-portkey")]
    record = recorded(gateway, "sdk")
    assert (record.status, record.provider, record.model, record.failure) == (101, "openai", "gpt-realtime", None)
    assert [attempt.status for attempt in record.attempts] == [101]
    usage = record.usage
    assert (usage.prompt, usage.completion, usage.cached, usage.audio_in, usage.audio_out) == (20, 10, 4, 12, 7)


def test_usage_of_all_responses_is_added_up(gateway: RunningGateway) -> None:
    gateway.taken()
    with opened(gateway) as session:
        for _ in range(3):
            session.send('{"type":"response.create"}')
        received = [session.recv(timeout=60) for _ in range(7)]
        assert len(received) == 7
    assert recorded(gateway, trace_of(session)).usage.total == 3 * USAGE["total_tokens"]


def test_messages_pass_byte_for_byte(gateway: RunningGateway) -> None:
    with opened(gateway, max_size=None) as session:
        session.recv(timeout=60)
        for message in ('{"a": 1.10, "a":1e400}', "é\u2028", "x" * 300_000, b"\x00\xff" * 1000, ""):
            session.send(message)
            assert session.recv(timeout=60) == message
        session.send(["one ", "two ", "three"])
        assert session.recv(timeout=60) == "one two three"
        assert session.ping().wait(300)


@pytest.mark.parametrize(
    ("query", "more", "path"),
    [
        ("model=voice", {}, "/v1/realtime?model=gpt-realtime"),
        ("model=%40up%2Fm&intent=transcription", {}, "/v1/realtime?model=m&intent=transcription"),
        ("model=m&key=sk-other", {"additional_headers": {"x-portkey-provider": "@up"}}, "/v1/realtime?model=m"),
        ("model=m", {"path": "/@up/v1/realtime"}, "/v1/realtime?model=m"),
        ("model=@azure/x", {}, "/openai/realtime?api-version=2025-04-01-preview&deployment=d"),
        ("model=@azure-v1/x", {}, "/openai/v1/realtime?model=d"),
        # AzureOpenAI of OpenAI's SDK.
        ("api-version=2025-01-01&deployment=voice", {"path": "/openai/realtime"}, "/v1/realtime?model=gpt-realtime"),
        (
            "api-version=2025-01-01&deployment=%40azure%2Fx",
            {"path": "/openai/realtime"},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
        ),
    ],
)
def test_where_a_session_goes(
    query: str, more: dict[str, Any], path: str, gateway: RunningGateway, host: RealtimeHost
) -> None:
    with opened(gateway, query, **more) as session:
        session.recv(timeout=60)
    assert host.last.path == path
    fields = host.headers()
    assert fields.get("authorization", fields.get("api-key")) in {"Bearer sk-upstream", "sk-upstream"}
    assert fields["upgrade"] == "websocket"
    assert "sk-other" not in str(fields)


def test_a_gateway_key_in_the_query_goes_no_further(guarded: RunningGateway, host: RealtimeHost) -> None:
    """Whatever it is called there, and whosever it is."""
    query = f"model=@up/m&token={key('all')}&t=Bearer+{key('small')}&intent=x"
    with opened(guarded, query, additional_headers={"authorization": f"Bearer {key('all')}"}) as session:
        session.recv(timeout=60)
    assert host.last.path == "/v1/realtime?model=m&intent=x"


def test_a_fallback_before_the_upgrade(gateway: RunningGateway, host: RealtimeHost) -> None:
    host.refusals.append(500)
    with opened(gateway, "model=first", additional_headers={"x-portkey-config": "twice"}) as session:
        session.recv(timeout=60)
        assert session.response is not None
        assert session.response.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert host.last.path == "/v1/realtime?model=second"


def test_the_providers_refusal_is_an_answer(gateway: RunningGateway, host: RealtimeHost) -> None:
    host.refusals.append(429)
    status, body = refused(gateway)
    assert (status, body["error"]["message"]) == (429, "no")


def test_keys(guarded: RunningGateway, host: RealtimeHost) -> None:
    before = len(host.requests)
    assert refused(guarded)[0] == 401
    assert refused(guarded, additional_headers={"authorization": "Bearer nobody"})[0] == 401
    shown = {"authorization": f"Bearer {key('small')}"}
    assert refused(guarded, "model=@up/gpt-4o-realtime", additional_headers=shown)[0] == 412
    assert len(host.requests) == before
    with opened(guarded, additional_headers=shown) as session:
        session.recv(timeout=60)
    protocols: Any = ["realtime", f"openai-insecure-api-key.{key('all')}", "openai-beta.realtime-v1"]
    with opened(guarded, subprotocols=protocols) as session:
        session.recv(timeout=60)
        assert session.subprotocol == "realtime"
    assert host.headers()["sec-websocket-protocol"] == "realtime, openai-beta.realtime-v1"
    assert key("all") not in str(host.headers()) + host.last.path


def test_no_other_model_is_named_in_a_session(guarded: RunningGateway) -> None:
    with opened(guarded, additional_headers={"authorization": f"Bearer {key('small')}"}) as session:
        session.recv(timeout=60)
        allowed = json.dumps({"type": "session.update", "session": {"model": "gpt-realtime"}})
        session.send(allowed)
        assert session.recv(timeout=60) == allowed
        named = {"session": {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}}
        session.send(iter([json.dumps(named)[:30], json.dumps(named)[30:]]))
        told = json.loads(session.recv(timeout=60))
        assert (told["type"], told["error"]["code"]) == ("error", "model_not_allowed")
        with pytest.raises(ConnectionClosed):
            session.recv(timeout=60)
        assert session.close_code == 1008


def test_limits_count_sessions(guarded: RunningGateway) -> None:
    shown: dict[str, Any] = {"additional_headers": {"authorization": f"Bearer {key('broke')}"}}
    with opened(guarded, **shown) as session:
        session.recv(timeout=60)
    assert refused(guarded, **shown)[0] == 429


def test_guards_are_not_evaded(gateway: RunningGateway, host: RealtimeHost) -> None:
    before = len(host.requests)
    status, body = refused(gateway, "model=m", additional_headers={"x-portkey-config": "guarded"})
    assert (status, body["error"]["code"]) == (501, "unsupported_operation") or status in {400, 501}
    assert len(host.requests) == before


def test_addresses_are_judged(gateway: RunningGateway) -> None:
    config = json.dumps({"provider": "openai", "api_key": "k", "custom_host": "http://169.254.169.254/v1"})
    assert refused(gateway, "model=m", additional_headers={"x-portkey-config": config})[0] in {400, 403}


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
def test_the_providers_close_code_is_kept(code: int, gateway: RunningGateway, host: RealtimeHost) -> None:
    def leave(connection: ServerConnection) -> None:
        connection.close(code, "because")

    host.play = leave
    try:
        with opened(gateway) as session:
            with pytest.raises(ConnectionClosed):
                session.recv(timeout=60)
            assert (session.close_code, session.close_reason) == (code, "because")
    finally:
        host.play = echo


def test_the_callers_close_code_is_kept(gateway: RunningGateway, host: RealtimeHost) -> None:
    _drain(host)
    with opened(gateway) as session:
        session.recv(timeout=60)
        session.close(4001, "done")
    assert host.closed.get(timeout=60) == 4001


def test_a_provider_that_dies_is_told(gateway: RunningGateway, host: RealtimeHost) -> None:
    def die(connection: ServerConnection) -> None:
        connection.socket.shutdown(socket.SHUT_RDWR)

    gateway.taken()
    host.play = die
    try:
        with opened(gateway) as session:
            told = json.loads(session.recv(timeout=60))
            assert (told["type"], told["error"]["type"]) == ("error", "server_error")
            with pytest.raises(ConnectionClosed):
                session.recv(timeout=60)
            assert session.close_code == 1011
    finally:
        host.play = echo
    assert recorded(gateway, trace_of(session)).failure == "upstream_truncated"


def test_a_caller_that_leaves_closes_the_providers_side(gateway: RunningGateway, host: RealtimeHost) -> None:
    _drain(host)
    session = opened(gateway)
    session.recv(timeout=60)
    session.socket.shutdown(socket.SHUT_RDWR)
    host.closed.get(timeout=60)
    session.close()
    record = recorded(gateway, trace_of(session))
    assert (record.status, record.failure) == (499, "client_disconnected")
    assert host.reasons[-1] == "The caller has left."


def test_bounds(host: RealtimeHost, tmp_path: Path) -> None:
    limits = {"PENSTOCK_REALTIME_MAX_MESSAGE_BYTES": "1000", "PENSTOCK_REALTIME_MAX_SESSIONS": "1"}
    for gateway in serving(tmp_path, FILE.format(url=host.url), **limits):
        with opened(gateway) as session:
            session.recv(timeout=60)
            assert refused(gateway)[0] == 429
            session.send("x" * 1001)
            with pytest.raises(ConnectionClosed):
                session.recv(timeout=60)
            assert session.close_code == 1009
        recorded(gateway, trace_of(session))
        with opened(gateway) as session:
            session.recv(timeout=60)


@pytest.mark.parametrize(("name", "kind"), [("IDLE_SECONDS", "idle_timeout"), ("SESSION_SECONDS", "total_timeout")])
def test_time_limits(name: str, kind: str, host: RealtimeHost, tmp_path: Path) -> None:
    for gateway in serving(tmp_path, FILE.format(url=host.url), **{f"PENSTOCK_REALTIME_{name}": "0.05"}):
        with opened(gateway) as session:
            session.recv(timeout=60)
            assert json.loads(session.recv(timeout=60))["error"]["code"] == kind
            with pytest.raises(ConnectionClosed):
                session.recv(timeout=60)
            assert session.close_code == 1001


def test_sessions_end_when_the_gateway_stops(host: RealtimeHost, tmp_path: Path) -> None:
    _drain(host)
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, tmp_path)) as gateway:
        config = json.dumps({"provider": "openai", "api_key": "k", "custom_host": f"{host.url}/v1"})
        session = opened(gateway, "model=m", additional_headers={"x-portkey-config": config})
        session.recv(timeout=60)
        session.close()
    assert host.closed.get(timeout=60) == 1000


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"upgrade": "websocket", "connection": "upgrade"}, 400),
        ({"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "8"}, 400),
        (
            {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13", "sec-websocket-key": "x"},
            400,
        ),
        ({"upgrade": "h2c", "connection": "upgrade"}, 400),
        ({"upgrade": "websocket", "connection": "keep-alive"}, 400),
    ],
)
def test_what_is_no_handshake(headers: dict[str, str], status: int, gateway: RunningGateway) -> None:
    got = httpx.get(f"{gateway.url}/v1/realtime?model=@up/m", headers=headers, timeout=300)
    assert (got.status_code, got.json()["error"]["code"]) == (status, "invalid_request")


def _drain(host: RealtimeHost) -> None:
    while not host.closed.empty():
        host.closed.get()
