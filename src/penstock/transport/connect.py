"""From an origin to a connected, checked and, where it applies, encrypted socket.

Every address that a name resolves to is judged, and a judged address is what is dialled: there is no second look-up
for another answer to slip in. Several addresses race as RFC 8305 (happy eyeballs) has it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, zip_longest
from typing import Final

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin
from penstock.transport.connection import Connection
from penstock.transport.proxies import Proxy

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses in order of preference. Raises OSError when there are none."""

_STAGGER: Final = 0.25
"""Seconds before the next address is tried beside the one that hasn't answered (RFC 8305 section 8)."""
_MAX_PROXY_ANSWER: Final = 16 << 10
_PROXY_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


class NotConnected(Exception):
    """The connection was not made, for the reason that ``failure`` tells."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Connector:
    """Makes connections. ``tls`` is asked for the context of https origins, once."""

    def __init__(self, policy: AddressPolicy, tls: Callable[[], ssl.SSLContext], resolver: Resolve = resolve) -> None:
        self._policy = policy
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._resolve = resolver

    async def connect(
        self, origin: Origin, proxy: Proxy | None, protocol: Callable[[], Connection]
    ) -> Connection | Failure:
        """A connected ``protocol()``. Cancelling leaves no socket behind."""
        try:
            sock = await (self._dial(origin) if proxy is None else self._dial_proxy(origin, proxy))
        except NotConnected as error:
            return error.failure
        loop = asyncio.get_running_loop()
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme != "https":
                _, connection = await loop.create_connection(protocol, sock=sock)
            else:
                self._tls = self._tls or self._make_tls()
                _, connection = await loop.create_connection(
                    protocol, sock=sock, ssl=self._tls, server_hostname=origin.host
                )
        except OSError as error:
            sock.close()
            return _tls_failed(origin, error) if origin.scheme == "https" else _unreachable(origin.authority, error)
        except BaseException:
            sock.close()
            raise
        return connection

    async def _dial(self, origin: Origin) -> socket.socket:
        try:
            addresses = await self._resolve(origin.host, origin.port)
        except (OSError, UnicodeError) as error:
            raise NotConnected(_unresolved(origin.host, error)) from None
        refusals = {address: self._policy.refuse_address(origin, address) for address in addresses}
        allowed = [address for address in addresses if refusals[address] is None]
        if not allowed:
            raise NotConnected(_refused(origin, next(filter(None, refusals.values()), "it has no address")))
        try:
            return await _race(allowed, origin.port)
        except OSError as error:
            raise NotConnected(_unreachable(origin.authority, error)) from None

    async def _dial_proxy(self, origin: Origin, proxy: Proxy) -> socket.socket:
        # The proxy resolves the name, so only a literal address can be judged here.
        reason = _literal_refusal(self._policy, origin)
        if reason is not None:
            raise NotConnected(_refused(origin, reason))
        try:
            sock = await _race(await self._resolve(proxy.host, proxy.port), proxy.port)
        except (OSError, UnicodeError) as error:
            text = f"The proxy at {proxy.host}:{proxy.port} can't be reached ({_reason(error)}): check HTTPS_PROXY."
            raise NotConnected(Failure(Kind.PROXY_FAILED, text)) from None
        try:
            await _tunnel(sock, origin, proxy)
        except BaseException:
            sock.close()
            raise
        return sock


async def _race(addresses: Sequence[str], port: int) -> socket.socket:
    """The first address to accept. Raises the first OSError when none does."""
    if len(addresses) == 1:
        return await _dial_one(addresses[0], port)
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    waiting = _interleaved(addresses)
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_dial_one(waiting.pop(0), port)))
            done, running = await asyncio.wait(
                running, timeout=_STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    done.discard(task)
                    running |= done
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
        raise errors[0]
    finally:
        await _give_up(running)


async def _give_up(running: set[asyncio.Task[socket.socket]]) -> None:
    for task in running:
        task.cancel()
    for result in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


def _interleaved(addresses: Sequence[str]) -> list[str]:
    """Families in turn, beginning with that of the preferred address."""
    first = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) is first]
    other = [address for address in addresses if (":" in address) is not first]
    return [address for address in chain(*zip_longest(same, other)) if address is not None]


async def _dial_one(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel (RFC 9110, 9.3.6)."""
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    answer = b""
    try:
        await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in answer and len(answer) < _MAX_PROXY_ANSWER:
            data = await loop.sock_recv(sock, 4096)
            if not data:
                break
            answer += data
    except OSError as error:
        text = f"The proxy at {proxy.host}:{proxy.port} broke off ({_reason(error)}): check that it allows CONNECT."
        raise NotConnected(Failure(Kind.PROXY_FAILED, text)) from None
    found = _PROXY_STATUS.match(answer)
    if found is None or found[1][:1] != b"2" or b"\r\n\r\n" not in answer:
        shown = f"status {found[1].decode()}" if found else "no HTTP answer"
        text = f"The proxy at {proxy.host}:{proxy.port} did not open a way to {origin.host} ({shown}): check its rules."
        raise NotConnected(Failure(Kind.PROXY_FAILED, text))


def _literal_refusal(policy: AddressPolicy, origin: Origin) -> str | None:
    try:
        return policy.refuse_address(origin, origin.host)
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _unresolved(host: str, error: BaseException) -> Failure:
    text = f"The name {host} could not be resolved ({_reason(error)}): check the provider's address and your DNS."
    return Failure(Kind.NAME_NOT_RESOLVED, text)


def _refused(origin: Origin, reason: str) -> Failure:
    text = (
        f"The gateway does not connect to {origin.host}: {reason}. If the operator trusts it, add it to the setting "
        "trusted_hosts."
    )
    return Failure(Kind.ADDRESS_REFUSED, text, "x-portkey-custom-host")


def _unreachable(authority: str, error: OSError) -> Failure:
    text = f"The provider at {authority} can't be reached ({_reason(error)}): check its address and that it runs."
    return Failure(Kind.CONNECTION_REFUSED, text)


def _tls_failed(origin: Origin, error: BaseException) -> Failure:
    reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or _reason(error)
    text = (
        f"No secure connection to {origin.authority} ({reason}): check its certificate, and ca_file for a private CA."
    )
    return Failure(Kind.TLS_FAILED, text)
