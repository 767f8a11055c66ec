"""Requests of web pages: what a page in somebody's browser can't make a gateway without gateway keys do, CORS for the
origins that may, and the headers that keep a browser from taking an answer for something else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, events, reply

BODY = {"model": "echo", "messages": [{"role": "user", "content": "Hi"}]}
ECHO = {"x-portkey-provider": "echo"}
PAGE = "http://localhost:3000"
KEY = "pk-of-a-page-0123456789"


@pytest.fixture(scope="module", params=["http1", "asgi"])
def plain(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_ALLOWED_HOSTS": "gateway.test,*.lan"}
    with running_gateway(load({}, environment, Path("/nonexistent")), asgi=request.param == "asgi") as running:
        yield running


@pytest.fixture(scope="module", params=["http1", "asgi"])
def listed(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_CORS_ORIGINS": f"{PAGE},*"}
    with running_gateway(load({}, environment, Path("/nonexistent")), asgi=request.param == "asgi") as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    path = tmp_path_factory.mktemp("page") / "penstock.toml"
    path.write_text(f'[keys.page]\nhash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"\n')
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_CORS_ORIGINS": "*"}
    with running_gateway(load({}, environment, path.parent), path) as running:
        yield running


def ask(gateway: RunningGateway, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
    fields = {**ECHO, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if path == "/v1/chat/completions":
        return httpx.post(f"{gateway.url}{path}", json=BODY, headers=fields, timeout=300)
    return httpx.get(f"{gateway.url}{path}", headers=fields, timeout=300)


FOREIGN = [
    "attacker.example", "attacker.example:8787", "localhost.attacker.example", "127.0.0.1.attacker.example",
    "xlocalhost", "localhost:80:80", "localhost:x", "127.1", "2130706433", "0x7f.0.0.1", "127.0.0.01", "0.0.0.0",
    "10.0.0.1", "[::2]", "[::ffff:127.0.0.1]", "::1", "a@localhost", "localhost,evil", "test", "lan", "evillan",
    "localhost" + "." * 1000,
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/explain", "/health", "/", "/none"])
def test_a_name_that_may_be_a_pages_own_is_not_answered(plain: RunningGateway, host: str, path: str) -> None:
    response = ask(plain, path, host=host)
    # Our own server refuses what is no host and port before anybody asks whose it is.
    assert response.status_code in {400, 403}
    assert ("server.allowed_hosts" if response.status_code == 403 else "header host") in response.text


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8787", "127.0.0.1", "127.0.0.1:1", "127.8.9.10", "[::1]", "[::1]:8787", "gateway.test",
     "gateway.test:80", "a.lan"],
)  # fmt: skip
def test_this_machines_names_are_answered(plain: RunningGateway, host: str) -> None:
    assert ask(plain, host=host).status_code == 200
    assert ask(plain, "/health", host=host).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost:1"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "chrome-extension://abc"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "Cross-Site"},
        {"origin": "https://evil.example", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/health"])
def test_a_foreign_page_is_refused(plain: RunningGateway, path: str, headers: dict[str, str]) -> None:
    response = ask(plain, path, **headers)
    assert response.status_code == 403
    assert "server.cors_origins" in response.text
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics", "/v1/traces"])
def test_a_foreign_page_brings_no_telemetry(plain: RunningGateway, path: str) -> None:
    fields = {"origin": "https://attacker.example", "content-type": "application/x-protobuf"}
    assert httpx.post(f"{plain.url}{path}", content=b"x", headers=fields, timeout=300).status_code == 403
    del fields["origin"]
    assert httpx.post(f"{plain.url}{path}", content=b"x", headers=fields, timeout=300).status_code == 200


def test_a_form_of_a_foreign_page_is_refused_before_its_body_is_read(plain: RunningGateway) -> None:
    """What fetch sends for a Blob without a type needs no preflight: the body counts as JSON, and names a virtual key."""
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    body = b'{"model":"@prod/gpt-4o","messages":[]}'
    assert httpx.post(f"{plain.url}/v1/chat/completions", content=body, headers=headers, timeout=300).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none", "same-site"])
def test_what_is_no_foreign_page_is_served(plain: RunningGateway, site: str) -> None:
    assert ask(plain, sec_fetch_site=site).status_code == 200
    assert ask(plain, sec_fetch_site=site, origin=plain.url).status_code == 200


def test_a_listed_page_is_served_and_may_read_the_answer(listed: RunningGateway) -> None:
    response = ask(listed, origin=PAGE, sec_fetch_site="cross-site")
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "Origin" in response.headers["vary"]
    exposed = response.headers["access-control-expose-headers"]
    for name in (
        "x-portkey-provider",
        "x-portkey-trace-id",
        "x-portkey-request-id",
        "x-penstock-trace",
        "x-portkey-cache-status",
        "retry-after",
    ):
        assert name in exposed
    assert "access-control-allow-credentials" not in response.headers
    for path in ("/v1/none", "/health", "/v1/explain"):
        assert ask(listed, path, origin=PAGE).headers["access-control-allow-origin"] == PAGE


def test_a_star_opens_nothing_without_gateway_keys(listed: RunningGateway) -> None:
    assert ask(listed, origin="https://evil.example").status_code == 403
    assert ask(listed, sec_fetch_site="cross-site").status_code == 403


def preflight(gateway: RunningGateway, **headers: str) -> httpx.Response:
    fields = {
        "access-control-request-method": "POST",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return httpx.options(f"{gateway.url}/v1/chat/completions", headers=fields)


def test_a_preflight_of_a_listed_page(listed: RunningGateway) -> None:
    response = preflight(
        listed, origin=PAGE, access_control_request_headers="content-type,x-portkey-provider",
        access_control_request_private_network="true",
    )  # fmt: skip
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "POST" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "content-type,x-portkey-provider"
    assert response.headers["access-control-allow-private-network"] == "true"


def test_a_preflight_of_another_page(plain: RunningGateway, listed: RunningGateway) -> None:
    for gateway, origin in ((plain, PAGE), (listed, "https://evil.example")):
        response = preflight(gateway, origin=origin)
        assert response.status_code == 403
    assert "access-control-allow-origin" not in preflight(plain, origin=PAGE).headers


def test_with_gateway_keys_a_page_needs_a_key_and_no_list_of_hosts(guarded: RunningGateway) -> None:
    asked = {"origin": "https://app.example", "sec_fetch_site": "cross-site", "host": "gateway.example"}
    assert ask(guarded, **asked).status_code == 401
    response = ask(guarded, **asked, x_portkey_api_key=KEY)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")
    assert preflight(guarded, origin="https://app.example").headers["access-control-allow-origin"] == "*"


def test_answers_of_the_gateways_own_are_for_nobody_else(plain: RunningGateway, guarded: RunningGateway) -> None:
    own = [
        ask(plain, "/health"), ask(plain, "/"), ask(plain, "/none"), ask(plain, "/v1/realtime"),
        ask(plain, host="evil.example"), ask(guarded), ask(plain, x_portkey_provider="no-such"),
        httpx.post(f"{plain.url}/v1/explain", json={"config": {"provider": "echo"}}, timeout=300),
        httpx.post(f"{plain.url}/v1/messages", json={}, headers={"x-portkey-provider": "no-such"}, timeout=300),
    ]  # fmt: skip
    for response in own:
        assert response.headers["cache-control"] == "no-store", response.url
        assert response.headers["x-content-type-options"] == "nosniff", response.url


def test_a_providers_answer_is_not_sniffed_and_keeps_its_cache_control(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    to = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1", "authorization": "k"}
    url = f"{gateway.v1}/chat/completions"
    upstream.play(reply(cache_control="max-age=5", x_content_type_options="nosniff"))
    response = httpx.post(url, json=BODY, headers=to, timeout=300)
    assert response.headers["cache-control"] == "max-age=5"
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    upstream.play(events(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n', b"data: [DONE]\n\n"))
    response = httpx.post(url, json={**BODY, "stream": True}, headers=to, timeout=300)
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
