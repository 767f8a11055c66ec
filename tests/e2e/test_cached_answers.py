"""What the cache answers, for whom, and what it never keeps."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion

from running import RunningGateway
from upstream import CHUNK, COMPLETION, DONE, FINISH, ROLE, Act, Upstream, chunk, events, reply

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
USAGE = chunk({}, choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
STREAM = events(ROLE, CHUNK, CHUNK, FINISH, DONE)
WITH_USAGE = events(ROLE, CHUNK, CHUNK, FINISH, USAGE, DONE)
INCLUDE = {"stream": True, "stream_options": {"include_usage": True}}


def config(upstream: Upstream, **changes: Any) -> str:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    return json.dumps({**target, "cache": {"mode": "simple", "max_age": 60}, **changes})


def ask(
    gateway: RunningGateway,
    upstream: Upstream,
    body: Any = ASK,
    *,
    changes: Any = None,
    **headers: str,
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", "x-portkey-config": config(upstream, **(changes or {})), **named}
    return httpx.post(f"{gateway.v1}/chat/completions", content=content, headers=given, timeout=300)


def statuses(*replies: httpx.Response) -> list[str]:
    return [got.headers["x-portkey-cache-status"] for got in replies]


def test_the_same_request_is_answered_once(gateway: RunningGateway, upstream: Upstream) -> None:
    first, second = ask(gateway, upstream), ask(gateway, upstream)
    assert statuses(first, second) == ["MISS", "HIT"]
    assert first.content == second.content
    assert second.headers["x-penstock-trace"].startswith("config cached")
    assert len(upstream.received) == 1


SAME: list[Any] = [
    b'{"messages": [ {"role": "user", "content": "Hello"} ],\n "model":"m"}',
    {**ASK, "stream": False},
    {**ASK, "stream": None},
]


@pytest.mark.parametrize("body", SAME)
def test_how_a_request_is_written_makes_no_difference(body: Any, gateway: RunningGateway, upstream: Upstream) -> None:
    assert statuses(ask(gateway, upstream), ask(gateway, upstream, body)) == ["MISS", "HIT"]


@pytest.mark.parametrize(
    ("changes", "headers", "body"),
    [
        ({"api_key": "other"}, {}, ASK),
        ({"override_params": {"temperature": 0}}, {}, ASK),
        ({"openai_organization": "org-2"}, {}, ASK),
        ({}, {"x_portkey_metadata": '{"user":"b"}'}, ASK),
        ({}, {"x_portkey_cache_namespace": "b"}, ASK),
        ({}, {}, {**ASK, "temperature": 0.5}),
        ({}, {}, {**ASK, "messages": [{"role": "user", "content": "Hello "}]}),
        ({}, {}, {**ASK, "seed": 12345678901234567890123}),
    ],
)
def test_what_makes_another_request(
    changes: Any, headers: dict[str, str], body: Any, gateway: RunningGateway, upstream: Upstream
) -> None:
    first = ask(gateway, upstream, {**ASK, "seed": 12345678901234567890124} if "seed" in body else ASK)
    assert statuses(first, ask(gateway, upstream, body, changes=changes, **headers)) == ["MISS", "MISS"]


def test_a_namespace_is_in_place_of_the_metadata(gateway: RunningGateway, upstream: Upstream) -> None:
    named = [
        ask(gateway, upstream, x_portkey_cache_namespace="n", x_portkey_metadata=json.dumps({"user": user}))
        for user in "ab"
    ]
    assert statuses(*named) == ["MISS", "HIT"]


@pytest.mark.parametrize(
    ("headers", "expected", "calls"),
    [
        ({"x_portkey_cache_force_refresh": "true"}, "REFRESH", 2),
        ({"x_portkey_cache_force_refresh": "false"}, "HIT", 1),
        ({"cache_control": "no-cache"}, "REFRESH", 2),
        ({"cache_control": "no-store"}, "DISABLED", 2),
        ({"cache_control": "max-age=0"}, "MISS", 2),
        ({"cache_control": "max-age=60"}, "HIT", 1),
        ({"x_portkey_debug": "false"}, "DISABLED", 2),
    ],
)
def test_what_a_caller_may_ask_of_the_cache(
    headers: dict[str, str], expected: str, calls: int, gateway: RunningGateway, upstream: Upstream
) -> None:
    ask(gateway, upstream)
    assert statuses(ask(gateway, upstream, **headers)) == [expected]
    assert len(upstream.received) == calls


def test_a_refresh_is_what_others_get_from_then_on(gateway: RunningGateway, upstream: Upstream) -> None:
    ask(gateway, upstream)
    upstream.play(reply(200, json.dumps({**COMPLETION, "id": "new"}).encode()))
    ask(gateway, upstream, x_portkey_cache_force_refresh="true")
    assert ask(gateway, upstream).json()["id"] == "new"


@pytest.mark.parametrize("bad", [reply(500), reply(429), reply(400), reply(200, b'{"error":{"message":"x"}}')])
def test_errors_are_not_kept(bad: Act, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(bad)
    first, second = ask(gateway, upstream), ask(gateway, upstream)
    assert statuses(first, second) == ["MISS", "MISS"]
    assert second.json()["choices"]


def test_a_failing_target_leaves_room_for_the_fallback(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    changes: dict[str, Any] = {
        "strategy": {"mode": "fallback"},
        "targets": [{**target, "override_params": {"n": 1}}, {**target, "override_params": {"n": 2}}],
    }
    upstream.play(reply(500))
    got = [ask(gateway, upstream, changes=changes) for _ in range(2)]
    assert [each.headers["x-portkey-last-used-option-index"] for each in got] == [
        "config.targets[1]",
        "config.targets[0]",
    ]
    assert statuses(*got) == ["MISS", "MISS"]


def test_without_a_cache_in_the_config_there_is_none(gateway: RunningGateway, upstream: Upstream) -> None:
    assert statuses(*(ask(gateway, upstream, changes={"cache": None}) for _ in range(2))) == ["DISABLED", "DISABLED"]


@pytest.mark.parametrize("mode", ["simple", {"mode": "simple"}, {"mode": "semantic"}])
def test_every_spelling_of_the_mode(mode: Any, gateway: RunningGateway, upstream: Upstream) -> None:
    assert statuses(*(ask(gateway, upstream, changes={"cache": mode}) for _ in range(2))) == ["MISS", "HIT"]


@pytest.mark.parametrize(
    ("first", "second", "play", "expected"),
    [
        ({}, {"stream": True}, reply(), "HIT"),
        ({}, INCLUDE, reply(), "HIT"),
        ({"stream": True}, {"stream": True}, STREAM, "HIT"),
        (INCLUDE, INCLUDE, WITH_USAGE, "HIT"),
        (INCLUDE, {"stream": True}, WITH_USAGE, "HIT"),
        (INCLUDE, {}, WITH_USAGE, "HIT"),
        # What the first stream did not say can't be told to the second caller.
        ({"stream": True}, {}, STREAM, "MISS"),
        ({"stream": True}, INCLUDE, STREAM, "MISS"),
    ],
)
def test_a_stream_serves_a_plain_request_and_the_other_way_round(
    first: Any, second: Any, play: Act, expected: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(play)
    upstream.play(WITH_USAGE if second.get("stream") else reply())
    ask(gateway, upstream, {**ASK, **first})
    got = ask(gateway, upstream, {**ASK, **second})
    assert statuses(got) == [expected]
    told = ["usage" in line and '"usage":null' not in line.replace(" ", "") for line in got.text.splitlines()]
    if second.get("stream"):
        assert got.headers["content-type"].startswith("text/event-stream")
        assert got.content.endswith(DONE)
        assert any(told) is ("stream_options" in second)
    else:
        assert ChatCompletion.model_validate(got.json()).usage is not None


def test_the_sdk_reads_a_replayed_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    ask(gateway, upstream)
    headers = {"x-portkey-config": config(upstream)}
    with openai.OpenAI(base_url=gateway.v1, api_key="unused", default_headers=headers) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}], stream=True)
        assert "".join(event.choices[0].delta.content or "" for event in stream) == "Hi"
    assert len(upstream.received) == 1


def test_an_answer_of_another_tenants_credential_is_never_given_out(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    header = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1"}
    got = [
        httpx.post(
            f"{gateway.v1}/chat/completions", json=ASK, timeout=60,
            headers={**header, "x-portkey-config": '{"cache":{"mode":"simple"}}', "authorization": f"Bearer {who}"},
        )
        for who in "aab"
    ]  # fmt: skip
    assert statuses(*got) == ["MISS", "HIT", "MISS"]


def test_the_same_bytes_again_and_again_on_one_connection(gateway: RunningGateway, upstream: Upstream) -> None:
    """From the third on what the request comes to is remembered (pipeline/repeated_call.py)."""
    other, url = {**ASK, "temperature": 0.5}, urlsplit(gateway.url)
    gateway.recorded()
    with socket.create_connection((url.hostname, url.port), 60) as connection:

        def ask_again(body: Any) -> tuple[bytes, list[tuple[str, str]]]:
            data = json.dumps(body).encode()
            fields = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data))}
            fields["x-portkey-config"] = config(upstream)
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + data)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            own = {"x-portkey-trace-id", "x-portkey-request-id", "x-penstock-trace", "date"}
            return response.read(), [field for field in response.getheaders() if field[0] not in own]

        first, *again = [ask_again(ASK) for _ in range(5)]
        assert dict(first[1])["x-portkey-cache-status"] == "MISS"
        assert [body for body, _ in again] == [first[0]] * 4
        assert [dict(head)["x-portkey-cache-status"] for _, head in again] == ["HIT"] * 4
        assert again[0] == again[1] == again[2] == again[3]
        assert dict(ask_again(other)[1])["x-portkey-cache-status"] == "MISS"
        assert ask_again(ASK) == again[0]
    assert len(upstream.received) == 2
    told = [
        (each.status, each.provider, each.model, each.option, each.usage, each.cache, each.path, each.attempts[0].lane)
        for each in gateway.recorded()
    ]
    assert len(told) == 7
    assert len(set(map(repr, told[1:5]))) == 1
    assert told[1] == told[6] != told[0]
