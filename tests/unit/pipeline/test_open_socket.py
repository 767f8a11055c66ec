"""The request for a WebSocket, and what makes a reply one. tests/e2e/test_realtime.py opens real ones."""

from __future__ import annotations

import pytest

from calling import call
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Url
from penstock.dialects.registry import CALLERS
from penstock.pipeline.open_socket import forwarded_protocols, offered_protocols, opened
from penstock.pipeline.prepare import PreparedRequest

KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The pair of RFC 6455, 1.3."""


class Switched(FakeReply):
    def write(self, _: bytes) -> None:
        return None


def prepared() -> PreparedRequest:
    origin = Url.parse("https://api.openai.com").origin
    return PreparedRequest(
        dialect=CALLERS["openai_chat"],
        origin=origin,
        method=b"GET",
        target=b"/",
        headers=b"sec-websocket-key: %b\r\n" % KEY,
        switches=True,
    )


GOOD: Headers = [(b"upgrade", b"WebSocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", ACCEPT)]


def test_a_proper_reply_opens_it() -> None:
    answer = opened(Switched(101, headers=[*GOOD, (b"x-request-id", b"r")]), prepared(), "h")
    assert not isinstance(answer, Failure)
    assert (answer.status, answer.headers) == (101, [(b"x-request-id", b"r")])


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, GOOD),
        (101, GOOD[1:]),
        (101, [(b"upgrade", b"h2c"), *GOOD[1:]]),
        (101, GOOD[:2]),
        (101, [*GOOD[:2], (b"sec-websocket-accept", b"x")]),
        (101, [*GOOD, (b"sec-websocket-extensions", b"permessage-deflate")]),
    ],
)
def test_any_other_is_a_failure(status: int, headers: Headers) -> None:
    failure = opened(Switched(status, headers=headers), prepared(), "h")
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.INVALID_RESPONSE


def test_subprotocols_with_credentials_stay() -> None:
    offered = "realtime,openai-insecure-api-key.sk-1, openai-organization.org-1,openai-beta.realtime-v1"
    asked = call({"model": "m"}, sec_websocket_protocol=offered)
    assert len(offered_protocols(asked)) == 4
    assert forwarded_protocols(asked) == ["realtime", "openai-beta.realtime-v1"]
