"""The response reader, without a network: any split gives the same response, nothing is unbounded."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.transport.response import Malformed, ResponseReader

CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;ext=1\r\n \r\n6\r\nw\xc3\xb6rld\r\n0\r\ntrailer: t\r\n\r\n"
)
LENGTH = b"HTTP/1.1 429 Too Many\r\nX-A:  b \r\nContent-Length: 5\r\n\r\nhello"


def read(data: bytes, cuts: list[int], limit: int = 4096) -> tuple[ResponseReader, bytes]:
    reader, body = ResponseReader(limit), b""
    marks = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    for start, end in itertools.pairwise(marks):
        if start != end:
            reader.feed(data[start:end])
            body += reader.take()
    return reader, body


@given(st.lists(st.integers(0, 500), max_size=20))
def test_any_split_gives_the_same_response(cuts: list[int]) -> None:
    reader, body = read(CHUNKED, cuts)
    assert (reader.status, reader.complete, reader.framed, reader.keep_alive, reader.overrun) == (
        200,
        True,
        True,
        True,
        False,
    )
    assert reader.headers == [(b"content-type", b"text/event-stream"), (b"transfer-encoding", b"chunked")]
    assert body == "hello wörld".encode()


def test_one_reader_reads_response_after_response() -> None:
    reader = ResponseReader(4096)
    for data, status, body in ((CHUNKED, 200, "hello wörld".encode()), (LENGTH, 429, b"hello")) * 2:
        reader.feed(data[:30])
        reader.feed(data[30:])
        assert (reader.status, reader.take(), reader.complete, reader.overrun) == (status, body, True, False)
        assert len(reader.headers) == 2
        reader.begin()
        assert (reader.status, reader.headers, reader.complete, reader.pieces) == (0, [], False, [])


@pytest.mark.parametrize("cuts", [[], [10], [60], [*range(200)]])
@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 5\r\n",
        b"transfer-encoding: chunked\r\n",
        b"",
        b"content-length: 0\r\n",
        b"connection: close\r\n",
    ],
)
def test_a_response_to_head_ends_with_its_head(head: bytes, cuts: list[int]) -> None:
    """RFC 9112, 6.3: whatever it says of a body. What comes all the same is none."""
    data = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n" + head + b"\r\n"
    for rest in (b"", b"5\r\nhello\r\n0\r\n\r\n"):
        reader = ResponseReader(4096)
        reader.is_bodiless = True
        marks = [0, *sorted({cut for cut in cuts if 0 < cut < len(data + rest)}), len(data + rest)]
        for start, end in itertools.pairwise(marks):
            reader.feed((data + rest)[start:end])
        assert (reader.status, reader.complete, reader.take(), reader.overrun) == (200, True, b"", True)


@pytest.mark.parametrize("status", [b"000", b"099", b"600", b"999"])
def test_statuses_that_http_does_not_know(status: bytes) -> None:
    with pytest.raises(Malformed, match=f"status {int(status)},"):
        read(b"HTTP/1.1 " + status + b" What\r\n\r\n", [])


@pytest.mark.parametrize("data", [CHUNKED, LENGTH])
def test_byte_by_byte(data: bytes) -> None:
    reader, body = read(data, list(range(len(data))))
    assert reader.complete
    assert body.startswith(b"hello")


@pytest.mark.parametrize(
    ("data", "framed", "keep_alive"),
    [
        (LENGTH, True, True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello", True, False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", True, False),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello", False, False),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", False, False),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", False, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello", False, False),
    ],
)
def test_how_a_body_ends(data: bytes, framed: bool, keep_alive: bool) -> None:
    reader, body = read(data, [])
    assert (reader.framed, reader.complete) == (framed, framed)
    assert reader.end() is True
    assert body == b"hello"
    assert not framed or reader.keep_alive is keep_alive


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_a_body(status: bytes) -> None:
    assert read(b"HTTP/1.1 " + status + b"\r\n\r\n", [])[0].complete


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", CHUNKED[:-10], b"HTTP/1.1 200 OK\r\ncontent-"]
)
def test_an_end_too_early_is_no_end(data: bytes) -> None:
    assert read(data, [])[0].end() is False


def test_what_follows_a_response_never_reaches_its_body() -> None:
    for garbage in (b"x", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", b"\0\0\0"):
        for cuts in ([], [len(LENGTH)]):
            reader, body = read(LENGTH + garbage, cuts)
            assert (reader.status, body, reader.complete, reader.overrun) == (429, b"hello", True, True)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 17,
    ],
)
def test_what_is_no_http_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data, [])
    with pytest.raises(Malformed):
        read(data, list(range(len(data))))


@pytest.mark.parametrize(
    ("start", "filler"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
        (b"HTTP/1.1 200 OK\r\nx-long: ", b"y" * 64),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;", b"y" * 64),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x-trailer: yyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
    ],
)
def test_endless_framing_is_refused(start: bytes, filler: bytes) -> None:
    reader = ResponseReader(4096)
    reader.feed(start)

    def feed_on() -> None:
        for _ in range(200):
            reader.feed(filler)

    with pytest.raises(Malformed, match="4096"):
        feed_on()


def test_a_head_that_comes_whole_is_bounded_too() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"x: 123456\r\n" * 500 + b"content-length: 2\r\n\r\nok"
    assert read(head, [], limit=8192)[1] == b"ok"
    with pytest.raises(Malformed, match="more than 4096 bytes of headers"):
        read(head, [], limit=4096)


def test_interim_responses_are_counted() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert read(interim * 16 + LENGTH, [])[1] == b"hello"
    with pytest.raises(Malformed, match="more than 16 interim responses"):
        read(interim * 17 + LENGTH, [])


def test_a_long_body_is_no_framing() -> None:
    reader = ResponseReader(1024)
    reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(100):
        reader.feed(b"x" * 1000)
        reader.take()
    assert reader.complete


@pytest.mark.parametrize(
    ("value", "seconds"), [(b"timeout=5", 4), (b"max=9, timeout = 1", 0), (b"timeout=0", 0), (b"max=9", float("inf"))]
)
def test_the_peers_own_idle_limit(value: bytes, seconds: float) -> None:
    reader, _ = read(b"HTTP/1.1 200 OK\r\nKeep-Alive: " + value + b"\r\ncontent-length: 0\r\n\r\n", [])
    assert reader.promised_idle == seconds


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_no_bytes_lead_to_anything_but_a_response_or_malformed(data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(Malformed):
        read(b"HTTP/1.1 200 OK\r\n" + data, cuts)
