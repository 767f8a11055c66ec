"""Telemetry of clients is told from other requests, and taken in its own encoding."""

from __future__ import annotations

import pytest

from penstock.server.pages.client_telemetry import answer, is_export

EXPORTER = {b"user-agent": b"OTel-OTLP-Exporter-JavaScript/0.208.0", b"content-type": b"application/json"}
PROTOBUF = {b"content-type": b"application/x-protobuf"}


@pytest.mark.parametrize(
    ("method", "path", "fields", "expected"),
    [
        ("POST", "/v1/metrics", {}, True),
        ("POST", "/v1/traces", EXPORTER, True),
        ("POST", "/v1/logs", EXPORTER, True),
        ("POST", "/v1/logs", PROTOBUF, True),
        ("POST", "/v1/logs", {b"content-type": b"application/json"}, False),
        ("GET", "/v1/metrics", EXPORTER, False),
        ("POST", "/v1/models", EXPORTER, False),
    ],
)
def test_what_brings_telemetry(method: str, path: str, fields: dict[bytes, bytes], expected: bool) -> None:
    assert is_export(method, path, fields) is expected


async def test_the_answer_is_in_the_encoding_of_the_request() -> None:
    status, _, body = await answer(EXPORTER)
    assert (status, body) == (200, b"{}")
    status, headers, body = await answer(PROTOBUF)
    assert (status, headers[0], body) == (200, (b"content-type", b"application/x-protobuf"), b"")
