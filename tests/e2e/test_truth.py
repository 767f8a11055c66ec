"""A failed or cut answer never looks finished, and every error has one shape: seen by a client over a socket."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from calling import PLAIN
from running import RunningGateway
from upstream import COMPLETION, DONE, Act, Upstream, chunk, events, reply

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def ended(finish: Any, content: Any = "Hi", **choice: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {**COMPLETION, "choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}]}
    ).encode()


def ask(
    gateway: RunningGateway, config: dict[str, Any], path: str = "chat/completions", **members: Any
) -> httpx.Response:
    headers = {"x-portkey-config": json.dumps(config)}
    body = {name: value for name, value in {**ASK, **members}.items() if value is not None}
    return httpx.post(f"{gateway.v1}/{path}", json=body, headers=headers, timeout=300)


def target(upstream: Upstream, provider: str = "openrouter", **members: Any) -> dict[str, Any]:
    return {"provider": provider, "api_key": "k", "custom_host": f"{upstream.url}/v1", **members}


def two(upstream: Upstream, first: str = "openrouter", **strategy: Any) -> dict[str, Any]:
    return {
        "strategy": {"mode": "fallback", **strategy},
        "targets": [target(upstream, first), target(upstream, "openai")],
    }


FAILING: list[tuple[str, Act, int]] = [
    ("openrouter", reply(body=ended("error", error={"code": 503, "message": "gone"})), 503),
    ("deepseek", reply(body=ended("insufficient_system_resource")), 502),
    ("openrouter", reply(body=ended("stop", None, native_finish_reason="network_error")), 502),
    (
        "minimax",
        reply(body=b'{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}'),
        402,
    ),
    ("vllm", reply(body=b'{"detail":"Not authenticated"}'), 502),
    ("vllm", reply(body=b'{"code":500,"success":false}'), 500),
    ("vllm", reply(body=b'{"error":{"message":"slow down","code":429},"user_id":"u"}'), 429),
    ("vllm", reply(body=b"{}"), 502),
    ("vllm", reply(body=b'"no"'), 502),
    ("vllm", reply(307, b"", location="http://127.0.0.1:9/elsewhere"), 502),
    ("google", reply(body=b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0}]}'), 502),
    ("google", reply(body=b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}'), 503),
]


@pytest.mark.parametrize(("provider", "act", "status"), FAILING)
def test_a_failure_under_a_good_status(
    provider: str, act: Act, status: int, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(act)
    assert ask(gateway, two(upstream, provider)).json()["choices"][0]["message"]["content"] == "Hi"
    upstream.play(act)
    alone = ask(gateway, target(upstream, provider))
    assert alone.status_code == status
    assert alone.json()["error"]["message"]
    assert "type" in alone.json()["error"] or "slow down" in alone.text
    assert "location" not in alone.headers


STREAMED: list[tuple[str, Act, int]] = [
    ("vllm", events(b'data: {"error":{"message":"busy","code":503}}\n\n'), 503),
    ("vllm", events(b'data: {"error":"busy"}\n\n'), 502),
    ("vllm", events(b'data: {"detail":"no"}\n\n', DONE), 502),
    ("vllm", events(chunk({}, "error"), DONE), 502),
    ("deepseek", events(chunk({"role": "assistant"}), chunk({}, "insufficient_system_resource"), DONE), 502),
    (
        "anthropic",
        events(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'),
        529,
    ),
    ("google", events(b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\n\n'), 503),
    ("vllm", reply(body=b'{"error":{"message":"slow down","code":429}}'), 429),
]


def named(value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), json.dumps(value).encode())


@pytest.mark.parametrize("path", ["responses", "chat/completions"])
def test_a_response_that_fails_before_it_says_anything(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    """On both lanes it is an error with the status of its code, and another target can still answer."""
    response = {"id": "r", "object": "response", "output": [], "status": "in_progress"}
    failed = {**response, "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    act = events(
        named({"type": "response.created", "sequence_number": 0, "response": response}),
        named({"type": "response.failed", "sequence_number": 1, "response": failed}),
    )
    asked = {"model": "gpt-5-pro", "stream": True} | ({"input": "hi", "messages": None} if path == "responses" else {})
    upstream.play(act)
    got = ask(gateway, target(upstream, "openai"), path, **asked)
    assert (got.status_code, got.json()["error"]["message"]) == (429, "openai error: slow down")
    upstream.play(act)
    upstream.play(events(chunk({"content": "Hi"}, "stop"), DONE))
    config = {"strategy": {"mode": "fallback"}, "targets": [target(upstream, "openai"), target(upstream, "nvidia")]}
    assert ask(gateway, config, path, **asked).status_code == 200


@pytest.mark.parametrize(("provider", "act", "status"), STREAMED)
def test_a_stream_that_begins_with_an_error(
    provider: str, act: Act, status: int, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(act)
    got = ask(gateway, target(upstream, provider), stream=True)
    assert (got.status_code, got.headers["content-type"]) == (status, "application/json")
    assert got.json()["error"]["message"]
    upstream.play(act)
    assert ask(gateway, two(upstream, provider), stream=True).status_code == 200


@pytest.mark.parametrize(
    "end", [chunk({}, "error"), b'data: {"error":"busy"}\n\n', b'data: {"choices":[{"delta":{"con\n\n']
)
def test_a_stream_that_fails_midway_ends_with_an_error_of_openais_shape(
    end: bytes, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(events(chunk({"content": "Hi"}), end, chunk({}, "stop"), DONE))
    got = ask(gateway, target(upstream, "vllm"), stream=True)
    last = got.text.strip().rpartition("data: ")[2]
    assert json.loads(last)["error"]["message"]
    assert "[DONE]" not in got.text
    assert "Hi" in got.text


@pytest.mark.parametrize(
    "act",
    [
        reply(body=ended("length")),
        reply(body=ended("content_filter")),
        reply(body=ended("new_word")),
        reply(body=ended(None)),
        reply(body=ended("stop", "")),
        reply(body=ended("stop", None)),
        events(chunk({"content": "Hi"}), DONE),
        events(chunk({"content": "Hi"}), chunk({}, "length"), DONE),
    ],
)
def test_what_is_never_stored(act: Act, gateway: RunningGateway, upstream: Upstream) -> None:
    config = target(upstream, "groq", cache={"mode": "simple", "max_age": 60})
    for _ in range(2):
        upstream.play(act)
        got = ask(gateway, config, stream=True)
        assert got.headers["x-portkey-cache-status"] == "MISS"
    assert len(upstream.received) == 2


def test_the_error_that_matters_is_told_beside_the_last(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(
        reply(
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 12 tokens > 9 maximum"}}',
        )
    )
    upstream.play(reply(422, b'{"error":{"message":"Invalid thinking","type":"invalid_request_error"}}'))
    got = ask(gateway, two(upstream, "anthropic"))
    error = got.json()["error"]
    assert (got.status_code, error["code"]) == (400, "context_length_exceeded")
    assert "prompt is too long" in error["message"]
    assert "Invalid thinking" in error["message"]
    assert "context_length" in got.headers["x-penstock-trace"]


def test_a_quota_that_is_used_up_is_not_retried(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(429, b'{"error":{"message":"x","code":"insufficient_quota"}}'))
    got = ask(gateway, target(upstream, "vllm", retry={"attempts": 3}))
    assert (got.status_code, got.headers["x-should-retry"], len(upstream.received)) == (429, "false", 1)


def test_callers_of_anthropics_wire_get_its_errors(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(500, b"<html>", content_type="text/html"))
    config = target(upstream, "anthropic")
    got = ask(gateway, config, "messages", max_tokens=9)
    assert got.json()["type"] == "error"
    upstream.play(reply(body=b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'))
    assert ask(gateway, config, "messages", max_tokens=9).status_code == 529


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", ["anthropic", "google", "cohere"])
def test_a_whole_reply_that_is_called_a_stream(
    provider: str, stream: bool, gateway: RunningGateway, upstream: Upstream
) -> None:
    body = PLAIN[{"google": "gemini"}.get(provider, provider)]
    upstream.play(reply(body=body, content_type="text/event-stream"))
    got = ask(gateway, target(upstream, provider), stream=stream)
    assert (got.status_code, "Hi" in got.text, "[DONE]" in got.text) == (200, True, stream)
