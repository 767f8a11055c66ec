"""The ways to providers: by scheme, signed where they must be, within the time that an answer has to begin.

What happens to refused tokens is in test_authorize.py.
"""

from __future__ import annotations

import msgspec

import calling
from fake_reply import FakeReply, FakeTransport
from penstock.auth.signer import Outgoing, Token
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin, header_line
from penstock.pipeline.authorize import Authorizer
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.upstream import Upstream
from penstock.transport.base import Request

REQUEST = Request(Origin("https", "a.example", 443), b"POST", b"/chat?x=1", b"x: 1\r\n", b"{}", Limits(1, 60, 3, 4))


class BodySigner:
    """Signs what it sees, without a token. ``fails``: the credentials hold what no header can."""

    fetch = None
    is_own = False
    is_costly = False
    identity = "one"

    def __init__(self, *, fails: bool = False) -> None:
        self.seen: list[Outgoing] = []
        self._fails = fails

    def token_request(self, now: float) -> None:
        """No token is needed."""

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        raise AssertionError("no token was asked for")

    def lines(self, request: Outgoing, token: Token | None) -> bytes:
        self.seen.append(request)
        return header_line("authorization", "a\nb" if self._fails else "signed")


async def test_a_request_goes_the_way_of_its_scheme_as_it_is() -> None:
    https, http = FakeTransport(FakeReply(200)), FakeTransport(FakeReply(201))
    transports = {"https": https, "http": http}
    authorizer = Authorizer(transports)
    ways = Upstream(transports, authorizer, ModelAliases(transports, authorizer))
    plain = msgspec.structs.replace(REQUEST, origin=Origin("http", "a.example", 80))
    for request, status in ((REQUEST, 200), (plain, 201)):
        reply = await ways.send(request, None)
        assert not isinstance(reply, Failure)
        assert reply.status == status
    assert (https.sent, http.sent) == ([REQUEST], [plain])
    assert https.sent[0] is REQUEST


async def test_a_signature_is_over_the_request_and_comes_last() -> None:
    transport, signer = FakeTransport(FakeReply(200)), BodySigner()
    await calling.upstream(transport).send(REQUEST, signer)
    (seen,), (sent,) = signer.seen, transport.sent
    assert (seen.method, seen.address, seen.headers, seen.body) == (b"POST", b"/chat?x=1", b"x: 1\r\n", b"{}")
    assert sent.headers == b"x: 1\r\nauthorization: signed\r\n"
    assert (sent.body, sent.target) == (REQUEST.body, REQUEST.target)
    assert (sent.limits.connect, sent.limits.idle, sent.limits.total) == (1, 3, 4)
    assert 0 < sent.limits.first_byte <= 60


async def test_no_limit_stays_none() -> None:
    transport = FakeTransport(FakeReply(200))
    await calling.upstream(transport).send(msgspec.structs.replace(REQUEST, limits=Limits(0, 0, 0, 0)), BodySigner())
    assert transport.sent[0].limits == Limits(0, 0, 0, 0)


async def test_what_can_not_be_signed_is_not_sent() -> None:
    transport = FakeTransport(FakeReply(200))
    failure = await calling.upstream(transport).send(REQUEST, BodySigner(fails=True))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.sent, transport.sent) == (Kind.INVALID_CONFIG, False, [])


async def test_a_failure_on_the_way_is_told_and_not_tried_again() -> None:
    failure = Failure(Kind.CONNECTION_REFUSED, "No")
    for signer in (None, BodySigner()):
        transport = FakeTransport(failure)
        assert await calling.upstream(transport).send(REQUEST, signer) is failure
        assert len(transport.sent) == 1
