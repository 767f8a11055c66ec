"""Gemini's Live API over WebSocket, on lane 1; and paths that have no WebSocket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from gateway_keys import entry, key
from penstock.providers.google import LIVE as LIVE_OF
from penstock.providers.google import LIVE_VERSIONS
from realtime import RealtimeHost, running_host
from running import RunningGateway
from sessions import opened, recorded, refused, serving

FILE = """
[virtual_keys.gem]
provider = "google"
credential = "env:SECRET"
base_url = "{url}"
"""
USED = {
    "promptTokenCount": 20, "responseTokenCount": 7, "thoughtsTokenCount": 3, "totalTokenCount": 30,
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}],
}  # fmt: skip


def live(connection: ServerConnection) -> None:
    """Google answers in binary frames of JSON."""
    setup = json.loads(connection.recv())
    connection.send(json.dumps({"setupComplete": {}, "saw": setup}).encode())
    for _ in connection:
        connection.send(json.dumps({"serverContent": {"turnComplete": True}, "usageMetadata": USED}).encode())


@pytest.fixture(scope="module")
def host() -> Iterator[RealtimeHost]:
    with running_host() as host:
        host.play = live
        yield host


@pytest.fixture(scope="module")
def gateway(host: RealtimeHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    yield from serving(tmp_path_factory.mktemp("live"), FILE.format(url=host.url))


LIVE = LIVE_OF.format(version="v1beta")
SETUP: dict[str, Any] = {"setup": {"model": "models/gemini-live-2.5-flash"}}


@pytest.mark.parametrize(
    ("path", "more"),
    [(f"/@gem{LIVE}", {}), (LIVE, {"additional_headers": {"x-portkey-provider": "@gem"}})],
)
def test_a_session(path: str, more: dict[str, Any], gateway: RunningGateway, host: RealtimeHost) -> None:
    gateway.taken()
    with opened(gateway, "key=sk-callers&x=1", path, **more) as session:
        session.send(json.dumps(SETUP))
        assert json.loads(session.recv(timeout=60))["saw"] == SETUP
        for _ in range(2):
            session.send('{"clientContent": {"turnComplete": true}}')
            assert isinstance(session.recv(timeout=60), bytes)
    assert host.last.path == f"{LIVE}?x=1"
    fields = host.headers()
    assert fields["x-goog-api-key"] == "sk-upstream"
    assert "sk-callers" not in str(fields)
    record = recorded(gateway)
    assert (record.status, record.provider, record.model, record.dialect) == (
        101, "google", "gemini-live-2.5-flash", "gemini",
    )  # fmt: skip
    assert (record.usage.prompt, record.usage.completion, record.usage.reasoning) == (40, 20, 6)
    assert record.usage.audio_out == 14


@pytest.mark.parametrize("version", LIVE_VERSIONS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_host_is_asked_in_the_callers_version(
    version: str, slash: str, gateway: RunningGateway, host: RealtimeHost
) -> None:
    """Google's SDKs ask for ``v1``, and double the slash of a base URL that ends in one."""
    path = LIVE_OF.format(version=version)
    with opened(gateway, "x=1", f"/@gem{slash}{path}") as session:
        session.send(json.dumps(SETUP))
        assert json.loads(session.recv(timeout=60))["saw"] == SETUP
    assert host.last.path == f"{path}?x=1"


@pytest.mark.parametrize("version", ["v2", "v1beta.x", "v1%2Fx", "{version}"])
def test_other_versions_reach_no_host(version: str, gateway: RunningGateway) -> None:
    status, _ = refused(gateway, "x=1", path=f"/@gem{LIVE_OF.format(version=version)}")
    assert status in {404, 501}


@pytest.mark.parametrize("parts", [[json.dumps(SETUP)], ['{"setup": {"model": "models/gemini-', 'live-2.5-flash"}}']])
@pytest.mark.parametrize("query", ["x=1", "model=gemini-cheap"])
def test_the_model_that_is_paid_for_is_the_setups(
    query: str, parts: list[str], gateway: RunningGateway, host: RealtimeHost
) -> None:
    """Whatever the query names, and however the message is cut."""
    gateway.taken()
    with opened(gateway, query, f"/@gem{LIVE}") as session:
        session.send(parts)
        assert json.loads(session.recv(timeout=60))["saw"] == SETUP
    assert recorded(gateway).attempts[-1].model == "gemini-live-2.5-flash"


@pytest.mark.parametrize(
    "first",
    [
        {"setup": {"model": "models/gemini-pro"}},
        {"setup": {"model": "models/gemini-live-2.5-flash", "generationConfig": {"Model": "gemini-pro"}}},
        {"setup": {}},
        {"clientContent": {"turnComplete": True}},
    ],
)
def test_who_may_name_certain_models_only(first: Any, host: RealtimeHost, tmp_path: Path) -> None:
    """The model is named in the session's first message, which is judged before the host sees it."""
    text = FILE.format(url=host.url) + entry("small", 'allowed_models = ["gemini-live*"]')
    shown = {"additional_headers": {"x-goog-api-key": key("small")}}
    for gateway in serving(tmp_path, text):
        with opened(gateway, "x=1", f"/@gem{LIVE}", **shown) as session:
            session.send(json.dumps(SETUP))
            assert json.loads(session.recv(timeout=60))["saw"] == SETUP
        with opened(gateway, "x=1", f"/@gem{LIVE}", **shown) as session:
            session.send(json.dumps(first))
            with pytest.raises(ConnectionClosed) as closed:
                session.recv(timeout=60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008


def test_a_key_that_nobody_has(host: RealtimeHost, tmp_path: Path) -> None:
    text = FILE.format(url=host.url) + entry("all")
    for gateway in serving(tmp_path, text):
        told = refused(gateway, "x=1", path=f"/@gem{LIVE}", additional_headers={"x-goog-api-key": key("nobody")})
        assert (told[0], told[1]["error"]["code"]) == (401, 401)
        with opened(gateway, f"key={key('all')}", f"/@gem{LIVE}") as session:
            session.send(json.dumps(SETUP))
            session.recv(timeout=60)
        assert key("all") not in host.last.path + str(host.headers())


def test_a_failure_is_told_by_the_close_frame(gateway: RunningGateway, host: RealtimeHost) -> None:
    """Live has no message for errors."""
    with opened(gateway, "x=1", f"/@gem{LIVE}") as session:
        session.send(b"\xff" * 100)
        with pytest.raises(ConnectionClosed):
            session.recv(timeout=60)
        assert session.close_code in {1000, 1011}


@pytest.mark.parametrize("path", ["/v1/messages", "/ws/other"])
def test_paths_without_a_socket(path: str, gateway: RunningGateway) -> None:
    status, body = refused(gateway, "model=m", path=path)
    assert status == 501
    assert "/v1/realtime" in json.dumps(body)


def test_other_hosts_have_no_live(gateway: RunningGateway) -> None:
    shown: dict[str, Any] = {"additional_headers": {"x-portkey-provider": "openai", "authorization": "Bearer k"}}
    status, body = refused(gateway, "x=1", path=LIVE, **shown)
    assert (status, body["error"]["status"]) == (501, "UNIMPLEMENTED")
