"""One request as its bytes arrive."""

from __future__ import annotations

import asyncio

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.http.incoming import IncomingRequest

LEFT = Failure(Kind.CLIENT_DISCONNECTED, "It left.")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a", "/a", ""),
        (b"/a%20b?c=%20&d", "/a b", "c=%20&d"),
        (b"http://x/a?b", "/a", "b"),
        (b"http://x", "/", ""),
        (b"http://x?b=http://y/z", "/", "b=http://y/z"),
        (b"/http://x", "/http://x", ""),
        (b"*", "*", ""),
    ],
)
def test_paths_and_queries(target: bytes, path: str, query: str) -> None:
    request = IncomingRequest(0)
    request.target = target
    assert request.path_and_query() == (path, query)
    assert request.raw_path == path.replace(" ", "%20")


def test_a_head_without_its_offer() -> None:
    request = IncomingRequest(0)
    request.method, request.target = "GET", b"/a"
    request.headers = [(b"host", b"x"), (b"upgrade", b"h2c"), (b"upgrade", b"x"), (b"a", b"")]
    assert request.head_without_offer() == b"GET /a HTTP/1.1\r\nhost: x\r\na: \r\n\r\n"


async def test_a_body_that_fails_wakes_who_waits_and_is_dropped() -> None:
    request = IncomingRequest(0)
    request.add(b"abc")
    request.reader = asyncio.get_running_loop().create_future()
    request.fail(LEFT)
    request.fail(Failure(Kind.BODY_TIMEOUT, "Later."))
    await request.reader
    request.wake()
    assert (request.failure, request.take()) == (LEFT, b"")


def test_a_complete_body_can_not_fail() -> None:
    request = IncomingRequest(0)
    request.add(b"abc")
    request.complete = True
    request.fail(LEFT)
    assert (request.failure, request.take()) == (None, b"abc")
