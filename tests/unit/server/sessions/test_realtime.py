"""Sessions apart from their connections: the key of a subprotocol. tests/e2e/test_realtime.py runs whole sessions."""

from __future__ import annotations

import pytest

from penstock.core.http import Headers
from penstock.pipeline.authenticate import QUERY_KEY
from penstock.server.sessions.realtime import with_protocol_key


@pytest.mark.parametrize(
    ("offered", "key"),
    [
        (b"realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1", b"sk-1"),
        (b"openai-insecure-api-key.sk-1", b"sk-1"),
        (b"realtime", None),
        (b"", None),
    ],
)
def test_a_browser_shows_its_key_as_a_subprotocol(offered: bytes, key: bytes | None) -> None:
    headers: Headers = [(b"sec-websocket-protocol", offered)]
    with_key, fields = with_protocol_key(headers, dict(headers))
    assert fields.get(QUERY_KEY) == key
    assert ((QUERY_KEY, key) in with_key) is (key is not None)


def test_a_key_of_the_query_stays() -> None:
    headers: Headers = [(b"sec-websocket-protocol", b"openai-insecure-api-key.a"), (QUERY_KEY, b"b")]
    assert with_protocol_key(headers, dict(headers))[1][QUERY_KEY] == b"b"
