"""Heads and framings that two programs could read in two ways are refused, and nothing after them is a request.

Each request here is followed by a second one on the same connection, ``SMUGGLED``: whoever sees an answer to it has
smuggled. Source: RFC 9112, 2.2, 3.2, 5, 6 and 7.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.settings import load
from raw_caller import BODY, HEAD, Caller, code_of, said, with_length
from running import RunningGateway, running_gateway

SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
ONE_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"content-length: %d\r\n" % len(BODY)
START = b"POST /v1/chat/completions HTTP/1.1\r\n"
FIELDS = b"x-portkey-provider: echo\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningGateway]:
    """A gateway on its own protocol."""
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_BODY_TIMEOUT": "0.5"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        yield running


def chunked(body: bytes) -> bytes:
    return HEAD + CHUNKED + b"\r\n" + body


AMBIGUOUS = {
    "length and chunked": HEAD + LENGTH + CHUNKED + b"\r\n" + ONE_CHUNK,
    "chunked and length": HEAD + CHUNKED + LENGTH + b"\r\n" + ONE_CHUNK,
    "two lengths": HEAD + LENGTH + b"content-length: 5\r\n\r\n" + BODY,
    "two equal lengths": HEAD + LENGTH + LENGTH + b"\r\n" + BODY,
    "a list of lengths": HEAD + b"content-length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY,
    "signed length": HEAD + b"content-length: +%d\r\n\r\n" % len(BODY) + BODY,
    "negative length": HEAD + b"content-length: -1\r\n\r\n" + BODY,
    "hexadecimal length": HEAD + b"content-length: 0x10\r\n\r\n" + BODY,
    "length with a word": HEAD + b"content-length: 5 5\r\n\r\n" + BODY,
    "length with an underscore": HEAD + b"content-length: 1_0\r\n\r\n" + BODY,
    "empty length": HEAD + b"content-length: \r\n\r\n" + BODY,
    "endless length": HEAD + b"content-length: " + b"9" * 40 + b"\r\n\r\n" + BODY,
    "gzip, chunked": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n" + ONE_CHUNK,
    "chunked, gzip": HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n" + ONE_CHUNK,
    "chunked, chunked": HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n" + ONE_CHUNK,
    "chunked, identity": HEAD + b"transfer-encoding: chunked, identity\r\n\r\n" + ONE_CHUNK,
    "identity": HEAD + b"transfer-encoding: identity\r\n\r\n" + ONE_CHUNK,
    "gzip": HEAD + b"transfer-encoding: gzip\r\n\r\n" + ONE_CHUNK,
    "xchunked": HEAD + b"transfer-encoding: xchunked\r\n\r\n" + ONE_CHUNK,
    "chunked with a parameter": HEAD + b"transfer-encoding: chunked;q=1\r\n\r\n" + ONE_CHUNK,
    "quoted chunked": HEAD + b'transfer-encoding: "chunked"\r\n\r\n' + ONE_CHUNK,
    "two transfer-encodings": HEAD + b"transfer-encoding: gzip\r\n" + CHUNKED + b"\r\n" + ONE_CHUNK,
    "chunked twice": HEAD + CHUNKED + CHUNKED + b"\r\n" + ONE_CHUNK,
    "space before the colon": HEAD + b"transfer-encoding : chunked\r\n\r\n" + ONE_CHUNK,
    "tab before the colon": HEAD + b"transfer-encoding\t: chunked\r\n\r\n" + ONE_CHUNK,
    "folded field": HEAD + b"transfer-encoding:\r\n chunked\r\n\r\n" + ONE_CHUNK,
    "folded value": HEAD + b"x: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "leading space": HEAD + b" transfer-encoding: chunked\r\n\r\n" + ONE_CHUNK,
    "space in a name": HEAD + b"transfer encoding: chunked\r\n\r\n" + ONE_CHUNK,
    "no colon": HEAD + b"transfer-encoding\r\n\r\n" + ONE_CHUNK,
    "no name": HEAD + b": chunked\r\n\r\n" + ONE_CHUNK,
    "NUL in a value": HEAD + b"x: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "CR in a value": HEAD + b"x: a\rb\r\n" + LENGTH + b"\r\n" + BODY,
    "LF alone ends a line": HEAD.replace(b"\r\n", b"\n") + b"content-length: %d\n\n" % len(BODY) + BODY,
    "LF alone ends one field": HEAD + b"x: y\n" + LENGTH + b"\r\n" + BODY,
    "LF alone ends the head": HEAD + LENGTH + b"\n" + BODY,
    "CR alone ends a line": HEAD + b"x: y\rcontent-length: 5\r\n\r\n" + BODY,
    "no host": START + FIELDS + LENGTH + b"\r\n" + BODY,
    "two hosts": START + b"host: a\r\nhost: b\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "one host twice": START + b"host: a\r\nhost: a\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "two hosts in one": START + b"host: a, b\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "a path as host": START + b"host: a/b\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "a user in the host": START + b"host: u@a\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "a space in the host": START + b"host: a b\r\n" + FIELDS + LENGTH + b"\r\n" + BODY,
    "1.0 with chunks": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n" + ONE_CHUNK,
    "1.0 with chunks, kept": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"connection: keep-alive\r\n" + CHUNKED + b"\r\n"
    + ONE_CHUNK,
    "HTTP/2.0": HEAD.replace(b"HTTP/1.1", b"HTTP/2.0") + LENGTH + b"\r\n" + BODY,
    "HTTP/0.9": HEAD.replace(b"HTTP/1.1", b"HTTP/0.9") + LENGTH + b"\r\n" + BODY,
    "HTTP/1.2": HEAD.replace(b"HTTP/1.1", b"HTTP/1.2") + LENGTH + b"\r\n" + BODY,
    "HTTP/1.10": HEAD.replace(b"HTTP/1.1", b"HTTP/1.10") + LENGTH + b"\r\n" + BODY,
    "http/1.1": HEAD.replace(b"HTTP/1.1", b"http/1.1") + LENGTH + b"\r\n" + BODY,
    "no version": HEAD.replace(b" HTTP/1.1", b"") + LENGTH + b"\r\n" + BODY,
    "a simple request": b"GET /health\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tabs in the first line": HEAD.replace(b"POST /", b"POST\t/") + LENGTH + b"\r\n" + BODY,
    "lower-case method": HEAD.replace(b"POST", b"post") + LENGTH + b"\r\n" + BODY,
    "empty size of a chunk": chunked(b"\r\n" + ONE_CHUNK),
    "signed size": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "negative size": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "prefixed size": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "size with a space": chunked(b"5 5\r\nhello\r\n0\r\n\r\n"),
    "space before a size": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
    "size too large": chunked(b"1" * 17 + b"\r\nhello\r\n0\r\n\r\n"),
    "size ends with LF": chunked(b"5\nhello\r\n0\r\n\r\n"),
    "size ends with CR": chunked(b"5\rhello\r\n0\r\n\r\n"),
    "chunk shorter than its size": chunked(b"6\r\nhello\r\n0\r\n\r\n"),
    "chunk longer than its size": chunked(b"4\r\nhello\r\n0\r\n\r\n"),
    "chunk ends with LF": chunked(b"5\r\nhello\n0\r\n\r\n"),
    "NUL in an extension": chunked(b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    "LF in an extension": chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "folded trailer": chunked(b"2\r\n{}\r\n0\r\nx: a\r\n b\r\n\r\n"),
    "space in a trailer's name": chunked(b"2\r\n{}\r\n0\r\nx y: a\r\n\r\n"),
    "a length in the trailers": chunked(b"2\r\n{}\r\n0\r\ncontent-length: 5\r\n\r\n"),
    "LF ends a trailer": chunked(b"2\r\n{}\r\n0\r\nx: a\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("request_bytes", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_a_400_and_the_last(request_bytes: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(request_bytes + SMUGGLED)
        answers = caller.rest()
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert len(re.findall(rb"HTTP/1\.1 \d", answers)) == 1
    assert b"connection: close" in answers
    assert b"smuggled" not in answers


def variants() -> Iterator[bytes]:
    """Spellings of transfer-encoding beside a length, and of lengths that are no numbers."""
    names = [b"transfer-encoding", b"Transfer-Encoding", b"TRANSFER-ENCODING", b"transfer-encoding ", b"\ttransfer-encoding",
             b"transfer_encoding\r\ntransfer-encoding", b"transfer-encoding\0", b"\x0btransfer-encoding"]  # fmt: skip
    values = [b"chunked", b"Chunked", b"chunked ", b"\tchunked", b"\x0bchunked", b"chunked\x0b", b"chunked,", b",chunked",
              b"chun\tked", b"chunked\0", b"gzip,chunked", b"cow", b"chunked; x", b"'chunked'", b"\xa0chunked"]  # fmt: skip
    for name, value in itertools.product(names, values):
        yield HEAD + name + b": " + value + b"\r\n" + LENGTH + b"\r\n" + ONE_CHUNK
    for length in (
        b"0%d",
        b"%d;",
        b"%d,",
        b",%d",
        b"%d.0",
        b"%de0",
        b"'%d'",
        b"%d\x0b",
        b"\x0b%d",
        b"%d\xa0",
        b"+%d",
        b"~%d",
    ):
        if length != b"0%d":
            yield HEAD + b"content-length: " + length % len(BODY) + b"\r\n\r\n" + BODY
    dice = random.Random(1)
    for _ in range(60):
        size = bytearray(b"%x" % len(BODY))
        size.insert(dice.randrange(len(size) + 1), dice.choice(b"\0\t\x0b +-_.,:gGxX\x80\xff"))
        yield chunked(bytes(size) + b"\r\n" + BODY + b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("request_bytes", list(variants()), ids=repr)
def test_variants_smuggle_nothing(request_bytes: bytes, server: RunningGateway) -> None:
    """A variant is refused, or read as the one request that it is; nothing after it is answered in between."""
    with Caller(server) as caller:
        caller.send(request_bytes)
        first = caller.responses(1)[0]
        if first[0] == 200:
            assert said(first) == "hi there"
            caller.send(SMUGGLED)
            assert caller.responses(1)[0][0] == 404
        else:
            assert first[0] == 400
            assert first[1]["connection"] == "close"


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        HEAD.replace(b"host: localhost", b"Host: localhost"),
        HEAD.replace(b"host: localhost", b"host: localhost:8787"),
        HEAD.replace(b"host: localhost", b"host: [::1]:8787"),
        HEAD.replace(b"host: localhost", b"host:localhost"),
        HEAD + b"accept: a\r\naccept: b\r\n",
        b"\r\n" + HEAD,
        HEAD.replace(b"host: localhost\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_what_is_not_ambiguous_is_served(head: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        caller.send(with_length(head, BODY))
        assert said(caller.responses(1)[0]) == "hi there"


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b"CHUNKED"])
def test_chunked_alone_is_served(value: bytes, server: RunningGateway) -> None:
    with Caller(server) as caller:
        for _ in range(2):
            caller.send(
                HEAD + b"transfer-encoding: " + value + b"\r\n\r\n" + ONE_CHUNK.replace(b"\r\n", b";a=b\r\n", 1)
            )
            assert said(caller.responses(1)[0]) == "hi there"


REPEATED = [
    b"x-portkey-provider", b"x-portkey-config", b"x-portkey-api-key", b"x-portkey-virtual-key", b"authorization",
    b"x-api-key", b"api-key", b"x-goog-api-key", b"content-type", b"content-encoding", b"idempotency-key",
    b"x-portkey-custom-host", b"x-portkey-anything", b"X-Portkey-Provider", b"x-penstock-hops",
]  # fmt: skip


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("value", [b"echo", b"other"])
def test_a_routing_or_key_header_comes_once(name: bytes, value: bytes, gateway: RunningGateway) -> None:
    head = START + b"host: localhost\r\n" + name + b": echo\r\nx: y\r\n" + name.lower() + b": " + value + b"\r\n"
    for path in (b"/v1/chat/completions", b"/v1/explain"):
        with Caller(gateway) as caller:
            caller.send(with_length(head.replace(b"/v1/chat/completions", path), BODY))
            response = caller.responses(1)[0]
        assert code_of(response) == (400, "invalid_request")
        assert name.lower() in response[2]


def test_a_refused_head_is_recorded_and_told_in_the_callers_words(server: RunningGateway) -> None:
    server.recorded()
    with Caller(server) as caller:
        caller.send(with_length(HEAD.replace(b"/v1/chat/completions", b"/v1/messages") + b"host: y\r\n", BODY))
        assert b'"type":"error"' in caller.responses(1)[0][2]
        assert caller.is_closed()
    (record,) = server.recorded()
    assert (record.status, record.path, record.failure, record.dialect) == (
        400,
        "/v1/messages",
        "invalid_request",
        "anthropic",
    )
    with Caller(server) as caller:
        caller.send(b"\x16\x03\x01\x02\x00")
        assert caller.responses(1)[0][0] == 400
        assert caller.is_closed()
    (record,) = server.recorded()
    assert (record.status, record.method, record.path) == (400, "", "")


TRAILERS = b"x-portkey-provider: openai\r\nx-portkey-provider: echo\r\nhost: y\r\nauthorization: Bearer k\r\n"


@pytest.mark.parametrize("step", [1, 10, 10_000])
def test_trailer_fields_are_no_headers(step: int, gateway: RunningGateway) -> None:
    """Neither a provider that only a trailer names, nor one that a trailer names otherwise, nor twice."""
    body = ONE_CHUNK[:-2] + TRAILERS + b"\r\n"
    for head, status in ((HEAD, 200), (HEAD.replace(b"x-portkey-provider: echo\r\n", b""), 400)):
        request = head + CHUNKED + b"\r\n" + body
        with Caller(gateway) as caller:
            caller.send(*(request[i : i + step] for i in range(0, len(request), step)))
            response = caller.responses(1)[0]
        assert response[0] == status
        if status == 400:
            assert code_of(response)[1] == "missing_provider"


LARGEST = 64 << 10


def head_of(size: int, fields: int = 1) -> bytes:
    """A GET of exactly so many bytes, in its one large field or in several."""
    start = b"GET /health HTTP/1.1\r\nhost: localhost\r\n"
    left = size - len(start) - 2
    lines = [b"x%03d: " % number + b"y" * (left // fields - 8) + b"\r\n" for number in range(fields - 1)]
    left -= sum(map(len, lines))
    return start + b"".join(lines) + b"last: " + b"y" * (left - 8) + b"\r\n\r\n"


@pytest.mark.parametrize("fields", [1, 2, 60])
@pytest.mark.parametrize(("size", "status"), [(LARGEST, 200), (LARGEST + 1, 400), (100_000, 400), (250_000, 400)])
@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" * 300])
def test_the_limit_of_a_head_is_exact(
    size: int, status: int, fields: int, before: bytes, server: RunningGateway
) -> None:
    head = head_of(size, fields)
    assert len(head) == size
    with Caller(server) as caller:
        caller.send(before + head)
        assert caller.responses(1 + before.count(b"GET"))[-1][0] == status


@pytest.mark.parametrize("kind", ["trailers", "extensions"])
def test_endless_framing_is_refused(kind: str, server: RunningGateway) -> None:
    start, more = (b"0\r\n", b"x: y\r\n") if kind == "trailers" else (b"1;", b"aaaaaa")
    with Caller(server) as caller:
        caller.send(HEAD + CHUNKED + b"\r\n" + start, more * 20_000)
        assert caller.responses(1)[0][0] == 400


OFFER = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"


def test_many_offers_of_another_protocol_need_no_recursion(
    server: RunningGateway, caplog: pytest.LogCaptureFixture
) -> None:
    with Caller(server) as caller:
        caller.send(OFFER * 3000)
        assert {response[0] for response in caller.responses(3000)} == {200}
    assert caplog.records == []
