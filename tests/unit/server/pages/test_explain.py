"""``POST /v1/explain``: the body in place of headers, any surface's path, and nobody called."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import calling
from calling import CHAT, headers_of
from fake_reply import FakeTransport
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.pipeline.authenticate import ANYBODY
from penstock.server.pages.explain import answer

CONFIG = {"provider": "nvidia", "api_key": "sk-secret"}


def explained(body: Any, headers: Headers | None = None) -> tuple[int, dict[str, Any]]:
    transport = FakeTransport(Failure(Kind.INTERNAL, "called"))
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, fields, told = asyncio.run(answer(calling.router(transport), ANYBODY, headers or [], data))
    assert dict(fields)[b"content-type"] == b"application/json"
    assert b"sk-secret" not in told
    assert transport.sent == []
    return status, json.loads(told)


def test_a_config_in_the_body_stands_for_the_header() -> None:
    status, told = explained({"config": CONFIG}, headers_of(x_portkey_config='{"provider":"no-such"}'))
    assert (status, told["result"], told["attempts"]) == (200, "200", 1)


def test_headers_count_as_they_do_for_a_request() -> None:
    status, told = explained({}, headers_of(x_portkey_provider="nvidia", authorization="Bearer sk-secret"))
    assert (status, told["result"]) == (200, "200")


def test_faults_are_played() -> None:
    _, told = explained({"config": {**CONFIG, "retry": {"attempts": 2}}, "faults": "config=503x2"})
    assert told["attempts"] == 3


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/chat/completions", 400), ("/v1/messages", 200), ("/v1/embeddings", 400)]
)
def test_the_path_says_whose_request_it_is(path: str, status: int) -> None:
    """Anthropic's surfaces have a provider of their own where nothing else names one."""
    assert explained({"path": path})[0] == status


def test_a_request_is_read_in_its_paths_dialect() -> None:
    no_limit = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    headers = headers_of(x_portkey_provider="anthropic", authorization="k")
    for path, request in (("/v1/messages", CHAT), ("/v1/chat/completions", no_limit)):
        assert explained({"path": path, "request": request}, headers)[0] == 200
    assert explained({"path": "/v1/messages", "request": {**CHAT, "model": 7}}, headers)[0] == 400


def test_metadata_stands_for_its_header() -> None:
    config = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {"metadata.tier": {"$eq": "a"}}, "then": "first"}],
            "default": "second",
        },
        "targets": [{**CONFIG, "name": "first"}, {**CONFIG, "name": "second"}],
    }
    paths = []
    for tier in ("a", "b"):
        _, told = explained({"config": config, "metadata": {"tier": tier}})
        paths.append(json.dumps(told))
    assert paths[0] != paths[1]


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[]",
        {"unknown": 1},
        {"config": 7},
        {"config": "no-such"},
        {"config": {"provider": "nvidia", "api_key": "x" * (64 << 10)}},
        {"config": CONFIG, "request": []},
        {"config": CONFIG, "faults": "nonsense"},
        {},
    ],
)
def test_what_can_not_be_explained(body: Any) -> None:
    status, told = explained(body)
    assert (status, bool(told["error"]["message"])) == (400, True)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"request": {**CHAT, "user": "u" * 600_000}}, 413, "larger than 524288 bytes"),
        ({"metadata": {"a": "b" * 70_000}}, 400, "metadata are larger than 65536 bytes"),
        ({"config": {"provider": "echo", "override_params": {"a": "b" * 70_000}}}, 400, "config is larger than 65536"),
        ({"config": {"provider": "echo"}, "faults": " " * 17_000 + "x"}, 400, "at most 16384 characters"),
        ({"config": {"provider": "echo", **{f"zq{number}": 1 for number in range(200)}}}, 400, "more than 100 settings"),
        ({"config": {"strategy": {"mode": "fallback"}, "targets": [{"provider": "echo"}] * 50},
          "request": {**CHAT, "user": "u" * 200_000}, "faults": ",".join(f"targets[{number}]=500" for number in range(50))},
         400, "too large to be prepared for so many targets"),
    ],
)  # fmt: skip
def test_what_an_explanation_may_cost(body: Any, status: int, said: str) -> None:
    code, told = explained(body)
    assert (code, said in told["error"]["message"]) == (status, True), told


def test_an_explanation_ends_after_the_most_attempts_of_a_request() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "echo"}] * 100}
    faults = ",".join(f"targets[{number}]=500" for number in range(100))
    _, told = explained({"config": config, "faults": faults})
    assert (told["attempts"], told["most_attempts"]) == (50, 50)
