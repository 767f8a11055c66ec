"""How a request reaches the mock upstream through the system under test.

Two small values: a ``Route`` is what the client sends (port, path, headers); an ``Addressing`` says how a
Portkey-compatible gateway is told where the upstream is. A new way of configuring a request is one more function.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.failure import MeasurementError

CHAT_PATH = "/v1/chat/completions"

_CREDENTIAL = "sk-bench"

Headers = dict[str, str]
Addressing = Callable[[str], Headers]
"""From the upstream's base URL to the gateway headers that lead there."""


@dataclass(frozen=True)
class Route:
    """A port on 127.0.0.1, a path and the headers that a chat request carries."""

    port: int
    path: str
    headers: Headers

    def with_headers(self, extra: Headers) -> Route:
        return Route(self.port, self.path, self.headers | extra)

    def head(self, body_length: int) -> bytes:
        """The request head for a client that writes its own bytes."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{self.port}",
            "content-type: application/json",
            f"content-length: {body_length}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def request(self, body: bytes) -> bytes:
        return self.head(len(body)) + body


def by_headers(base_url: str) -> Headers:
    """Provider, address and credential each in a header of its own."""
    return {
        "authorization": f"Bearer {_CREDENTIAL}",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": base_url,
    }


def by_dialect(base_url: str) -> Headers:
    """A provider of another dialect: every request and answer is translated."""
    return {**by_headers(base_url), "x-portkey-provider": "anthropic"}


def by_config(base_url: str) -> Headers:
    """The same in one config object."""
    config = {"provider": "openai", "api_key": _CREDENTIAL, "custom_host": base_url}
    return {"x-portkey-config": json.dumps(config, separators=(",", ":"))}


def by_fallback(base_url: str) -> Headers:
    """Two targets, the second to fall back on, with retries: what a resilient config costs while all is well."""
    target = {"provider": "openai", "api_key": _CREDENTIAL, "custom_host": base_url}
    config = {"strategy": {"mode": "fallback"}, "retry": {"attempts": 2}, "targets": [target, target]}
    return {"x-portkey-config": json.dumps(config, separators=(",", ":"))}


def by_cache(base_url: str) -> Headers:
    """A target whose answers are cached: all requests but the first are hits."""
    target = {"provider": "openai", "api_key": _CREDENTIAL, "custom_host": base_url, "cache": {"mode": "simple"}}
    return {"x-portkey-config": json.dumps(target, separators=(",", ":"))}


def by_echo(_base_url: str) -> Headers:
    """The gateway's built-in provider, which needs no upstream."""
    return {"authorization": f"Bearer {_CREDENTIAL}", "x-portkey-provider": "echo"}


def post(route: Route, body: bytes, patience: float = 30.0) -> tuple[int, bytes]:
    """Send one request and read the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", route.port, timeout=patience)
    try:
        connection.request("POST", route.path, body, {"content-type": "application/json", **route.headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def verify(route: Route, body: bytes, expected: bytes) -> None:
    """Send one request before measuring thousands: a fast wrong answer is no result."""
    status, answer = post(route, body)
    if status != 200 or expected not in answer:
        raise MeasurementError(f"a single request was answered {status}: {answer[:300].decode(errors='replace')}")
