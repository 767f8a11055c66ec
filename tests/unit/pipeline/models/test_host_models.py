"""A host's own list of models: read in each form that hosts write, asked once, remembered, and given up in time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import calling
from calling import json_reply, route, target
from fake_reply import FakeReply, FakeTransport
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.pipeline.models.host_models import HostModels, names_in


def hosts(*answers: FakeReply | Failure) -> tuple[HostModels, FakeTransport]:
    transport = FakeTransport(*answers)
    return HostModels(calling.upstream(transport)), transport


LIST = json.dumps({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}).encode()
ROUTE = route(target("openai"), Operation.MODELS)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b/c"}]}, ("a", "b/c")),
        ([{"id": "a"}], ("a",)),
        ({"models": [{"name": "a"}]}, ("a",)),
        ({"data": [{"id": "models/gemini-2.5-flash"}]}, ("gemini-2.5-flash",)),
        ({"data": [{"id": "a"}, {"id": "a"}]}, ("a",)),
        ({"data": [{"id": 1}, {"id": ""}, {"id": None}, 3, {}, {"id": "x" * 500}]}, ()),
        ({"data": None}, ()),
        ({}, ()),
        ("text", ()),
        ({"data": {"id": "a"}}, ()),
    ],
)
def test_lists_as_hosts_write_them(body: Any, names: tuple[str, ...]) -> None:
    assert names_in(json.dumps(body).encode()) == names
    assert names_in(b"<html>") == ()


async def test_a_list_is_asked_with_the_credential_and_remembered() -> None:
    models, transport = hosts(json_reply(LIST))
    assert await models.models(ROUTE) == ("a", "b")
    assert await models.models(ROUTE) == ("a", "b")
    (request,) = transport.sent
    assert (request.method, request.target) == (b"GET", b"/v1/models")
    assert b"authorization: Bearer k\r\n" in request.headers.replace(b"Authorization", b"authorization")


async def test_each_credential_has_a_list_of_its_own() -> None:
    models, transport = hosts(json_reply(LIST), json_reply(b'{"data":[{"id":"c"}]}'))
    assert await models.models(ROUTE) == ("a", "b")
    other = route(target("openai", api_key=Secret("other")), Operation.MODELS)
    assert await models.models(other) == ("c",)
    assert len(transport.sent) == 2


async def test_who_asks_at_the_same_time_shares_the_request() -> None:
    models, transport = hosts(json_reply(LIST))
    transport.gate.clear()
    asking = [asyncio.ensure_future(models.models(ROUTE)) for _ in range(3)]
    await calling.turns()
    transport.gate.set()
    assert await asyncio.gather(*asking) == [("a", "b")] * 3
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Failure(Kind.CONNECTION_REFUSED, "No."),
        json_reply(b'{"error":{"message":"no"}}', 401),
        json_reply(b"nonsense"),
        FakeReply(200, b"[", cut=Failure(Kind.TRUNCATED, "Cut.", sent=True)),
        FakeReply(200, *[b" " * (1 << 20)] * 9),
    ],
)
async def test_a_host_that_tells_nothing_has_no_models(answer: Any) -> None:
    models, transport = hosts(answer)
    assert await models.models(ROUTE) == ()
    assert await models.models(ROUTE) == ()
    assert len(transport.sent) == 1


async def test_a_host_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.pipeline.models.host_models._PATIENCE", 0.01)
    models, transport = hosts(json_reply(LIST))
    transport.gate.clear()
    assert await models.models(ROUTE) == ()


async def test_the_built_in_providers_faults_are_no_models() -> None:
    models, transport = hosts(json_reply(LIST))
    assert await models.models(route(target("echo", api_key=None), Operation.MODELS)) == ("echo",)
    assert not transport.sent
