"""Clients that can set an address, a key and a model, and nothing else, on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, reply

ASK: dict[str, Any] = {"model": "echo", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def ask(gateway: RunningGateway, path: str, body: Any = ASK, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{gateway.url}{path}", json=body, headers=named, timeout=300)


def get(gateway: RunningGateway, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{gateway.url}{path}", headers=named, timeout=300)


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/@echo/v1/chat/completions", ASK, "Hello"),
        ("/%40echo/v1/chat/completions", ASK, "Hello"),
        ("/@ec%68o/v1/chat/completions", ASK, "Hello"),
        ("/@echo/v1/messages", ASK, "Hello"),
        ("/@echo/v1/embeddings", {"model": "echo", "input": "x"}, "embedding"),
        ("/v1/chat/completions", {**ASK, "model": "echo/echo"}, "Hello"),
        ("/v1/chat/completions", {**ASK, "model": "@echo/echo"}, "Hello"),
        ("/v1/messages", {**ASK, "model": "echo/echo"}, "Hello"),
        ("/v1/embeddings", {"model": "echo/echo", "input": "x"}, "embedding"),
        ("/@echo/v1/explain", {"request": ASK}, "echo"),
        ("/v1/explain", {"request": {**ASK, "model": "echo/echo"}}, "echo"),
        ("/v1/explain", {"request": ASK, "path": "/@echo/v1/chat/completions"}, "echo"),
    ],
)
def test_every_surface_takes_a_name(path: str, body: Any, text: str, gateway: RunningGateway) -> None:
    got = ask(gateway, path, body, authorization="Bearer x")
    assert got.status_code == 200, got.text
    assert text in got.text
    assert got.headers["x-portkey-trace-id"]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/@no-such/v1/chat/completions", 400, "unknown_provider"),
        ("/@no-such/v1/embeddings", 400, "unknown_provider"),
        ("/@no-such/v1/explain", 400, "unknown_provider"),
        ("/@echo/v1/nothing", 404, "unknown_url"),
        ("/@echo/v1/realtime", 405, "method_not_allowed"),
        ("/@echo", 404, "not_found"),
        ("/@echo/health", 405, "method_not_allowed"),
        ("/@echo/v1/models", 405, "method_not_allowed"),
        ("/@a/@b/v1/chat/completions", 404, "not_found"),
        ("/@/v1/chat/completions", 404, "not_found"),
        ("/@echo%2Fv1/chat/completions", 200, ""),
        ("/v1/chat/completions", 400, "missing_provider"),
        ("/nothing", 404, "not_found"),
        ("/v1/models", 405, "method_not_allowed"),
        ("/v1/explain", 400, "missing_provider"),
    ],
)
def test_what_is_wrong_is_told_logged_and_traced(path: str, status: int, kind: str, gateway: RunningGateway) -> None:
    gateway.recorded()
    body = {"request": ASK} if path.endswith("explain") else {**ASK, "input": "x"}
    got = ask(gateway, path, body, x_portkey_trace_id="t-1")
    assert (got.status_code, got.headers["x-portkey-trace-id"]) == (status, "t-1"), got.text
    if kind:
        assert got.json()["error"]["code"] == kind
    records = [record for record in gateway.recorded() if record.trace_id == "t-1"]
    assert [record.status for record in records] == [status]


def test_an_unknown_name_is_told_in_the_callers_dialect(gateway: RunningGateway) -> None:
    told = ask(gateway, "/@ecko/v1/messages").json()
    assert told["type"] == "error"
    assert "did you mean 'echo'?" in told["error"]["message"]


def test_conditions_see_the_path_without_the_name(gateway: RunningGateway) -> None:
    query = {"url.pathname": "/v1/chat/completions"}
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}]}
    config = json.dumps({"strategy": strategy, "targets": [{"name": "a", "provider": "echo"}]})
    assert ask(gateway, "/@echo/v1/chat/completions", x_portkey_config=config).status_code == 200


def test_each_name_has_idempotency_keys_of_its_own(gateway: RunningGateway) -> None:
    headers = {"idempotency_key": "same", "x_portkey_metadata": "{}"}
    first = ask(gateway, "/@echo/v1/chat/completions", **headers)
    other = ask(gateway, "/v1/chat/completions", x_portkey_provider="echo", **headers)
    assert (first.status_code, other.status_code) == (200, 409)


def test_a_new_users_list_holds_what_can_be_called(gateway: RunningGateway) -> None:
    listed = get(gateway, "/v1/models").json()
    assert listed == {
        "object": "list",
        "data": [{"id": "echo/echo", "object": "model", "created": 0, "owned_by": "echo"}],
    }
    assert get(gateway, "/v1/models/echo/echo").json() == listed["data"][0]
    assert get(gateway, "/v1/models/echo%2Fecho").json() == listed["data"][0]
    missing = get(gateway, "/v1/models/gpt-4o")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert missing.headers["x-portkey-trace-id"]
    faults = get(gateway, "/@echo/v1/models").json()["data"]
    assert [model["id"] for model in faults] == [
        model["id"] for model in get(gateway, "/v1/models", x_portkey_provider="echo").json()["data"]
    ]


def test_sdks_need_a_base_url_and_any_key(gateway: RunningGateway) -> None:
    message: Any = [{"role": "user", "content": "Hello"}]
    with openai.OpenAI(base_url=gateway.v1, api_key="sk-placeholder") as client:
        for model in client.models.list():
            assert client.models.retrieve(model.id).id == model.id
            made = client.chat.completions.create(model=model.id, messages=message)
            assert made.choices[0].message.content == "Hello"
    with openai.OpenAI(base_url=f"{gateway.url}/@echo/v1", api_key="none") as client:
        assert client.chat.completions.create(model="echo", messages=message).choices[0].message.content == "Hello"
    with anthropic.Anthropic(base_url=f"{gateway.url}/@echo", api_key="x") as claude:
        told = claude.messages.create(model="echo", max_tokens=50, messages=message)
        assert "Hello" in str(told.content)


FILE = """
[virtual_keys.prod]
provider = "openai"
credential = "env:SECRET"
base_url = "{url}/v1"

[configs.main]
provider = "@prod"
override_params = {{ model = "gpt-4o-mini" }}
"""
LIST = json.dumps({"object": "list", "data": [{"id": "gpt-4o"}, {"id": "maker/model"}]}).encode()


@pytest.fixture
def catalogued(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGateway]:
    monkeypatch.setenv("SECRET", "sk-of-prod-4fJ7dK2mQ9")
    path = tmp_path / "penstock.toml"
    path.write_text(FILE.format(url=upstream.url))
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, tmp_path), path) as running:
        yield running


def test_each_model_of_a_catalogue_can_be_called(catalogued: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=LIST))
    with openai.OpenAI(base_url=catalogued.v1, api_key="unused") as client:
        listed = [model.id for model in client.models.list()]
        assert listed == ["@prod/gpt-4o", "@prod/maker/model", "echo/echo"]
        for name in listed:
            client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hello"}])
    assert [request.json["model"] for request in upstream.received[1:]] == ["gpt-4o", "maker/model"]
    assert {request.headers["authorization"] for request in upstream.received} == {"Bearer sk-of-prod-4fJ7dK2mQ9"}


@pytest.fixture
def with_defaults(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGateway]:
    monkeypatch.setenv("SECRET", "sk-of-prod-4fJ7dK2mQ9")
    path = tmp_path / "penstock.toml"
    path.write_text(FILE.format(url=upstream.url))
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_DEFAULT_PROVIDER": "@prod"}, tmp_path)
    with running_gateway(settings, path) as running:
        yield running


def test_the_default_host_is_asked_for_a_model_that_it_does_not_list(
    with_defaults: RunningGateway, upstream: Upstream
) -> None:
    kept = {"id": "llama3.1:latest", "object": "model", "created": 5, "owned_by": "library"}
    missing = {"error": {"message": "No such model"}}
    upstream.play(reply(body=LIST))
    upstream.play(reply(body=json.dumps(kept).encode()))
    upstream.play(reply(404, json.dumps(missing).encode()))
    with openai.OpenAI(base_url=with_defaults.v1, api_key="unused", max_retries=0) as client:
        assert client.models.retrieve("gpt-4o").owned_by == "openai"
        assert client.models.retrieve("llama3.1").to_dict() == kept
        with pytest.raises(openai.NotFoundError, match="No such model"):
            client.models.retrieve("maker/none")
        assert [each.target for each in upstream.received] == [
            "/v1/models",
            "/v1/models/llama3.1",
            "/v1/models/maker%2Fnone",
        ]
        for name in ("@prod/llama3.1", "echo/none", "@echo/none"):
            with pytest.raises(openai.NotFoundError, match="You can't call a model"):
                client.models.retrieve(name)
    assert len(upstream.received) == 3


def test_anthropic_is_asked_for_a_model_by_its_alias(gateway: RunningGateway, upstream: Upstream) -> None:
    named = {"x-portkey-provider": "anthropic", "x-portkey-custom-host": f"{upstream.url}/v1"}
    claude = {"type": "model", "id": "claude-x-20260101", "display_name": "X", "created_at": "2026-01-01T00:00:00Z"}
    upstream.play(reply(body=json.dumps(claude).encode()))
    with anthropic.Anthropic(base_url=gateway.url, api_key="sk-caller", default_headers=named) as client:
        assert client.models.retrieve("claude-x").id == "claude-x-20260101"
    assert upstream.last.target == "/v1/models/claude-x"


def test_a_config_in_the_path(catalogued: RunningGateway, upstream: Upstream) -> None:
    with openai.OpenAI(base_url=f"{catalogued.url}/@main/v1", api_key="unused") as client:
        assert [model.id for model in client.models.list()] == ["gpt-4o-mini"]
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
    assert upstream.last.json["model"] == "gpt-4o-mini"


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs", "/v1/traces"])
def test_telemetry_of_clients_is_taken(path: str, gateway: RunningGateway) -> None:
    exporter = {"user_agent": "OTel-OTLP-Exporter-JavaScript/0.208.0"}
    got = ask(gateway, path, {"resourceMetrics": []}, **exporter)
    assert (got.status_code, got.json()) == (200, {})


def test_lists_of_bedrocks_and_coheres_clients(gateway: RunningGateway) -> None:
    models = get(gateway, "/foundation-models").json()["modelSummaries"]
    assert "echo/echo" in [each["modelId"] for each in models]
    assert get(gateway, "/foundation-models/echo%2Fecho").json()["modelDetails"]["modelId"] == "echo/echo"
    profiles = get(gateway, "/inference-profiles?type=SYSTEM_DEFINED").json()["inferenceProfileSummaries"]
    assert [each["inferenceProfileId"] for each in profiles] == [each["modelId"] for each in models]
    listed = get(gateway, "/v1/models", x_fern_sdk_name="cohere").json()["models"]
    assert "echo/echo" in [each["name"] for each in listed]
    assert get(gateway, "/v1/models/echo/echo", x_fern_sdk_name="cohere").json()["name"] == "echo/echo"
