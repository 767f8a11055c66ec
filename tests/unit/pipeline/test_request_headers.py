"""The header fields of a request to a target: which of the caller's go on, and which never do."""

from __future__ import annotations

import pytest

from calling import CHAT, call, prepared, route, target
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.prepare import prepare


def test_headers_that_the_config_names_are_forwarded_in_place_of_our_own() -> None:
    asked = call(CHAT, x_team="search", user_agent="mine", host="evil", expect="100-continue", x_other="1")
    to = target(forward_headers=("x-team", "user-agent", "host", "expect", "x-absent"))
    headers = prepared(asked, route(to)).headers
    assert b"x-team: search\r\n" in headers
    assert headers.lower().count(b"user-agent:") == 1
    assert b"user-agent: mine\r\n" in headers
    for name in (b"host:", b"expect:", b"x-other:", b"x-absent:"):
        assert name not in headers.lower()


def test_the_gateway_key_is_never_forwarded() -> None:
    asked = call(CHAT, x_api_key="gateway-secret")
    asked.caller = Caller(None, b"x-api-key")
    assert b"gateway-secret" not in prepared(asked, route(target(forward_headers=("x-api-key",)))).headers


@pytest.mark.parametrize("options", ["x-team", "keep-alive, X-Team", "close,x-team ,te", " x-team"])
def test_a_header_of_the_callers_connection_is_not_forwarded(options: str) -> None:
    asked = call(CHAT, x_team="search", x_other="1", connection=options)
    headers = prepared(asked, route(target(forward_headers=("x-team", "x-other")))).headers
    assert b"x-team" not in headers
    assert b"x-other: 1\r\n" in headers


def test_options_of_a_second_connection_header_count() -> None:
    asked = call(CHAT, x_team="search", connection="x-team")
    asked.headers.append((b"connection", b"keep-alive"))
    asked.fields = dict(asked.headers)
    assert b"x-team" not in prepared(asked, route(target(forward_headers=("x-team",)))).headers


def test_a_header_that_is_none_is_not_forwarded() -> None:
    failure = prepare(call(CHAT, x_team="a\x01b"), route(target(forward_headers=("x-team",))))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "x-team")


def test_hops_are_told_to_hosts_that_may_be_gateways() -> None:
    asked = call(CHAT)
    asked.hops = 2
    custom = target(custom_host=Url.parse("https://example.com/v1"))
    assert b"x-penstock-hops: 3\r\n" in prepared(asked, route(custom)).headers
    assert b"x-penstock-hops" not in prepared(asked, route()).headers


def test_what_a_request_needs_beside_its_body_is_a_header() -> None:
    body = {**CHAT, "anthropic_beta": ["computer-use-2025-01-24"]}
    request = prepared(call(body), route(target("anthropic")))
    assert b"anthropic-beta: computer-use-2025-01-24\r\n" in request.headers


def test_hops_are_told_to_a_host_that_the_operator_names() -> None:
    custom = target(custom_host=Url.parse("https://example.com/v1", trusted=True))
    assert b"x-penstock-hops: 1\r\n" in prepared(call(CHAT), route(custom)).headers
