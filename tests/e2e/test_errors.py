"""Bad input, a provider that fails, and a caller that leaves: always OpenAI's error object, never a stack trace."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, chunk, events, hang_up, refusing_port, reply, reset, send, wait_for_hang_up

OK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CHUNK = chunk({"role": "assistant", "content": "a"})


def chat(gateway: RunningGateway, upstream: Upstream | None, body: Any = OK, **headers: str) -> httpx.Response:
    sent = {
        "x-portkey-provider": "openai",
        "authorization": "Bearer sk-test-secret",
        "content-type": "application/json",
    }
    if upstream is not None:
        sent["x-portkey-custom-host"] = f"{upstream.url}/v1"
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{gateway.v1}/chat/completions", content=content, headers=sent, timeout=300)


def assert_error(got: httpx.Response, status: int, code: str | None, param: str | None = None) -> None:
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/json"
    error = got.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert "secret" not in got.text
    assert "Traceback" not in got.text


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_an_encoding_that_is_not_read_is_told_with_those_that_are(
    encoding: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    """RFC 9110, 15.5.16."""
    got = chat(gateway, upstream, b"packed", content_encoding=encoding)
    assert_error(got, 415, "unsupported_encoding", "content-encoding")
    assert got.headers["accept-encoding"] == "gzip, deflate"
    assert "gzip or deflate" in got.text
    assert not upstream.received


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"model":"m","messages":[],}', "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b'{"model":"\xff","messages":[]}', "invalid_json", None),
        (b'{"\xff":1}', "invalid_json", None),
        (b'{"a":' + b"[" * 50_000, "invalid_json", None),
        ({"messages": []}, "invalid_request", "model"),
        ({"model": 1, "messages": []}, "invalid_request", "model"),
        ({"model": "m", "messages": "hi"}, "invalid_request", "messages"),
        ({"model": "m", "messages": [], "stream": "yes"}, "invalid_request", "stream"),
    ],
)
def test_bad_bodies(body: Any, code: str, param: str | None, gateway: RunningGateway, upstream: Upstream) -> None:
    assert_error(chat(gateway, upstream, body), 400, code, param)
    assert upstream.received == []


@pytest.mark.parametrize(
    ("headers", "status", "code", "param", "plain"),
    [
        ({"content_type": "text/html"}, 400, "invalid_content_type", "content-type", "Invalid content type passed"),
        ({"content_type": "multipart/form-data; boundary=x"}, 400, "invalid_content_type", "content-type", "Invalid content type passed"),
        ({"x_portkey_provider": ""}, 400, "missing_provider", "x-portkey-provider", "Either x-portkey-config or x-portkey-provider header is required"),
        ({"x_portkey_provider": "opena"}, 400, "unknown_provider", "x-portkey-provider", "Invalid provider passed"),
        ({"x_portkey_custom_host": "http://10.0.0.1"}, 400, "invalid_custom_host", "x-portkey-custom-host", "Invalid custom host"),
        ({"x_portkey_custom_host": "http://169.254.169.254/"}, 400, "invalid_custom_host", "x-portkey-custom-host", "Invalid custom host"),
        ({"x_portkey_config": "pc-1"}, 400, "unknown_config", "x-portkey-config", "Invalid config passed. You need to pass a valid json"),
        ({"x_portkey_config": '{"options":[]}'}, 400, "invalid_config", "config.options", "This version of config is not supported in this route. Please migrate to the latest version"),
        ({"x_portkey_forward_headers": "x-portkey-forward-headers"}, 400, "invalid_config", "x-portkey-forward-headers", "forward_headers must not contain the 'x-portkey-forward-headers' header"),
        ({"x_portkey_virtual_key": "vk-1"}, 400, "unknown_virtual_key", "x-portkey-virtual-key", None),
        ({"x_portkey_provider": "@vk-1"}, 400, "unknown_virtual_key", "x-portkey-provider", None),
        ({"x_portkey_config": '{"virtual_key":"vk-1"}'}, 400, "unknown_virtual_key", "config.virtual_key", None),
        ({"x_portkey_config": '{"retry":{"attempts":"2"},"targets":[{"provider":"openai"},{"provider":"groq"}]}'}, 400, "invalid_config", "config.retry.attempts", "Invalid config passed"),
        ({"x_portkey_default_input_guardrails": "["}, 400, "invalid_config", "x-portkey-default-input-guardrails", None),
        ({"content_encoding": "br"}, 415, "unsupported_encoding", "content-encoding", None),
        ({"content_encoding": "gzip"}, 400, "invalid_request", "content-encoding", None),
        ({"x_penstock_hops": "5"}, 508, "loop_detected", "x-penstock-hops", None),
    ],
)  # fmt: skip
def test_bad_headers(
    headers: dict[str, str],
    status: int,
    code: str,
    param: str,
    plain: str | None,
    gateway: RunningGateway,
    upstream: Upstream,
) -> None:
    got = chat(gateway, upstream, **headers)
    assert_error(got, status, code, param)
    if plain:
        assert got.json()["status"] == "failure"
        assert got.json()["message"].startswith(plain)
    assert got.json()["error"]["message"] in got.json()["message"]
    assert upstream.received == []


def test_all_problems_of_a_config_are_told_in_one_error(gateway: RunningGateway) -> None:
    config = {
        "strategy": {"mode": "fallback", "on_status_codes": ["many"]},
        "retry": {"attempts": "2", "on_status_codes": [429, "x"]},
        "targets": [
            {"provider": "opnai", "cache": {"mode": "none"}},
            {"virtual_key": "nobody", "request_timeout": "soon", "custom_host": "http://10.0.0.1"},
            5,
        ],
    }
    got = chat(gateway, None, x_portkey_config=json.dumps(config))
    assert_error(got, 400, "invalid_config", "config.targets[2]")
    explained = httpx.post(f"{gateway.v1}/explain", json={"config": config}, timeout=300).json()
    for told in (got.json()["error"]["message"], got.json()["message"], explained["error"]["message"]):
        assert "The config has 9 problems: (1) " in told
        for where in (
            "config.targets[2]: it must be an object",
            "config.retry.attempts: Expected number",
            "config.retry.on_status_codes[1]: Expected number",
            "There is no provider 'opnai': did you mean 'openai'?",
            "config.targets[0].cache.mode: Invalid",
            "There is no virtual key 'nobody'",
            "The custom host in config.targets[1].custom_host is refused",
            "config.targets[1].request_timeout: Expected number",
            "config.strategy.on_status_codes[0]: Expected number",
        ):
            assert where in told
    assert len(got.json()["errors"]) == 9


def test_a_provider_without_a_key_says_how_to_give_one(gateway: RunningGateway) -> None:
    got = chat(gateway, None, authorization="", x_portkey_provider="groq")
    assert got.status_code == 401
    assert got.json()["error"]["code"] == "missing_api_key"
    assert "x-portkey-api-key" in got.json()["error"]["message"]


def test_a_body_over_the_limit(upstream: Upstream) -> None:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_MAX_BODY_BYTES": "1000"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as small:
        assert_error(chat(small, upstream, b" " * 1001), 413, "body_too_large")

        def pieces() -> Any:
            yield b" " * 600
            yield b" " * 600

        url, headers = (
            f"{small.v1}/chat/completions",
            {"x-portkey-provider": "echo", "content-type": "application/json"},
        )
        assert_error(httpx.post(url, content=pieces(), headers=headers, timeout=300), 413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/embeddings", 405, "method_not_allowed"),
        ("PUT", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completion", 404, "not_found"),
        ("GET", "/nope", 404, "not_found"),
        ("PUT", "/v1/responses/resp_1", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods(method: str, path: str, status: int, code: str, gateway: RunningGateway) -> None:
    assert_error(httpx.request(method, gateway.url + path, timeout=300), status, code)


@pytest.mark.parametrize(
    ("acts", "status", "code"),
    [
        ((hang_up,), 502, "connection_closed"),
        ((reset,), 502, "connection_closed"),
        ((send(b"HTTP/1.1 200 OK\r\ncontent-"), hang_up), 502, "connection_closed"),
        ((send(b"SSH-2.0-OpenSSH\r\n"), hang_up), 502, "invalid_response"),
        ((send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), hang_up), 502, "upstream_truncated"),
        ((send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), reset), 502, "upstream_truncated"),
        ((reply(body=b"<html>", content_type="text/html"),), 502, "invalid_response"),
        ((reply(body=b'{"id": '),), 502, "invalid_response"),
        ((reply(body=b""),), 502, "invalid_response"),
    ],
)
def test_a_provider_that_fails(acts: Any, status: int, code: str, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(*acts)
    assert_error(chat(gateway, upstream), status, code)


def test_a_provider_that_is_not_there(gateway: RunningGateway) -> None:
    with refusing_port() as port:
        got = chat(gateway, None, x_portkey_custom_host=f"http://127.0.0.1:{port}/v1")
    assert_error(got, 502, "connection_refused")
    assert str(port) in got.json()["error"]["message"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 412, 422, 429, 500, 503, 529])
def test_a_providers_own_errors_keep_status_and_body(status: int, gateway: RunningGateway, upstream: Upstream) -> None:
    body = b'{ "error":{"message":"no","odd":1.10}}'
    upstream.play(reply(status, body, "text/plain"))
    got = chat(gateway, upstream, {**OK, "stream": True})
    assert (got.status_code, got.content, got.headers["content-type"]) == (status, body, "text/plain")
    assert got.headers["x-portkey-provider"] == "openai"


@pytest.mark.parametrize(
    ("body", "inside"),
    [
        (b"plain text", {"html-message": "plain text"}),
        (b"", None),
        (b'{"detail":[ 1.10 ]}', {"detail": [1.1]}),
        (b'{"error":"unauthorized"}', {"error": "unauthorized"}),
        (b'[{"error":{"message":"no"}}]', [{"error": {"message": "no"}}]),
    ],
)
def test_errors_of_another_shape_are_wrapped(
    body: bytes, inside: Any, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(reply(422, body, "text/plain"))
    got = chat(gateway, upstream, {**OK, "stream": True})
    assert (got.status_code, got.headers["content-type"]) == (422, "application/json")
    assert got.json()["error"]["message"]
    assert got.json().get("provider_response") == inside


@pytest.mark.parametrize("stream", [False, True])
def test_the_request_timeout_of_the_reference(stream: bool, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(wait_for_hang_up)
    got = chat(gateway, upstream, {**OK, "stream": stream}, x_portkey_request_timeout="500")
    assert got.status_code == 408
    assert got.json() == {
        "error": {
            "message": "Request exceeded the timeout sent in the request: 500ms",
            "type": "timeout_error",
            "param": None,
            "code": None,
        }
    }
    assert got.headers["x-portkey-retry-attempt-count"] == "0"
    upstream.left.get(timeout=60)


@pytest.mark.parametrize("value", ["0", "abc", "NaN", "Infinity", ""])
def test_timeouts_that_are_none(value: str, gateway: RunningGateway, upstream: Upstream) -> None:
    assert chat(gateway, upstream, x_portkey_request_timeout=value).status_code == 200


def test_a_negative_timeout_is_over_at_once(gateway: RunningGateway, upstream: Upstream) -> None:
    assert chat(gateway, upstream, x_portkey_request_timeout="-1").status_code == 408
    assert upstream.received == []


@pytest.mark.parametrize(
    "acts", [(events(end=True),), (events(b": comment\n\n"),), (reply(body=b"", content_type="text/event-stream"),)]
)
def test_a_stream_without_an_event(acts: Any, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(*acts)
    assert_error(chat(gateway, upstream, {**OK, "stream": True}), 502, "invalid_response")


def test_a_stream_that_breaks_before_its_first_event_is_a_plain_error(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(events(b': comment\n\ndata: {"half', end=False), hang_up)
    assert_error(chat(gateway, upstream, {**OK, "stream": True}), 502, "upstream_truncated")


@pytest.mark.parametrize("how", [hang_up, reset])
def test_a_stream_that_breaks_after_it_ends_in_an_error_event(
    how: Any, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(events(CHUNK, b'data: {"half', end=False), how)
    got = chat(gateway, upstream, {**OK, "stream": True})
    assert got.status_code == 200
    assert got.content.startswith(CHUNK + b'data: {"error":{')
    assert b"half" not in got.content
    assert b"[DONE]" not in got.content


def test_a_close_delimited_stream_is_whole_only_if_it_says_so(gateway: RunningGateway, upstream: Upstream) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    upstream.play(send(head + CHUNK + b"data: [DONE]\n\n"), hang_up)
    assert chat(gateway, upstream, {**OK, "stream": True}).content == CHUNK + b"data: [DONE]\n\n"
    upstream.play(send(head + CHUNK), hang_up)
    assert b"upstream_truncated" in chat(gateway, upstream, {**OK, "stream": True}).content


def test_an_error_as_first_event_is_an_ordinary_error(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(b'event: error\ndata: {"error":{"message":"overloaded"}}\n\n'))
    got = chat(gateway, upstream, {**OK, "stream": True})
    assert (got.status_code, got.headers["content-type"]) == (502, "application/json")
    assert got.content == b'{"error":{"message":"overloaded"}}'


def test_a_json_reply_to_a_stream_request_is_told_as_a_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    got = chat(gateway, upstream, {**OK, "stream": True})
    assert got.headers["content-type"] == "text/event-stream"
    assert got.content.endswith(b"data: [DONE]\n\n")


def test_a_large_plain_reply_is_passed_on_as_it_arrives_and_a_cut_one_is_seen(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    big = b'{"id":"x","pad":"' + b"y" * 10_000_000 + b'"}'
    upstream.play(reply(body=big))
    assert chat(gateway, upstream).content == big
    upstream.play(send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(big) + big[:9_500_000]), hang_up)
    with pytest.raises(httpx.RemoteProtocolError):
        chat(gateway, upstream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_gateway_that_is_its_own_provider_stops(stream: bool, gateway: RunningGateway) -> None:
    got = chat(
        gateway, None, {**OK, "stream": stream}, x_portkey_custom_host=gateway.v1,
        x_portkey_forward_headers="x-portkey-provider,x-portkey-custom-host,x-portkey-forward-headers-2",
    )  # fmt: skip
    assert got.status_code in {400, 508}
    assert got.json()["error"]["code"] in {"loop_detected", "missing_provider"}
