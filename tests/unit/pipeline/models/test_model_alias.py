"""The models behind names on Bedrock: asked once under the caller's credentials, remembered, and done without."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest

import calling
from fake_reply import FakeReply
from penstock.app.root import build
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin, Url
from penstock.core.operation import Operation
from penstock.core.parameter_changes import NO_CHANGES
from penstock.core.secret import Secret
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.call import Call
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.prepare import PreparedRequest, prepare
from penstock.pipeline.target_route import TargetRoute
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.registry import PROVIDERS
from penstock.routing.plan import Target
from penstock.settings import load
from penstock.transport.base import Request

PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3"
CLAUDE = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0"
TOLD = json.dumps({"models": [{"modelArn": CLAUDE}], "type": "APPLICATION"}).encode()
BODY = {
    "model": PROFILE,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]}
    ],
    "top_k": 5,
}
MARKER = "messages[0].content[0].cache_control"


class ControlPlane:
    """Tells what it is given, once its gate is open."""

    def __init__(self, status: int = 200, body: bytes = TOLD) -> None:
        self.status = status
        self.body = body
        self.asked: list[Request] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, request: Request) -> Any:
        self.asked.append(request)
        await self.gate.wait()
        return (
            FakeReply(self.status, self.body)
            if self.status
            else Failure(Kind.CONNECTION_CLOSED, "The connection was closed.")
        )

    async def close(self) -> None:
        pass


def model_aliases(plane: ControlPlane) -> ModelAliases:
    transports = {"https": plane}
    return ModelAliases(transports, Authorizer(transports))


def route(key: str | None = "unit-key", custom_host: str | None = None, **options: str) -> TargetRoute:
    host = None if custom_host is None else Url.parse(custom_host)
    given = {"aws_region": "eu-west-1", **options}
    secret = None if key is None else Secret(key)
    endpoint = bind(PROVIDERS["bedrock"], Operation.CHAT, key=secret, options=given, custom_host=host)
    assert isinstance(endpoint, Endpoint)
    return TargetRoute(
        Target("config", "bedrock"), PROVIDERS["bedrock"], endpoint, Operation.CHAT, NO_CHANGES, Limits()
    )


def call(**members: Any) -> Call:
    return calling.call({**BODY, **members})


def dropped(found: TargetRoute) -> tuple[str, ...]:
    """What the target can't be told."""
    prepared = prepare(call(), found)
    assert isinstance(prepared, PreparedRequest)
    assert PROFILE.encode().replace(b":", b"%3A").replace(b"/", b"%2F") in prepared.target
    return prepared.dropped


async def test_a_companys_own_profile_takes_what_its_model_takes() -> None:
    plane = ControlPlane()
    ask = model_aliases(plane)
    assert dropped(route()) == ("top_k", MARKER)
    found = await ask.resolve(call(), route(), math.inf)
    assert found.aliased_model == CLAUDE
    assert dropped(found) == ()
    (asked,) = plane.asked
    assert (asked.method, asked.body) == (b"GET", b"")
    assert asked.origin.host == "bedrock.eu-west-1.amazonaws.com"
    assert asked.target == b"/inference-profiles/" + PROFILE.replace(":", "%3A").replace("/", "%2F").encode()
    assert b"authorization: Bearer unit-key\r\n" in asked.headers
    assert await ask.resolve(call(), found, math.inf) == found
    assert len(plane.asked) == 1


class Bedrock(ControlPlane):
    """Answers chats, too."""

    async def knows(self, origin: Origin, caller: str) -> bool:
        raise AssertionError(f"{caller} asks for {origin}")

    async def send(self, request: Request) -> Any:
        if request.origin.host.startswith("bedrock."):
            return await super().send(request)
        self.asked.append(request)
        said = {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}
        return FakeReply(200, json.dumps(said).encode())


@pytest.mark.parametrize("config", [{}, {"cache": {"mode": "simple"}}])
async def test_the_whole_way(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    bedrock = Bedrock()
    monkeypatch.setattr("penstock.app.root.http1_of", lambda *_: bedrock)
    gateway = build(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")))
    given = {"provider": "bedrock", "api_key": "unit-key", "aws_region": "eu-west-1", **config}
    asked = calling.call({**BODY, "reasoning_effort": "low", "max_tokens": 5000}, x_portkey_config=json.dumps(given))
    answer = await gateway.pipeline.run(asked)
    assert (answer.status, answer.dropped) == (200, ("top_k",))  # which a Claude that thinks refuses
    assert [request.origin.host for request in bedrock.asked] == [
        "bedrock.eu-west-1.amazonaws.com",
        "bedrock-runtime.eu-west-1.amazonaws.com",
    ]
    fields = json.loads(bedrock.asked[-1].body)["additionalModelRequestFields"]
    assert fields["thinking"]["type"] == "enabled"
    answer.close()


async def test_each_has_to_be_told_by_his_own_credentials() -> None:
    plane = ControlPlane()
    ask = model_aliases(plane)
    signs = {"aws_access_key_id": "AKIDUNIT", "aws_secret_access_key": "unit-secret"}
    for each in (route("one"), route("two"), route("two"), route(None, **signs), route(None, **signs)):
        assert (await ask.resolve(call(), each, math.inf)).aliased_model == CLAUDE
    assert len(plane.asked) == 3
    assert b"authorization: AWS4-HMAC-SHA256 Credential=AKIDUNIT/" in plane.asked[-1].headers


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"{}"), (200, b"{}"), (200, b'{"models":[7]}'), (200, b"<"), (500, b""), (0, b"")]
)
async def test_whoever_may_not_be_told_goes_on_and_does_not_ask_again_soon(status: int, body: bytes) -> None:
    plane = ControlPlane(status, body)
    ask = model_aliases(plane)
    usual = route()
    for _ in range(2):
        assert await ask.resolve(call(), usual, math.inf) is usual
    assert len(plane.asked) == 1


async def test_nobody_waits_longer_than_the_attempt_may_take() -> None:
    plane = ControlPlane()
    plane.gate.clear()
    ask = model_aliases(plane)
    usual = route()
    assert await ask.resolve(call(), usual, 0.0) is usual
    plane.gate.set()
    assert (await ask.resolve(call(), usual, math.inf)).aliased_model == CLAUDE


async def test_names_that_say_what_they_are_cost_nothing() -> None:
    plane = ControlPlane()
    ask = model_aliases(plane)
    system = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"
    for name in ("anthropic.claude-3-haiku-20240307-v1:0", system, "arn:aws:bedrock:x", "a/../b"):
        usual = route()
        assert await ask.resolve(call(model=name), usual, math.inf) is usual
    elsewhere = route(custom_host="https://example.com")
    assert await ask.resolve(call(), elsewhere, math.inf) is elsewhere
    assert not plane.asked


async def test_capacity_that_was_bought_is_told_elsewhere() -> None:
    plane = ControlPlane(body=json.dumps({"foundationModelArn": CLAUDE}).encode())
    name = "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:provisioned-model/abc123"
    found = await model_aliases(plane).resolve(call(model=name), route(), math.inf)
    assert found.aliased_model == CLAUDE
    assert plane.asked[0].target.startswith(b"/provisioned-model-throughput/arn%3Aaws-us-gov")
