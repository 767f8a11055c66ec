"""Bytes as requests: the reader, and the heads that it does not parse again. tests/e2e/test_http.py has the rest."""

from __future__ import annotations

import pytest

from penstock.server.http import request_reader
from penstock.server.http.incoming import IncomingRequest
from penstock.server.http.request_reader import RequestReader

HEAD = b"POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nX-Other: b\r\n\r\n"


class Taker:
    def __init__(self) -> None:
        self.requests: list[IncomingRequest] = []
        self.aborted = False

    def take(self, request: IncomingRequest) -> None:
        self.requests.append(request)

    def grow(self) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def read(*pieces: bytes) -> tuple[list[IncomingRequest], RequestReader]:
    taker = Taker()
    reader = RequestReader(taker, 0.0)
    for now, piece in enumerate(pieces):
        reader.feed(piece, float(now))
    return taker.requests, reader


def sent(body: bytes) -> bytes:
    return HEAD % len(body) + body


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    parsed: list[bytes] = []
    parse = RequestReader._parse

    def counted(reader: RequestReader, data: bytes) -> None:
        parsed.append(data)
        parse(reader, data)

    monkeypatch.setattr(RequestReader, "_parse", counted)
    return parsed


def test_another_head_after_a_known_one_is_parsed() -> None:
    other = b"GET /models HTTP/1.1\r\nhost: b\r\n\r\n"
    requests, reader = read(sent(b"{}"), other, sent(b"[]"), other[:9], other[9:])
    assert [request.method for request in requests] == ["POST", "GET", "POST", "GET"]
    assert all(request.complete for request in requests)
    reader.release()


def test_a_head_that_comes_again_is_not_parsed_again(parses: list[bytes]) -> None:
    requests, reader = read(sent(b"{}"), sent(b"[]"), sent(b"[1,2,3,4,5]"))
    assert len(parses) == 1
    assert [request.take() for request in requests] == [b"{}", b"[]", b"[1,2,3,4,5]"]
    first, second, third = requests
    assert second.headers == first.headers
    assert third.headers == [(b"host", b"a"), (b"content-length", b"11"), (b"x-other", b"b")]
    assert third.fields == dict(third.headers)
    for request in requests:
        assert request.path_and_query() == ("/v1/x", "y=1")
        assert (request.method, request.keep_alive, request.is_taken, request.complete) == ("POST", True, True, True)
    assert (second.began, third.declared, third.size, reader.is_reading) == (1.0, 11, 11, False)


OTHERS = [
    sent(b"{}").replace(b"X-Other: b", b"X-Other: c"),
    sent(b"{}")[:-1],
    sent(b"{}") + b"P",
    sent(b"{}").replace(b"Length: 2", b"Length: +2"),
    sent(b"{}").replace(b"Length: 2", b"Length: 2 "),
    sent(b"{}").replace(b"Length: 2", b"Length: "),
    sent(b"{}").replace(b"Length: 2", b"Length: 0000000002"),
    sent(b"{}").replace(b"Length: 2\r", b"Length: 2\n"),
    sent(b"{}").replace(b"POST", b"PUT"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_any_other_bytes_are_parsed(other: bytes, parses: list[bytes]) -> None:
    known, reader = read(sent(b"{}"), other)
    fresh, alone = read(other)
    assert parses.count(other) == 2
    assert (known[-1].refused is None, reader.is_deaf, reader.is_reading) == (
        not fresh or fresh[-1].refused is None,
        alone.is_deaf,
        alone.is_reading,
    )


UNUSUAL = [
    b"GET /nope HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length:2\r\n\r\n{}",
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    sent(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"),
    sent(b"{}").replace(b"X-Other: b", b"Connection: close"),
    sent(b"{}").replace(b"X-Other: b", b"Expect: 100-continue"),
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("data", UNUSUAL)
def test_only_an_ordinary_head_is_remembered(data: bytes) -> None:
    requests, _ = read(data)
    assert request_reader._known_head(requests[0], data) is None


def test_a_body_in_two_pieces_is_parsed_and_its_head_is_not_remembered(parses: list[bytes]) -> None:
    requests, _ = read(sent(b"{}")[:-1], b"}", sent(b"{}"))
    assert len(parses) == 3
    assert [request.take() for request in requests] == [b"{}", b"{}"]


def test_a_known_head_amid_a_body_is_body(parses: list[bytes]) -> None:
    inner = sent(b"{}")
    requests, _ = read(inner, HEAD % len(inner), inner, inner)
    assert len(parses) == 3
    assert [request.take() for request in requests] == [b"{}", inner, b"{}"]
