"""What is wrong with a head: tests/e2e/test_smuggling.py sends such heads to a server."""

from __future__ import annotations

import pytest

from penstock.core.http import Headers
from penstock.server.http.head import framing_objection, head_size, repeated_field

HOST: Headers = [(b"host", b"x")]


@pytest.mark.parametrize("name", [b"x-portkey-config", b"x-penstock-hops", b"authorization", b"host", b"api-key"])
def test_some_fields_come_once(name: bytes) -> None:
    failure = repeated_field([(name, b"a"), (b"b", b"c"), (name, b"a")])
    assert failure is not None
    assert (failure.status, failure.param) == (400, name.decode())
    assert repeated_field([(name, b"a"), (b"b", b"c")]) is None


@pytest.mark.parametrize("name", [b"accept", b"cookie", b"via", b"x-portkey", b"anthropic-beta"])
def test_others_may_come_again(name: bytes) -> None:
    assert repeated_field([(name, b"a"), (name, b"b")]) is None


@pytest.mark.parametrize(
    ("version", "headers", "param"),
    [
        ("1.1", [], "host"),
        ("1.1", [*HOST, *HOST], "host"),
        ("1.1", [(b"host", b"a b")], "host"),
        ("1.1", [*HOST, (b"transfer-encoding", b"gzip")], "transfer-encoding"),
        ("1.1", [*HOST, (b"transfer-encoding", b"chunked"), (b"content-length", b"1")], "transfer-encoding"),
        ("1.1", [*HOST, (b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")], "transfer-encoding"),
        ("1.0", [*HOST, (b"transfer-encoding", b"chunked")], "transfer-encoding"),
        ("0.9", HOST, None),
        ("2.0", HOST, None),
    ],
)
def test_doubtful_heads(version: str, headers: Headers, param: str | None) -> None:
    failure = framing_objection(version, headers, dict(headers))
    assert failure is not None
    assert (failure.status, failure.param) == (400, param)


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"x",
        b"localhost:8787",
        b"127.0.0.1",
        b"[::1]",
        b"[::1]:80",
        b"a-b_c.example",
        b"a:",
        b"xn--bcher-kva.example",
    ],
)
@pytest.mark.parametrize("more", [[], [(b"transfer-encoding", b"Chunked")], [(b"content-length", b"5"), (b"a", b"b")]])
def test_heads_without_doubt(host: bytes, more: Headers) -> None:
    headers = [(b"host", host), *more]
    assert framing_objection("1.1", headers, dict(headers)) is None


def test_an_old_client_needs_no_host() -> None:
    assert framing_objection("1.0", [], {}) is None


def test_the_size_is_that_of_the_bytes() -> None:
    raw = b"POST /v1/x?y=z HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n"
    assert head_size("POST", b"/v1/x?y=z", [(b"host", b"x"), (b"accept", b"*/*")]) == len(raw)
