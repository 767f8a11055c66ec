"""POST requests of the gateway's own."""

from __future__ import annotations

import pytest

from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Posted
from penstock.transport.base import Reply, Request
from penstock.transport.post import Poster


class Door:
    """A transport that answers one thing."""

    def __init__(self, reply: Reply | Failure) -> None:
        self.reply = reply
        self.request: Request | None = None

    async def send(self, request: Request) -> Reply | Failure:
        self.request = request
        return self.reply

    async def close(self) -> None:
        pass


async def test_what_is_sent() -> None:
    door = Door(FakeReply(202, b"a", b"b"))
    poster = Poster(door, "https://example.com:8443/hook/?a=1", {"authorization": "Bearer k"}, 3.0)
    assert await poster.post(b"body", {"content-type": "text/plain"}) == Posted(202, [], b"ab")
    request = door.request
    assert request is not None
    assert (request.origin.authority, request.origin.trusted, request.target) == (
        "example.com:8443",
        True,
        b"/hook?a=1",
    )
    assert request.headers.endswith(b"authorization: Bearer k\r\ncontent-type: text/plain\r\n")
    assert (request.method, request.body, request.limits.total) == (b"POST", b"body", 3.0)


async def test_a_failure_is_told() -> None:
    door = Door(Failure(Kind.CONNECTION_REFUSED, "Nobody listens."))
    assert await Poster(door, "http://localhost", {}, 3.0).post(b"", {}) == Posted(0, problem="Nobody listens.")
    assert door.request is not None
    assert door.request.target == b"/"


async def test_an_answer_is_read_within_bounds() -> None:
    posted = await Poster(Door(FakeReply(200, *[b"x" * 65536] * 32)), "http://localhost", {}, 3.0).post(b"", {})
    assert (posted.status, len(posted.body), posted.is_taken) == (200, 16384, True)


@pytest.mark.parametrize(("url", "headers"), [("ftp://a", {}), ("http://", {}), ("http://a", {"x y": "1"})])
def test_what_can_not_be_sent(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"URL|header"):
        Poster(Door(Failure(Kind.INTERNAL, "")), url, headers, 3.0)
