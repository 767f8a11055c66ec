"""The rules for requests of web pages; tests/e2e/test_web_pages.py has the table of names and pages."""

from __future__ import annotations

from edge import FakeClient, waited
from penstock.server.origin import Origins, with_headers

LOCAL = Origins(is_loopback=True, cors_origins=("http://localhost:3000/",))


def test_where_nothing_is_set_nothing_is_refused_but_pages() -> None:
    anywhere = Origins()
    assert anywhere.refused({b"host": b"gateway.example"}) is None
    assert anywhere.refused({b"host": b"gateway.example", b"origin": b"https://gateway.example"}) is None
    assert anywhere.refused({b"host": b"gateway.example", b"origin": b"https://evil.example"}) is not None
    assert anywhere.refused({b"host": b"gateway.example", b"sec-fetch-site": b"cross-site"}) is not None


def test_a_request_without_a_host_is_no_browsers() -> None:
    assert LOCAL.refused({}) is None


def test_what_is_shown_of_a_header_is_printable() -> None:
    failure = LOCAL.refused({b"host": b"\x1b[31mevil"})
    assert failure is not None
    assert "the host that was sent:" in failure.message


def test_only_listed_origins_get_cors_headers() -> None:
    assert LOCAL.has_cors
    assert not Origins().has_cors
    assert LOCAL.cors({}) == []
    assert LOCAL.cors({b"origin": b"https://evil.example"}) == []
    assert (b"access-control-allow-origin", b"HTTP://localhost:3000") in LOCAL.cors(
        {b"origin": b"HTTP://localhost:3000"}
    )


def test_a_preflight_names_a_method() -> None:
    page = {b"origin": b"http://localhost:3000"}
    assert LOCAL.preflight("OPTIONS", page) is None
    asked = {**page, b"access-control-request-method": b"POST"}
    assert LOCAL.preflight("POST", asked) is None
    told = dict(LOCAL.preflight("OPTIONS", {**asked, b"access-control-request-headers": b"bad\x01"}) or [])
    assert told[b"access-control-allow-headers"] == b"*"
    assert b"access-control-allow-private-network" not in told


async def test_a_client_with_further_headers() -> None:
    client = FakeClient()
    assert with_headers(client, []) is client
    wrapped = with_headers(client, [(b"vary", b"Origin")])
    await waited(wrapped.send_head(200, [(b"a", b"b")], b"x", more=True))
    await wrapped.end(b"y")
    assert (client.heads, client.received) == ([(200, {b"a": b"b", b"vary": b"Origin"})], b"xy")
    assert wrapped.address == "127.0.0.1"
    assert not wrapped.gone


def test_web_pages_that_ask_for_a_socket() -> None:
    origins = Origins(cors_origins=("https://mine.example",))
    host = {b"host": b"gateway:8787"}
    assert origins.refused_socket(host) is None
    assert origins.refused_socket({**host, b"origin": b"https://mine.example"}) is None
    assert origins.refused_socket({**host, b"origin": b"http://gateway:8787"}) is None
    refused = origins.refused_socket({**host, b"origin": b"https://evil.example"})
    assert refused is not None
    assert (refused.status, refused.param) == (403, "origin")
    assert Origins(cors_origins=("*",)).refused_socket({**host, b"origin": b"https://a"}) is None
