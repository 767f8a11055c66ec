"""OpenTelemetry of clients: Claude Code sends its own to the gateway that it is signed in to. It is taken and dropped.

A refusal would make such a client log an error at each flush. Source:
https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.http import NO_SNIFF, Headers
from penstock.dialects.caller import JSON, NO_STORE
from penstock.server.bodies.media_types import media_type_of

PATHS: Final = frozenset({"/v1/metrics", "/v1/traces"})
"""Paths of no provider's and no API of the gateway's."""
_LOGS: Final = "/v1/logs"
"""A path of the admin API, too: requests of exporters are told by what they say of themselves."""
_PROTOBUF: Final = b"application/x-protobuf"
_EXPORTER: Final = b"otel-otlp-exporter"
"""How the user agent of an exporter begins, in lower case."""


def is_export(method: str, path: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a request brings telemetry."""
    if method != "POST" or (path not in PATHS and path != _LOGS):
        return False
    is_exporters = fields.get(b"user-agent", b"").lower().startswith(_EXPORTER)
    return path in PATHS or is_exporters or media_type_of(fields) == _PROTOBUF


async def answer(fields: Mapping[bytes, bytes]) -> tuple[int, Headers, bytes]:
    """Status, headers and body that say that all was taken, in the encoding of the request."""
    if media_type_of(fields) == _PROTOBUF:
        return 200, [(b"content-type", _PROTOBUF), NO_STORE, NO_SNIFF], b""
    return 200, [(b"content-type", JSON), NO_STORE, NO_SNIFF], b"{}"
