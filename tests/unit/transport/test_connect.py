"""Making connections: names, the address policy, happy eyeballs, TLS, proxies. Only loopback is ever dialled."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
import trustme

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.connection import ParserLimits
from penstock.transport.http1 import Http1Transport
from penstock.transport.proxies import Proxy, ProxyRules
from scripted import OK, Peer, answer, read_all, request, serving, transport
from upstream import refusing_port


class Names:
    """A resolver that knows what a test tells it, and remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.addresses


async def kind(made: Http1Transport, origin: Origin, limits: Limits = Limits(60, 60, 60, 0)) -> Kind:  # noqa: B008
    failure = await made.send(request(origin, limits=limits))
    assert isinstance(failure, Failure), failure
    assert failure.sent is False
    assert failure.message.endswith(".")
    return failure.kind


async def test_a_name_that_does_not_resolve() -> None:
    async with transport(resolver=Names()) as made:
        assert await kind(made, Origin("http", "nowhere.example.com", 80)) is Kind.NAME_NOT_RESOLVED


async def test_nobody_listens() -> None:
    with refusing_port() as port:
        async with transport() as made:
            assert await kind(made, Origin("http", "127.0.0.1", port)) is Kind.CONNECTION_REFUSED


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["169.254.169.254"], ["127.0.0.1"], ["10.0.0.1", "192.168.0.1", "fd00::1"], ["::ffff:10.0.0.1"]],
)
async def test_refused_addresses_are_never_dialled(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.transport.connect._race", None)
    made = Http1Transport(AddressPolicy(("127.0.0.1", "localhost")), resolver=Names(*addresses))
    assert await kind(made, Origin("http", "rebound.example.com", 80)) is Kind.ADDRESS_REFUSED
    await made.close()


async def test_the_judged_address_is_the_one_that_is_dialled() -> None:
    async with serving(answer) as server:
        names = Names("10.0.0.1", "127.0.0.1")
        async with transport(resolver=names) as made:
            origin = Origin("http", "models.example.com", server.origin.port)
            assert await read_all(await made.send(request(origin))) == b"ok"
        assert names.asked == ["models.example.com"]


async def test_connecting_has_a_limit() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with transport(resolver=never) as made:
        origin = Origin("http", "slow.example.com", 80)
        assert await kind(made, origin, limits=Limits(0.02, 60, 60, 0)) is Kind.CONNECT_TIMEOUT
        assert await kind(made, origin, limits=Limits(60, 0.02, 60, 0)) is Kind.FIRST_BYTE_TIMEOUT
        assert await kind(made, origin, limits=Limits(0, 60, 60, 0.02)) is Kind.TOTAL_TIMEOUT


async def test_cancelling_while_connecting_leaves_nothing() -> None:
    asked = asyncio.Event()

    async def never(host: str, port: int) -> Sequence[str]:
        asked.set()
        await asyncio.Event().wait()
        return []

    async with transport(resolver=never) as made:
        task = asyncio.ensure_future(made.send(request(Origin("http", "slow.example.com", 80))))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not made._pool._places


async def test_of_several_addresses_the_first_that_answers_wins() -> None:
    async with serving(answer) as server:
        names = Names("127.0.0.9", "::1", "127.0.0.1")
        async with transport(resolver=names) as made:
            origin = Origin("http", "models.example.com", server.origin.port, trusted=True)
            assert await read_all(await made.send(request(origin))) == b"ok"
        assert server.connections == 1


async def test_nobody_listens_on_any_address() -> None:
    names = Names("127.0.0.8", "127.0.0.9")
    with refusing_port("0.0.0.0") as port:
        async with transport(resolver=names) as made:
            origin = Origin("http", "models.example.com", port, trusted=True)
            assert await kind(made, origin) is Kind.CONNECTION_REFUSED


async def test_an_address_that_stays_silent_is_raced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.transport.connect._STAGGER", 0.01)
    async with serving(answer) as server, transport(resolver=Names("127.0.0.2", "127.0.0.1")) as made:
        with full_backlog("127.0.0.2", server.origin.port):
            origin = Origin("http", "models.example.com", server.origin.port, trusted=True)
            assert await read_all(await made.send(request(origin))) == b"ok"


@contextmanager
def full_backlog(host: str, port: int) -> Iterator[None]:
    """Listen where connecting neither succeeds nor fails."""
    with ExitStack() as opened:
        silent = opened.enter_context(socket.socket())
        silent.bind((host, port))
        silent.listen(0)
        for _ in range(4):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield


AUTHORITY = trustme.CA()


def server_tls(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


async def test_tls() -> None:
    async with (
        serving(answer, tls=server_tls("models.example.com")) as server,
        transport(tls=client_tls, resolver=Names("127.0.0.1")) as made,
    ):
        origin = Origin("https", "models.example.com", server.origin.port)
        for _ in range(3):
            assert await read_all(await made.send(request(origin))) == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize(
    ("names", "tls", "reason"),
    [("other.example.com", client_tls, "ostname"), ("models.example.com", ssl.create_default_context, "certificate")],
)
async def test_a_certificate_that_does_not_fit(names: str, tls: object, reason: str) -> None:
    async with (
        serving(answer, tls=server_tls(names)) as server,
        transport(tls=tls, resolver=Names("127.0.0.1")) as made,
    ):
        failure = await made.send(request(Origin("https", "models.example.com", server.origin.port)))
        assert isinstance(failure, Failure)
        assert failure.kind is Kind.TLS_FAILED
        assert reason in failure.message


async def test_a_server_that_does_not_speak_tls() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async with serving(script) as server, transport(tls=client_tls) as made:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        assert await kind(made, origin) is Kind.TLS_FAILED


async def test_a_tls_connection_that_is_cut() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhel")
        peer.writer.transport.abort()

    async with (
        serving(script, tls=server_tls("127.0.0.1")) as server,
        transport(tls=client_tls) as made,
    ):
        reply = await made.send(request(server.origin))
        assert await read_all(reply) == b"hel"
        assert not isinstance(reply, Failure)
        assert reply.failure is not None
        assert reply.failure.kind is Kind.TRUNCATED


async def test_cancelling_in_the_tls_handshake_closes_the_connection() -> None:
    greeted = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        greeted.set()
        await peer.gone()

    async with serving(script) as server, transport(tls=client_tls) as made:
        task = asyncio.ensure_future(made.send(request(Origin("https", "127.0.0.1", server.origin.port))))
        await greeted.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.ended.wait(), 60)
        assert not made._pool._places


async def test_the_tls_handshake_counts_as_connecting() -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with serving(script) as server, transport(tls=client_tls) as made:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        assert await kind(made, origin, limits=Limits(0.05, 60, 60, 0)) is Kind.CONNECT_TIMEOUT
        await asyncio.wait_for(server.ended.wait(), 60)


@pytest.mark.parametrize("framing", [b"content-length: 3000000\r\n", b"connection: close\r\n"])
async def test_all_that_came_over_tls_before_the_end_can_be_read(framing: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n", *[b"x" * 100_000] * 30)
        peer.close()

    async with (
        serving(script, tls=server_tls("127.0.0.1")) as server,
        transport(tls=client_tls, bounds=ParserLimits(unread=50_000)) as made,
    ):
        reply = await made.send(request(server.origin))
        assert len(await read_all(reply)) == 3_000_000
        assert not isinstance(reply, Failure)
        assert reply.failure is None


async def test_shutting_down_closes_tls_connections() -> None:
    async with (
        serving(answer, tls=server_tls("127.0.0.1")) as server,
        transport(tls=client_tls) as made,
    ):
        assert await read_all(await made.send(request(server.origin))) == b"ok"
        await made.close()
        await asyncio.wait_for(server.ended.wait(), 60)
        assert not made._pool._places


class Tunnel:
    """A proxy that keeps what it was asked and then plays the server itself."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.asked = b""

    async def __call__(self, peer: Peer) -> None:
        self.asked = await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(self.reply)
        if b" 20" in self.reply:
            await peer.request()
            await peer.send(OK)


@pytest.mark.parametrize("answered", [b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n", b"HTTP/1.0 201\r\n\r\n"])
async def test_through_a_proxy(answered: bytes) -> None:
    tunnel = Tunnel(answered)
    async with serving(tunnel) as server:
        proxy = Proxy.parse(f"http://user:secret@127.0.0.1:{server.origin.port}")
        async with transport(proxies=ProxyRules(http=proxy)) as made:
            assert await read_all(await made.send(request(Origin("http", "models.example.com", 8000)))) == b"ok"
    assert tunnel.asked.startswith(b"CONNECT models.example.com:8000 HTTP/1.1\r\nHost: models.example.com:8000\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n" in tunnel.asked


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 407 Auth\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n", b"junk\r\n\r\n", b"x" * 40_000, b""]
)
async def test_a_proxy_that_refuses(reply: bytes) -> None:
    async with serving(Tunnel(reply)) as server:
        proxy = Proxy.parse(f"http://user:secret@127.0.0.1:{server.origin.port}")
        async with transport(proxies=ProxyRules(http=proxy)) as made:
            failure = await made.send(request(Origin("http", "models.example.com", 8000)))
            assert isinstance(failure, Failure)
            assert failure.kind is Kind.PROXY_FAILED
            assert "secret" not in failure.message
            assert "models.example.com" in failure.message


async def test_cancelling_while_the_proxy_thinks_closes_the_connection() -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        asked.set()
        await peer.gone()

    async with serving(script) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        async with transport(proxies=rules) as made:
            task = asyncio.ensure_future(made.send(request(Origin("http", "models.example.com", 80))))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.ended.wait(), 60)
            assert not made._pool._places


async def test_a_proxy_that_breaks_off() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.reset()

    async with serving(script) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        async with transport(proxies=rules) as made:
            assert await kind(made, Origin("http", "models.example.com", 80)) is Kind.PROXY_FAILED


async def test_a_proxy_that_is_not_there() -> None:
    with refusing_port() as port:
        async with transport(proxies=ProxyRules(http=Proxy("127.0.0.1", port))) as made:
            assert await kind(made, Origin("http", "models.example.com", 80)) is Kind.PROXY_FAILED


async def test_a_literal_address_is_judged_before_a_proxy_is_asked() -> None:
    async with transport(proxies=ProxyRules(http=Proxy("127.0.0.1", 1))) as made:
        assert await kind(made, Origin("http", "10.0.0.1", 80)) is Kind.ADDRESS_REFUSED
