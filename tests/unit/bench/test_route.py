"""Routes: the bytes of a request, and two ways to name one place."""

from __future__ import annotations

import json

from bench import route
from bench.route import Route


def test_a_request_is_written_byte_for_byte() -> None:
    request = Route(8000, "/v1/chat/completions", {"x-a": "b"}).with_headers({"x-c": "d"}).request(b"{}")
    assert request == (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\nx-a: b\r\nx-c: d\r\n\r\n{}"
    )


def test_header_and_config_lead_to_the_same_place() -> None:
    url = "http://127.0.0.1:9/calm/v1"
    assert route.by_headers(url)["x-portkey-custom-host"] == url
    assert json.loads(route.by_config(url)["x-portkey-config"])["custom_host"] == url
