"""Tokens: fetched once for all who wait, remembered until shortly before their end or until they are refused."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import msgspec
import pytest

from fake_reply import FakeReply
from penstock.auth import sigv4
from penstock.auth.signer import Outgoing, Token, TokenRequest
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Url, header_line
from penstock.core.secret import Secret
from penstock.pipeline.authorize import Authorizer, Proof
from penstock.pipeline.models.model_alias import ModelAliases
from penstock.pipeline.upstream import Upstream
from penstock.transport.base import Request

URL = Url.parse("https://tokens.example/t", trusted=True)
OUTGOING = Outgoing(b"POST", URL.origin, b"/", b"", b"")


class FakeTransport:
    """Gives tokens, once its gate is open."""

    def __init__(self, status: int = 200) -> None:
        self.asked: list[Request] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.status = status

    async def send(self, request: Request) -> Any:
        self.asked.append(request)
        await self.gate.wait()
        return FakeReply(self.status, b"token-%d" % len(self.asked))

    async def close(self) -> None:
        pass


class FakeSigner:
    fetch: Any = None
    is_own = False
    is_costly = False

    def __init__(self, life: float = 3600, identity: str = "one") -> None:
        self.life = life
        self.identity = identity

    def token_request(self, now: float) -> TokenRequest:
        return TokenRequest(URL, b"", b"grant")

    def read_token(self, status: int, body: bytes, now: float) -> Token | Failure:
        if status != 200:
            return Failure(Kind.CREDENTIAL_REFUSED, "no")
        return Token(Secret(body.decode()), now + self.life)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:
        return b"" if token is None else header_line("authorization", token.secret.reveal())


def authorizer(transport: FakeTransport) -> Authorizer:
    return Authorizer({"https": transport})


async def lines(authorize: Authorizer, signer: FakeSigner) -> bytes:
    proof = await authorize.lines_for(signer, OUTGOING)
    assert isinstance(proof, Proof)
    return proof.lines


def upstream(transport: FakeTransport) -> Upstream:
    transports = {"https": transport}
    authorize = Authorizer(transports)
    return Upstream(transports, authorize, ModelAliases(transports, authorize))


async def test_a_token_is_fetched_once_and_remembered() -> None:
    transport = FakeTransport()
    authorize = authorizer(transport)
    signer = FakeSigner()
    assert await lines(authorize, signer) == b"authorization: token-1\r\n"
    assert await lines(authorize, signer) == b"authorization: token-1\r\n"
    assert await lines(authorize, FakeSigner(identity="two")) == b"authorization: token-2\r\n"
    (first, _) = transport.asked
    assert (first.method, first.target, first.body) == (b"POST", b"/t", b"grant")


async def test_all_who_wait_share_one_request() -> None:
    transport = FakeTransport()
    transport.gate.clear()
    authorize = authorizer(transport)
    waiting = [asyncio.create_task(lines(authorize, FakeSigner())) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()
    transport.gate.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert done[1:] == [b"authorization: token-1\r\n"] * 4
    assert len(transport.asked) == 1


async def test_a_token_near_its_end_is_asked_for_again() -> None:
    transport = FakeTransport()
    authorize = authorizer(transport)
    for _ in range(2):
        await authorize.lines_for(FakeSigner(life=30), OUTGOING)
    assert len(transport.asked) == 2


async def test_a_refusal_is_not_remembered() -> None:
    transport = FakeTransport(status=403)
    authorize = authorizer(transport)
    for _ in range(2):
        found = await authorize.lines_for(FakeSigner(), OUTGOING)
        assert isinstance(found, Failure)
        assert found.status == 401
    assert len(transport.asked) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_an_issuer_in_trouble_says_nothing_against_the_credentials(status: int) -> None:
    found = await authorizer(FakeTransport(status=status)).lines_for(FakeSigner(), OUTGOING)
    assert isinstance(found, Failure)
    assert (found.kind, found.sent) == (Kind.TOKEN_UNAVAILABLE, False)


async def test_an_issuer_that_is_not_there() -> None:
    class Absent(FakeTransport):
        async def send(self, request: Request) -> Any:
            return Failure(Kind.CONNECTION_CLOSED, "The connection was closed.", sent=True)

    found = await authorizer(Absent()).lines_for(FakeSigner(), OUTGOING)
    assert isinstance(found, Failure)
    assert (found.kind, found.sent) == (Kind.TOKEN_UNAVAILABLE, False)


async def test_a_library_that_fetches_for_itself_does_so_in_a_thread() -> None:
    signer = FakeSigner()
    signer.fetch = lambda: Token(Secret("own"), time.time() + 600)
    transport = FakeTransport()
    assert await lines(authorizer(transport), signer) == b"authorization: own\r\n"
    assert not transport.asked


async def test_a_token_that_is_no_header_is_told() -> None:
    signer = FakeSigner()
    signer.fetch = lambda: Token(Secret("a\r\nb: c"), time.time() + 600)
    found = await authorizer(FakeTransport()).lines_for(signer, OUTGOING)
    assert isinstance(found, Failure)
    assert found.status == 400


async def test_a_token_must_come_while_the_answer_may_still_begin() -> None:
    transport = FakeTransport()
    transport.gate.clear()
    model_route = upstream(transport)
    request = Request(URL.origin, b"POST", b"/chat", b"", b"{}", Limits(first_byte=0.05))
    found = await model_route.send(request, FakeSigner())
    assert isinstance(found, Failure)
    assert (found.kind, found.sent) == (Kind.FIRST_BYTE_TIMEOUT, False)
    transport.gate.set()
    waits = msgspec.structs.replace(request, limits=Limits(first_byte=60))
    assert not isinstance(await model_route.send(waits, FakeSigner()), Failure)
    (asked, sent) = transport.asked
    assert (asked.target, sent.target, sent.headers) == (b"/t", b"/chat", b"authorization: token-1\r\n")


async def test_what_no_header_can_say_is_told_before_anything_is_asked() -> None:
    keys = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s", "aws_role_arn": "arn:aws:iam::1:role/r"}
    signer = sigv4.signer("bedrock", {**keys, "aws_session_token": "a\nb"}, None, None)
    assert isinstance(signer, sigv4.SigV4)
    transport = FakeTransport()
    found = await authorizer(transport).lines_for(signer, OUTGOING)
    assert isinstance(found, Failure)
    assert (found.status, transport.asked) == (400, [])


@pytest.mark.parametrize("body", [b"x" * 70_000])
async def test_an_endless_answer_is_no_token(body: bytes) -> None:
    class Endless(FakeTransport):
        async def send(self, request: Request) -> Any:
            return FakeReply(200, body)

    found = await authorizer(Endless()).lines_for(FakeSigner(), OUTGOING)
    assert isinstance(found, Failure)
    assert found.kind is Kind.TOKEN_UNAVAILABLE


class Revoking(FakeTransport):
    """A provider that takes some tokens only. ``replies`` are those it gave."""

    def __init__(self, *taken: bytes) -> None:
        super().__init__()
        self.taken = taken
        self.issued = 0
        self.replies: list[FakeReply] = []

    async def send(self, request: Request) -> Any:
        self.asked.append(request)
        if request.target == b"/t":
            self.issued += 1
            return FakeReply(200, b"token-%d" % self.issued)
        shown = request.headers.removeprefix(b"authorization: ").rstrip()
        self.replies.append(FakeReply(200 if shown in self.taken else 401, b"{}"))
        return self.replies[-1]


CHAT = Request(URL.origin, b"POST", b"/chat", b"", b"{}", Limits())


async def test_a_token_that_is_refused_before_its_end_is_fetched_anew() -> None:
    transport = Revoking(b"token-1")
    model_route = upstream(transport)
    assert (await model_route.send(CHAT, FakeSigner())).status == 200
    transport.taken = (b"token-2",)
    assert (await model_route.send(CHAT, FakeSigner())).status == 200
    assert [request.target for request in transport.asked] == [b"/t", b"/chat", b"/chat", b"/t", b"/chat"]
    assert [reply.closed for reply in transport.replies] == [False, True, False]


async def test_a_new_token_that_is_refused_is_told_at_once() -> None:
    transport = Revoking()
    model_route = upstream(transport)
    assert (await model_route.send(CHAT, FakeSigner())).status == 401
    assert [request.target for request in transport.asked] == [b"/t", b"/chat"]
    assert (await model_route.send(CHAT, FakeSigner())).status == 401
    assert transport.issued == 2


async def test_many_who_showed_the_same_old_token_share_the_new_one() -> None:
    transport = Revoking(b"token-1")
    model_route = upstream(transport)
    await model_route.send(CHAT, FakeSigner())
    transport.taken = (b"token-2",)
    found = await asyncio.gather(*(model_route.send(CHAT, FakeSigner()) for _ in range(5)))
    assert [reply.status for reply in found] == [200] * 5
    assert transport.issued == 2


async def test_a_signature_that_is_refused_is_not_made_again() -> None:
    signer = sigv4.signer("bedrock", {"aws_access_key_id": "AKID", "aws_secret_access_key": "s"}, None, None)
    assert isinstance(signer, sigv4.SigV4)
    transport = Revoking()
    assert (await upstream(transport).send(CHAT, signer)).status == 401
    assert len(transport.replies) == 1


class Noting(FakeSigner):
    """Notes in which threads it signs. ``has_token``: it signs with a token; else each signature is costly."""

    def __init__(self, *, has_token: bool) -> None:
        super().__init__()
        self.is_costly = not has_token
        self.threads: list[int] = []

    def token_request(self, now: float) -> Any:
        return None if self.is_costly else super().token_request(now)

    def lines(self, request: Outgoing, token: Token | None) -> bytes:
        self.threads.append(threading.get_ident())
        return super().lines(request, token)


@pytest.mark.parametrize(("has_token", "on_the_loop"), [(True, [True, False]), (False, [False, False])])
async def test_a_costly_signature_is_made_in_a_thread(has_token: bool, on_the_loop: list[bool]) -> None:
    """So is that of a large body, which it covers: a digest of 100 MB takes half a second."""
    authorize, signer = authorizer(FakeTransport()), Noting(has_token=has_token)
    for size in (0, 1 << 20):
        proof = await authorize.lines_for(signer, msgspec.structs.replace(OUTGOING, body=b"x" * size))
        assert isinstance(proof, Proof)
        assert proof.lines == (b"authorization: token-1\r\n" if has_token else b"")
    assert [thread == threading.get_ident() for thread in signer.threads] == on_the_loop
