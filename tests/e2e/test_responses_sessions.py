"""Responses over WebSocket, on lane 1: with OpenAI's SDK, with lists of models, and with what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection

from gateway_keys import entry, key
from realtime import RealtimeHost, running_host
from running import RunningGateway
from sessions import opened, recorded, refused, serving

FILE = """
[virtual_keys.up]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/v1"

[virtual_keys.other]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/v1"

[virtual_keys.chats]
provider = "groq"
credential = "env:SECRET"
base_url = "{url}/v1"
"""
IDS = """
[ids]
secret = "0123456789abcdef0123456789abcdef"
"""
USAGE = {
    "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 14,
}  # fmt: skip
ASK = {"type": "response.create", "model": "gpt-5", "input": "Hi"}


def responses(connection: ServerConnection) -> None:
    """Answer each message with what was read of it."""
    for message in connection:
        response = {"id": "resp_1", "object": "response", "status": "completed", "output": [], "usage": USAGE}
        connection.send(json.dumps({"type": "response.created", "response": {"saw": json.loads(message)}}))
        connection.send(json.dumps({"type": "response.completed", "response": response, "sequence_number": 1}))


@pytest.fixture(scope="module")
def host() -> Iterator[RealtimeHost]:
    with running_host() as host:
        host.play = responses
        yield host


@pytest.fixture(scope="module")
def gateway(host: RealtimeHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    keys = entry("all") + entry("small", 'allowed_models = ["gpt-5"]')
    yield from serving(tmp_path_factory.mktemp("responses"), FILE.format(url=host.url) + IDS + keys)


def shown(name: str = "all", **more: str) -> dict[str, Any]:
    return {"additional_headers": {"authorization": f"Bearer {key(name)}", **more}}


def test_a_session_of_the_sdk(gateway: RunningGateway, host: RealtimeHost) -> None:
    gateway.taken()
    base = f"{gateway.url}/@up/v1"
    with openai.OpenAI(api_key=key("all"), base_url=base) as client, client.responses.connect() as session:
        for _ in range(2):
            session.response.create(model="gpt-5", input="Hi")
            assert [session.recv().type for _ in range(2)] == ["response.created", "response.completed"]
    assert host.last.path == "/v1/responses"
    assert host.headers()["authorization"] == "Bearer sk-upstream"
    record = recorded(gateway)
    assert (record.status, record.dialect, record.operation) == (101, "responses", "responses.connect")
    assert (record.model, record.attempts[-1].model) == ("gpt-5", "gpt-5")
    assert (record.usage.prompt, record.usage.completion, record.usage.reasoning) == (18, 10, 4)


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({**ASK, "model": "gpt-5-pro"}, 412, "model_not_allowed"),
        ({"type": "response.create", "input": "Hi"}, 403, "not_allowed"),
        ({**ASK, "fallback": {"Model": "gpt-5-pro"}}, 412, "model_not_allowed"),
        ({"type": "response.steer", "input": "Hi"}, 403, "not_allowed"),
    ],
)
def test_who_may_name_certain_models_only(message: Any, status: int, code: str, gateway: RunningGateway) -> None:
    with opened(gateway, "x=1", "/@up/v1/responses", **shown("small")) as session:
        session.send(json.dumps(ASK))
        assert json.loads(session.recv(timeout=60))["response"]["saw"] == ASK
    with opened(gateway, "x=1", "/@up/v1/responses", **shown("small")) as session:
        session.send(json.dumps(message))
        told = json.loads(session.recv(timeout=60))
        assert (told["type"], told["status"], told["error"]["code"]) == ("error", status, code)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(timeout=60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_ids_lead_back_to_their_account(gateway: RunningGateway) -> None:
    """docs/responses.md#ids: made by a model's name, a response is known by its id alone, and by no other account."""
    ask = {**ASK, "model": "gpt-5"}
    with opened(gateway, "model=@other/gpt-5", "/v1/responses", **shown()) as session:
        session.send(json.dumps(ask))
        assert json.loads(session.recv(timeout=60))["response"]["saw"] == ask
        bound = json.loads(session.recv(timeout=60))["response"]["id"]
        assert bound.startswith("resp_pk_")
        session.send(json.dumps({**ask, "previous_response_id": bound}))
        assert json.loads(session.recv(timeout=60))["response"]["saw"]["previous_response_id"] == "resp_1"
    refusals = {"all": (409, "target_gone"), "small": (404, "not_found")}
    for name, (status, code) in refusals.items():
        with opened(gateway, "x=1", "/@up/v1/responses", **shown(name)) as session:
            session.send(json.dumps({**ask, "previous_response_id": bound}))
            told = json.loads(session.recv(timeout=60))
            assert (told["type"], told["status"], told["error"]["code"]) == ("error", status, code)


def test_ids_of_a_target_that_is_named_again_pass(gateway: RunningGateway) -> None:
    with opened(gateway, "x=1", "/@up/v1/responses", **shown()) as session:
        session.send(json.dumps({**ASK, "previous_response_id": "resp_0"}))
        assert json.loads(session.recv(timeout=60))["response"]["saw"]["previous_response_id"] == "resp_0"
        assert json.loads(session.recv(timeout=60))["response"]["id"] == "resp_1"


def read_all(session: Connection, told: list[dict[str, Any]]) -> None:
    while True:
        told.append(json.loads(session.recv(timeout=60)))


def test_a_session_has_one_model(gateway: RunningGateway) -> None:
    """What it costs is told by it."""
    with opened(gateway, "x=1", "/@up/v1/responses", **shown()) as session:
        for message in (ASK, {**ASK, "model": "gpt-5-pro"}):
            session.send(json.dumps(message))
        told: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed) as closed:
            read_all(session, told)  # the first answer may be under way still
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert "one model" in told[-1]["error"]["message"]
    assert [each["response"]["saw"] for each in told if each["type"] == "response.created"] in ([ASK], [])


def test_a_name_of_any_length_is_no_model(gateway: RunningGateway) -> None:
    gateway.records.take()
    with opened(gateway, "x=1", "/@up/v1/responses", **shown()) as session:
        session.send(json.dumps({**ASK, "model": "m" * 2049}))
        assert "2048" in json.loads(session.recv(timeout=60))["error"]["message"]
    assert len(recorded(gateway).attempts[-1].model or "") < 2049


def test_hosts_without_sessions_and_requests_without_an_upgrade(gateway: RunningGateway) -> None:
    status, told = refused(gateway, "x=1", path="/@chats/v1/responses", **shown())
    assert (status, told["error"]["code"]) == (400, "unsupported_operation")
    assert refused(gateway, "x=1", path="/@up/v1/responses", **shown("nobody"))[0] == 401
    fields = {"authorization": f"Bearer {key('all')}"}
    plain = httpx.get(f"{gateway.url}/@up/v1/responses", headers=fields, timeout=300, trust_env=False)
    assert plain.status_code == 400
    assert "WebSocket" in plain.json()["error"]["message"]
