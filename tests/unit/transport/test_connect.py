"""Making connections: names, the address policy, happy eyeballs, TLS, proxies. Only loopback is ever dialled."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import msgspec
import pytest
import trustme

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Origin
from penstock.transport.connection import ParserLimits
from penstock.transport.http1 import Http1Transport
from penstock.transport.proxies import Proxy, ProxyRules
from scripted import OK, Names, Peer, SilentNames, answer, read_all, request, serving, transport
from upstream import refusing_port


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
    monkeypatch.setattr("penstock.transport.connect.race", None)
    made = Http1Transport(AddressPolicy(("127.0.0.1", "localhost")), resolver=Names(*addresses))
    assert await kind(made, Origin("http", "rebound.example.com", 80)) is Kind.ADDRESS_REFUSED
    await made.close()


@pytest.mark.parametrize(
    ("addresses", "is_known"),
    [
        (["93.184.216.34"], True),
        (["10.0.0.1", "93.184.216.34"], True),
        (["10.0.0.1"], False),
        (["::1"], False),
        ([], False),
    ],
)
async def test_a_name_is_known_by_an_address_that_may_be_called(addresses: list[str], is_known: bool) -> None:
    """A name of the operator's network alone is told like one that there isn't. Nothing is dialled."""
    names = Names(*addresses)
    made = Http1Transport(AddressPolicy(), resolver=names)
    assert await made.knows(Origin("https", "some.example.com", 443), "caller") is is_known
    assert await made.knows(Origin("https", "localhost", 443), "caller") is False
    assert names.asked == ["some.example.com"]
    await made.close()


async def test_the_judged_address_is_the_one_that_is_dialled() -> None:
    async with serving(answer) as server:
        names = Names("10.0.0.1", "127.0.0.1")
        async with transport(resolver=names) as made:
            origin = Origin("http", "models.example.com", server.origin.port)
            assert await read_all(await made.send(request(origin))) == b"ok"
        assert names.asked == ["models.example.com"]


async def test_connecting_has_a_limit() -> None:
    async with transport(resolver=SilentNames()) as made:
        origin = Origin("http", "slow.example.com", 80)
        assert await kind(made, origin, limits=Limits(0.02, 60, 60, 0)) is Kind.CONNECT_TIMEOUT
        assert await kind(made, origin, limits=Limits(60, 0.02, 60, 0)) is Kind.FIRST_BYTE_TIMEOUT
        assert await kind(made, origin, limits=Limits(0, 60, 60, 0.02)) is Kind.TOTAL_TIMEOUT


async def test_cancelling_while_connecting_leaves_nothing() -> None:
    names = SilentNames()
    async with transport(resolver=names) as made:
        task = asyncio.ensure_future(made.send(request(Origin("http", "slow.example.com", 80))))
        await names.reached.wait()
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
    monkeypatch.setattr("penstock.transport.dial._STAGGER", 0.01)
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
        await asyncio.wait_for(server.ended.wait(), 300)
        assert not made._pool._places


async def test_the_tls_handshake_counts_as_connecting() -> None:
    greeted = asyncio.Event()

    async def script(peer: Peer) -> None:
        greeted.set()
        await peer.gone()

    async with serving(script) as server, transport(tls=client_tls) as made:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        # On a busy machine the time may be over before the socket is open: then the server has seen nobody.
        while not greeted.is_set():
            assert await kind(made, origin, limits=Limits(0.05, 60, 60, 0)) is Kind.CONNECT_TIMEOUT
        await asyncio.wait_for(server.ended.wait(), 300)


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
        await asyncio.wait_for(server.ended.wait(), 300)
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
            assert (
                await read_all(await made.send(request(Origin("http", "models.example.com", 8000, trusted=True))))
                == b"ok"
            )
    assert tunnel.asked.startswith(b"CONNECT models.example.com:8000 HTTP/1.1\r\nHost: models.example.com:8000\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n" in tunnel.asked


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 407 Auth\r\n\r\n", b"HTTP/1.1 502 No\r\n\r\n", b"junk\r\n\r\n", b"x" * 40_000, b""]
)
async def test_a_proxy_that_refuses(reply: bytes) -> None:
    async with serving(Tunnel(reply)) as server:
        proxy = Proxy.parse(f"http://user:secret@127.0.0.1:{server.origin.port}")
        async with transport(proxies=ProxyRules(http=proxy)) as made:
            failure = await made.send(request(Origin("http", "models.example.com", 8000, trusted=True)))
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
            task = asyncio.ensure_future(made.send(request(Origin("http", "models.example.com", 80, trusted=True))))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.ended.wait(), 300)
            assert not made._pool._places


async def test_a_proxy_that_breaks_off() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.reset()

    async with serving(script) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        async with transport(proxies=rules) as made:
            assert await kind(made, Origin("http", "models.example.com", 80, trusted=True)) is Kind.PROXY_FAILED


async def test_a_proxy_that_is_not_there() -> None:
    with refusing_port() as port:
        async with transport(proxies=ProxyRules(http=Proxy("127.0.0.1", port))) as made:
            assert await kind(made, Origin("http", "models.example.com", 80, trusted=True)) is Kind.PROXY_FAILED


async def test_a_literal_address_is_judged_before_a_proxy_is_asked() -> None:
    async with transport(proxies=ProxyRules(http=Proxy("127.0.0.1", 1))) as made:
        assert await kind(made, Origin("http", "10.0.0.1", 80)) is Kind.ADDRESS_REFUSED


class Proxied:
    """A proxy that keeps whom it was asked for. It opens a way to the addresses in ``open`` and plays their server."""

    def __init__(self, *served: str) -> None:
        self.served = served
        self.asked: list[str] = []

    async def __call__(self, peer: Peer) -> None:
        target = (await peer.reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked.append(target)
        if target not in self.served:
            await peer.send(b"HTTP/1.1 502 No\r\n\r\n")
            return
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await peer.request()
        await peer.send(OK)


async def test_a_callers_host_is_judged_before_a_proxy_is_asked_for_the_judged_address() -> None:
    proxy = Proxied("8.8.4.4:8000")
    async with serving(proxy) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        names = Names("10.0.0.1", "2001:4860:4860::8888", "8.8.4.4")
        async with transport(proxies=rules, resolver=names) as made:
            assert await read_all(await made.send(request(Origin("http", "models.example.com", 8000)))) == b"ok"
    assert proxy.asked == ["[2001:4860:4860::8888]:8000", "8.8.4.4:8000"]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (Names("10.0.0.1"), Kind.ADDRESS_REFUSED),
        (Names("169.254.169.254", "fd00:ec2::254"), Kind.ADDRESS_REFUSED),
        (Names(), Kind.NAME_NOT_RESOLVED),
    ],
)
async def test_a_callers_host_that_may_not_be_called_reaches_no_proxy(names: Names, why: Kind) -> None:
    proxy = Proxied()
    async with serving(proxy) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        async with transport(proxies=rules, resolver=names) as made:
            assert await kind(made, Origin("http", "rebound.example.com", 80)) is why
    assert proxy.asked == []


async def test_a_name_of_this_machine_is_dialled_straight() -> None:
    proxy = Proxied()
    async with serving(proxy) as between, serving(answer) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", between.origin.port))
        async with transport(proxies=rules, resolver=Names("127.0.0.1", "8.8.8.8")) as made:
            origin = Origin("http", "vllm.example.com", server.origin.port)
            assert await read_all(await made.send(request(origin))) == b"ok"
            assert await read_all(await made.send(request(server.origin))) == b"ok"
    assert proxy.asked == []


async def test_a_proxy_that_refuses_every_address() -> None:
    proxy = Proxied()
    async with serving(proxy) as server:
        rules = ProxyRules(http=Proxy("127.0.0.1", server.origin.port))
        async with transport(proxies=rules, resolver=Names("8.8.8.8", "8.8.4.4")) as made:
            assert await kind(made, Origin("http", "models.example.com", 80)) is Kind.PROXY_FAILED
    assert proxy.asked == ["8.8.8.8:80", "8.8.4.4:80"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "x.localhost"])
async def test_loopback_needs_no_look_up(host: str) -> None:
    names = SilentNames()
    async with serving(answer) as server, transport(resolver=names) as made:
        origin = Origin("http", host, server.origin.port, trusted=True)
        assert await read_all(await made.send(request(origin))) == b"ok"
    assert not names.reached.is_set()


@pytest.mark.parametrize(
    ("origin", "caller"),
    [
        (Origin("http", "models.example.com", 80), "team-a"),
        (Origin("http", "acme.vendor.example", 80, trusted=True, named=True), "team-a"),
        (Origin("http", "api.vendor.example", 80, trusted=True), None),
    ],
)
async def test_the_look_ups_of_hosts_that_callers_name_are_the_callers(origin: Origin, caller: str | None) -> None:
    names = Names()
    call = request(origin)
    call.caller = "team-a"
    async with transport(resolver=names) as made:
        await made.send(call)
    assert names.callers == [caller]


async def test_a_name_whose_addresses_do_not_answer_is_looked_up_anew() -> None:
    names = Names("127.0.0.1")
    with refusing_port() as port:
        async with transport(resolver=names) as made:
            assert await kind(made, Origin("http", "models.example.com", port, trusted=True)) is Kind.CONNECTION_REFUSED
    assert names.forgotten == ["models.example.com"]


async def test_beyond_loopback_a_caller_does_not_learn_why_its_host_can_not_be_called() -> None:
    trusting = AddressPolicy(("127.0.0.0/8",))
    told = set()
    with refusing_port() as port:
        for names in (Names(), Names("10.0.0.1"), Names("169.254.169.254"), Names("127.0.0.1")):
            made = Http1Transport(trusting, resolver=names, is_discreet=True)
            told.add(await made.send(request(Origin("http", "models.example.com", port))))
    (failure,) = told
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.HOST_UNAVAILABLE, 502)


async def test_the_operators_own_hosts_are_told_of_in_full() -> None:
    async with transport(resolver=Names(), is_discreet=True) as made:
        assert await kind(made, Origin("http", "api.vendor.example", 80, trusted=True)) is Kind.NAME_NOT_RESOLVED


class NoFiles:
    """Sockets that can't be made while ``lacking``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lacking: int) -> None:
        self.lacking = lacking
        module = SimpleNamespace(**{**vars(socket), "socket": self._make})
        monkeypatch.setattr("penstock.transport.dial.socket", module)

    def _make(self, *args: int) -> socket.socket:
        if self.lacking:
            self.lacking -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return socket.socket(*args)


async def test_a_lack_of_files_closes_idle_connections_and_dials_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(answer) as server, serving(answer) as other, transport() as made:
        assert await read_all(await made.send(request(server.origin))) == b"ok"
        files = NoFiles(monkeypatch, 1)
        assert await read_all(await made.send(request(other.origin))) == b"ok"
        assert files.lacking == 0
        await asyncio.wait_for(server.ended.wait(), 300)
        assert "no file left" in caplog.text


async def test_a_lack_of_files_is_the_gateways_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer) as server, transport() as made:
        NoFiles(monkeypatch, 1000)
        failure = await made.send(request(server.origin))
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.status, failure.sent) == (Kind.OUT_OF_FILES, 503, False)
        assert "Too many" not in failure.message


@pytest.mark.parametrize(
    "origin", [Origin("http", "api.vendor.example", 80, trusted=True), Origin("https", "127.0.0.1", 1)]
)
async def test_a_lack_of_files_that_shows_as_another_failure(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.transport.connect.has_file_left", lambda: False)
    async with serving(answer) as server, transport(tls=client_tls) as made:
        assert await kind(made, msgspec.structs.replace(origin, port=server.origin.port)) is Kind.OUT_OF_FILES


async def test_a_server_that_wants_a_client_certificate_says_so() -> None:
    context = server_tls("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    with blocking_tls(context) as port:
        async with transport(tls=client_tls) as made:
            failure = await made.send(request(Origin("https", "127.0.0.1", port)))
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.TLS_FAILED
    assert "upstream.client_cert" in failure.message


@contextmanager
def blocking_tls(context: ssl.SSLContext) -> Iterator[int]:
    """A server of one connection that sends its alerts, as OpenSSL's own servers do. (asyncio's just cuts.)"""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            # A socket that is closed with unread bytes resets the connection, which may hide the alert: read them all.
            with accepted, accepted.dup() as raw:
                with contextlib.suppress(OSError):
                    context.wrap_socket(accepted, server_side=True).close()
                while raw.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join(300)
