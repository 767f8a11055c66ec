"""What a head says of how its request is served."""

import pytest

from calling import headers_of
from penstock.core.failure import Kind
from penstock.server.origin import Origins
from penstock.server.request_head import RequestHead
from penstock.server.surface_table import Match
from penstock.server.surfaces import SURFACES


def head_of(path: str = "/v1/chat/completions", query: str = "", **fields: str) -> RequestHead:
    match = SURFACES.find("POST", path)
    assert isinstance(match, Match)
    headers = {"content_type": "application/json", **fields}
    return RequestHead(match, path, query, None, dict(headers_of(**headers)), Origins(is_loopback=True))


@pytest.mark.parametrize(
    ("path", "query", "forwarded"),
    [
        ("/v1/chat/completions", "a=1", ""),
        ("/v1/messages", "beta=true&a=1", "beta=true"),
        ("/v1/files", "a=1&api_key=k&b=%20 &KEY=x", "a=1&b=%20%20"),
    ],
)
def test_what_of_the_query_goes_on(path: str, query: str, forwarded: str) -> None:
    assert head_of(path, query).forwarded == forwarded


@pytest.mark.parametrize(("told", "hops"), [("3", 3), ("x", 0), ("123456", 1234)])
def test_the_gateways_that_it_has_passed(told: str, hops: int) -> None:
    assert head_of(x_penstock_hops=told).hops == hops
    assert head_of().hops == 0


def test_what_is_refused() -> None:
    assert head_of().refused is None
    refused = head_of(content_type="text/html").refused
    assert refused is not None
    assert refused.kind is Kind.INVALID_CONTENT_TYPE
    assert head_of(host="localhost").page_refused is None
    assert head_of(host="evil.example.com").page_refused is not None
