"""A provider's error as the caller is told it, on both lanes."""

from __future__ import annotations

import json
from typing import Any

import pytest

import calling
from calling import ANTHROPIC, OPENAI, json_reply
from fake_reply import FakeReply
from penstock.core.failure import Kind
from penstock.dialects.caller import CallerDialect
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.pipeline.replies.shaped_error import redirected, shaped_error

BOTH = pytest.mark.parametrize("caller", [OPENAI, ANTHROPIC], ids=lambda caller: caller.name)


async def told(body: bytes, caller: CallerDialect = OPENAI, status: int = 400, kind: str = "application/json") -> Any:
    inner = FakeReply(status, body, headers=[(b"content-type", kind.encode()), (b"x-request-id", b"1")])
    reply = shaped_error(inner, caller, "vllm", b"trace-1", relays=True)
    data = b""
    while piece := await reply.read():
        data += piece
    assert reply.status == status
    assert dict(reply.headers)[b"content-type"].startswith(b"application/json")
    assert dict(reply.headers)[b"x-request-id"] == b"1"
    return json.loads(data) if data != body else data


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"unauthorized"}',
        b'{"detail":"Not authenticated"}',
        b'{"detail":[{"loc":["body","model"],"msg":"field required"}]}',
        b'{"message":"no"}',
        b'{"object":"error","message":"no","code":400}',
        b'[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]',
        b'{"code":"x","error":"no"}',
        b"no",
        b"<html><body>502</body></html>",
        b"",
        b"{}",
        b"null",
    ],
)
async def test_foreign_errors_are_wrapped(body: bytes, caller: CallerDialect) -> None:
    value = await told(body, caller, kind="text/html" if body[:1] == b"<" else "application/json")
    assert caller.errors.has_shape(json.dumps(value).encode())
    if caller is OPENAI and body not in (b"", b"null"):
        inside = value["provider_response"]
        assert inside == (json.loads(body) if body[:1] in b"{[" else {"html-message": body.decode()})


async def test_a_body_of_the_wires_shape_keeps_its_bytes() -> None:
    for caller, body in (
        (OPENAI, b'{ "error": {"message": "no", "code": 1.0} , "z":1 }'),
        (ANTHROPIC, b'{ "type": "error", "error": {"type": "api_error", "message": "no"} }'),
    ):
        assert await told(body, caller) == body


@BOTH
async def test_an_error_that_is_far_too_large_is_refused(caller: CallerDialect) -> None:
    reply = shaped_error(json_reply(b"x" * (MAX_FRAME + 1), 500), caller, "vllm", b"t", relays=True)
    assert await reply.read() == b""
    assert reply.failure is not None
    assert reply.failure.kind is Kind.INVALID_RESPONSE


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (b"https://u:p@other.test/v1/chat?k=1#f", "https://other.test/v1/chat "),
        (b"/v1/", "redirects to /v1/ "),
        (b"", "no address"),
        (b"http://[", "no address"),
        (b"http://a.test/\xff\r\nx", "http://a.test/x "),
    ],
)
def test_a_redirect_names_where_it_leads(location: bytes, shown: str) -> None:
    failure = redirected(FakeReply(308, b"", headers=[(b"location", location)]), calling.route())
    assert (failure.kind, failure.status) == (Kind.UPSTREAM_REDIRECT, 502)
    assert shown in failure.message
    assert "custom_host" in failure.message
