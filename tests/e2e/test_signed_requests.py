"""Requests that are signed: what arrives verifies, and the gateway's own identity goes nowhere unasked."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Received, Upstream, reply

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
KEYS = {"x-portkey-aws-access-key-id": "AKIDUNIT", "x-portkey-aws-secret-access-key": "unit-secret"}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
}  # fmt: skip


async def ask(gateway: RunningGateway, upstream: Upstream, **headers: str) -> httpx.Response:
    upstream.play(reply(body=json.dumps(ANSWER).encode()))
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    sent = {"x-portkey-provider": "bedrock", "x-portkey-custom-host": upstream.url, **headers}
    async with httpx.AsyncClient(timeout=300) as client:
        return await client.post(f"{gateway.v1}/chat/completions", json=body, headers=sent)


def resigned(received: Received, url: str, session: str | None) -> str:
    """What botocore makes of the request that arrived."""
    asked = AWSRequest("POST", url + received.target, {"Content-Type": "application/json"}, received.body)
    moment = received.headers["x-amz-date"]
    at = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC).replace(tzinfo=None)
    signer = SigV4Auth(Credentials("AKIDUNIT", "unit-secret", session), "bedrock", "us-east-1")
    with mock.patch("botocore.auth.get_current_datetime", return_value=at):
        signer.add_auth(asked)
    return str(asked.headers["Authorization"])


@pytest.mark.parametrize("session", ["", "unit-session"])
async def test_the_signature_verifies(gateway: RunningGateway, upstream: Upstream, session: str) -> None:
    more = {"x-portkey-aws-session-token": session} if session else {}
    found = await ask(gateway, upstream, **KEYS, **more)
    assert found.status_code == 200, found.text
    assert found.json()["choices"][0]["message"]["content"] == "Hi"
    received = upstream.last
    assert received.target == "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    assert received.headers["authorization"] == resigned(received, upstream.url, session or None)
    assert "unit-secret" not in json.dumps(received.headers)


async def test_a_bedrock_key_is_shown(gateway: RunningGateway, upstream: Upstream) -> None:
    found = await ask(gateway, upstream, authorization="Bearer bedrock-key")
    assert found.status_code == 200
    assert upstream.last.headers["authorization"] == "Bearer bedrock-key"


async def test_the_gateways_own_identity_is_not_lent(gateway: RunningGateway, upstream: Upstream) -> None:
    found = await ask(gateway, upstream, **{"x-portkey-aws-auth-type": "default"})
    assert found.status_code == 403
    assert "providers.gateway_identity" in found.json()["error"]["message"]
    assert not upstream.received


@pytest.fixture
def lending() -> Iterator[RunningGateway]:
    """A gateway whose operator lends its identity."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_PROVIDERS_GATEWAY_IDENTITY": "true"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        yield running


async def test_a_lent_identity_never_goes_to_a_host_of_the_callers(
    lending: RunningGateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ASSUME_ROLE_ACCESS_KEY_ID", "AKIDOWN")
    monkeypatch.setenv("AWS_ASSUME_ROLE_SECRET_ACCESS_KEY", "own")
    role = {"x-portkey-aws-auth-type": "assumedRole", "x-portkey-aws-role-arn": "arn:aws:iam::123:role/unit"}
    for options in ({"x-portkey-aws-auth-type": "default"}, {"x-portkey-aws-profile": "prod"}, role):
        found = await ask(lending, upstream, **options)
        assert found.status_code == 403
    assert not upstream.received


@pytest.mark.parametrize(
    ("provider", "options"),
    [
        ("vertex-ai", {"vertex_auth_type": "adc", "vertex_project_id": "p"}),
        ("azure-openai", {"azure_auth_mode": "managed", "resource_name": "r", "deployment_id": "d"}),
        ("azure-openai", {"azure_auth_mode": "workload", "resource_name": "r", "deployment_id": "d"}),
    ],
)
async def test_nor_do_the_others(
    gateway: RunningGateway, upstream: Upstream, provider: str, options: dict[str, Any]
) -> None:
    config = json.dumps({"provider": provider, "custom_host": upstream.url, **options})
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    async with httpx.AsyncClient(timeout=300) as client:
        found = await client.post(f"{gateway.v1}/chat/completions", json=body, headers={"x-portkey-config": config})
    assert found.status_code == 403, found.text
    assert not upstream.received


async def test_an_unusable_account_is_told(gateway: RunningGateway, upstream: Upstream) -> None:
    account = {"client_email": "a@b", "private_key": "SECRET", "token_uri": "https://evil.example/"}
    config = {"provider": "vertex-ai", "vertex_project_id": "p", "vertex_service_account_json": account}
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    async with httpx.AsyncClient(timeout=300) as client:
        found = await client.post(
            f"{gateway.v1}/chat/completions", json=body, headers={"x-portkey-config": json.dumps(config)}
        )
    assert found.status_code == 400
    assert "token_uri" in found.text
    assert "SECRET" not in found.text
